"""Hides the packages of the extra, as if they were not installed."""

import sys

import pytest

__all__ = ["hide_extra"]

PACKAGES = ("tifffile", "imagecodecs")
READERS = tuple(f"convcli.pictures.formats.deep.{name}" for name in ("tiff", "codecs", "png_samples"))
"""Modules that may have been loaded with them."""


def hide_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the import of the packages of convcli[deep] fail."""
    for name in (*PACKAGES, *READERS):
        monkeypatch.setitem(sys.modules, name, None)
