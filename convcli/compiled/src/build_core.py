"""Builds the core when convcli is installed; without a C compiler, reports that once and goes on."""

import os
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

from setuptools import Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

CONSEQUENCE = "convcli works without it, through numpy, but slower; install a C compiler and convcli again"


class BuildCore(build_ext):
    """The command build_ext, on all CPU cores, and with a message that says what a missing core means."""

    def finalize_options(self) -> None:
        """Every file that stands beside this one is in the source distribution."""
        super().finalize_options()
        for ext in self.extensions or ():
            folder = Path(ext.sources[0]).parent
            ext.depends = [str(path) for pattern in ("*.py", "*.h") for path in sorted(folder.glob(pattern))]

    def build_extension(self, ext: Extension) -> None:
        """Compile the core, or explain why it is left out."""
        if self.compiler.compiler_type == "msvc":  # the flags in pyproject.toml are those of GCC and Clang
            ext.extra_compile_args = ["/std:c11", "/O2"]
        compile_files = self.compiler.compile

        def compile_at_once(sources: list[str], **options: Any) -> list[str]:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                return [*chain(*pool.map(lambda source: compile_files([source], **options), sources))]

        self.compiler.compile = compile_at_once
        try:
            super().build_extension(ext)
        except (CCompilerError, BaseError) as error:
            self.warn(f"the compiled core was not built ({error}): {CONSEQUENCE}")
