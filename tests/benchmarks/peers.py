"""The libraries and the machine that convcli is compared on; what is absent is said, never passed over."""

import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType

from convcli.parallel import available_cores

__all__ = ["LIBRARIES", "Machine", "absent_libraries", "library", "machine"]

LIBRARIES: Mapping[str, str] = {
    "cv2": "opencv-python-headless",
    "scipy.ndimage": "scipy",
    "skimage.filters": "scikit-image",
    "skimage.measure": "scikit-image",
    "PIL.Image": "pillow",
    "torch": "torch",
    "pyvips": "pyvips",
    "onnx": "onnx",
    "onnxruntime": "onnxruntime",
}
"""The modules that take part, and the package that each is installed by."""


@dataclass(frozen=True)
class Machine:
    """Where the figures were taken."""

    system: str
    processor: str
    processors: int
    memory_bytes: int
    versions: Mapping[str, str]


@cache
def library(name: str) -> ModuleType | None:
    """Return a module of `LIBRARIES`, or None where it is absent or cannot be loaded here."""
    assert name in LIBRARIES, name
    try:
        return import_module(name)
    except (ImportError, OSError):  # pyvips without libvips is an OSError
        return None


def absent_libraries() -> list[str]:
    """Return the packages that do not take part because they are not there."""
    return list(dict.fromkeys(package for name, package in LIBRARIES.items() if library(name) is None))


def machine() -> Machine:
    """Describe this machine."""
    return Machine(
        system=f"{platform.system()} {platform.release()}",
        processor=_processor(),
        processors=available_cores(),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        versions=_versions(),
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in dict.fromkeys(["convcli", "numpy", "typer", *LIBRARIES.values()]):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            if package == "convcli":  # run from its folder, not installed
                found[package] = import_module("convcli").__version__
    return found
