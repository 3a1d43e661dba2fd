"""Builds the core when convcli is installed; without a C compiler, reports that once and goes on."""

from setuptools import Extension
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

CONSEQUENCE = "convcli works without it, through numpy, but slower; install a C compiler and convcli again"


class BuildCore(build_ext):
    """The command build_ext, whose message says what a core that was not built means."""

    def build_extension(self, ext: Extension) -> None:
        """Compile the core, or explain why it is left out."""
        if self.compiler.compiler_type == "msvc":  # the flags in pyproject.toml are those of GCC and Clang
            ext.extra_compile_args = ["/std:c11", "/O2"]
        try:
            super().build_extension(ext)
        except (CCompilerError, BaseError) as error:
            self.warn(f"the compiled core was not built ({error}): {CONSEQUENCE}")
