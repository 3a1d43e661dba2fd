"""Turns whatever reading a part of a picture may raise into an error that a user understands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from convcli.errors import ConvcliError, ImageError, describe_os_error
from convcli.files.urls import redacted_text
from convcli.pictures.formats.deep.decoder import describe_failure

__all__ = ["reported"]


@contextmanager
def reported(name: str) -> Iterator[None]:
    """Raise an ImageError that names the file instead of what a decoder or the system raises.

    Examples
    --------
    >>> with reported("slide.tif"):
    ...     b"short"[10]
    Traceback (most recent call last):
    ...
    convcli.errors.ImageError: slide.tif: is damaged, or of a kind that is not read
    """
    try:
        yield
    except ConvcliError:
        raise
    except MemoryError:
        raise ImageError(name, "cannot be read: there is not enough memory") from None
    except OSError as error:
        raise ImageError(name, describe_os_error(error)) from None
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise ImageError(name, redacted_text(describe_failure(error))) from None
