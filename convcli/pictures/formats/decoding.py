"""Decodes picture files: what every decoder provides, the list of decoders, and decoding in the background.

Does not use numpy: files of 8-bit pixels are decoded without it.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from convcli.errors import NotKeptWhole, install_command
from convcli.parallel import BackgroundTask
from convcli.pictures.formats.png import decoder as png
from convcli.pictures.limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from convcli.pictures.picture import Picture

__all__ = [
    "DECODERS",
    "Decoded",
    "Decoder",
    "decode",
    "readable_extensions",
    "readable_formats",
    "start_decoding",
]

BACKGROUND_MIN_BYTES = 1 << 19  # decoding a smaller file takes less time than starting a thread


class Decoded(Protocol):
    """A decoded picture."""

    def check_size(self, name: str, limits: Limits) -> None:
        """Raise ImageError if the picture is larger than the limits allow."""

    def to_picture(self, name: str) -> Picture:
        """Return the picture; the only step that may need numpy."""


class Decoder(Protocol):
    """A module that decodes picture files."""

    @property
    def FORMATS(self) -> tuple[str, ...]:  # noqa: N802 -- a constant of the module
        """The names of the formats that it reads, for messages."""

    @property
    def EXTENSIONS(self) -> tuple[str, ...]:  # noqa: N802
        """The file extensions of these formats, in lower case."""

    def decode(self, stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> Decoded | None:
        """Decode a picture, or return None if the file is in none of the formats.

        Parameters
        ----------
        stream : binary stream
            Seekable, at its start.
        name : str
            The name to use in messages.
        limits : Limits
            Checked before the pixels are decoded.
        frame : int or None
            Which of several pictures to decode, counted from 0 (default: the first).

        Raises
        ------
        NotKeptWhole
            The decoder would lose bits, channels or planes of it: the next decoders try.
        ImageError
            It is damaged, is larger than the limits allow, or does not have that frame.
        """


class _LateDecoder:
    """The decoder of a package here, which is loaded when a file may be in one of its formats."""

    def __init__(self, package: str) -> None:
        self._name = f"convcli.pictures.formats.{package}.decoder"

    @property
    def _decoder(self) -> Decoder:
        decoder: Decoder = import_module(self._name)
        return decoder

    @property
    def FORMATS(self) -> tuple[str, ...]:  # noqa: N802 -- of the decoder
        return self._decoder.FORMATS

    @property
    def EXTENSIONS(self) -> tuple[str, ...]:  # noqa: N802
        return self._decoder.EXTENSIONS

    def decode(self, stream: BinaryIO, name: str, limits: Limits, frame: int | None) -> Decoded | None:
        return self._decoder.decode(stream, name, limits, frame)


_PILLOW = _LateDecoder("pillow")
DECODERS: tuple[Decoder, ...] = (png, _PILLOW, _LateDecoder("deep"))
"""Every decoder, the preferred ones first."""

_started: dict[str, BackgroundTask[Decoded | None]] = {}


def readable_formats() -> str:
    """Return the names of all formats that can be decoded, as a list in a sentence.

    Examples
    --------
    >>> readable_formats()
    'PNG, JPEG, TIFF, WebP, BMP, GIF, PNM, AVIF, JPEG 2000 and JPEG XL'
    """
    *others, last = dict.fromkeys(name for decoder in DECODERS for name in decoder.FORMATS)
    return f"{', '.join(others)} and {last}"


def readable_extensions() -> set[str]:
    """Return the file extensions of all formats that can be decoded."""
    return {extension for decoder in DECODERS for extension in decoder.EXTENSIONS}


def decode(
    stream: BinaryIO, name: str, limits: Limits = DEFAULT_LIMITS, *, frame: int | None = None
) -> Decoded | None:
    """Decode a picture with the first decoder that reads its format; see `Decoder.decode`."""
    task = _started.pop(getattr(stream, "name", ""), None)
    decoded = task.result() if task is not None and frame is None else None
    if decoded is None:
        return _decode(DECODERS, stream, name, limits, frame)
    decoded.check_size(name, limits)  # decoding started before the limits were known
    return decoded


def _decode(
    decoders: Sequence[Decoder], stream: BinaryIO, name: str, limits: Limits, frame: int | None
) -> Decoded | None:
    refusal: NotKeptWhole | None = None
    for decoder in decoders:
        stream.seek(0)
        try:
            decoded = decoder.decode(stream, name, limits, frame)
        except NotKeptWhole as error:
            refusal = refusal or error
            continue
        if decoded is not None:
            return decoded
    if refusal is not None:
        raise NotKeptWhole(name, f"{refusal.why}; {install_command('deep')} reads it")
    return None


def start_decoding(path: str) -> None:
    """Start decoding a large PNG or JPEG file on a background thread; `decode` picks up the result.

    Ignores all errors: `decode` will meet them again and report them.
    """
    with suppress(OSError, ValueError, RuntimeError):  # RuntimeError: no more threads can be started
        if Path(path).stat().st_size < BACKGROUND_MIN_BYTES or not Path(path).is_file():
            return
        with Path(path).open("rb") as stream:
            start = stream.read(4)
        if start not in {b"\x89PNG", b"\xff\xd8\xff\xe0", b"\xff\xd8\xff\xe1"}:
            return
        if start != b"\x89PNG":
            # Importing is fastest before there are two threads that do.
            from convcli.pictures.formats.pillow.opening import load_plugin

            import_module("convcli.pictures.formats.pillow.decoder")
            load_plugin("JPEG")
            _started[str(Path(path))] = BackgroundTask(partial(_decode_jpeg, path))
            return
        _started[str(Path(path))] = BackgroundTask(partial(_decode_file, path))


def _decode_file(path: str) -> Decoded | None:
    with Path(path).open("rb") as stream:
        return _decode((png, _PILLOW), stream, path, DEFAULT_LIMITS, None)  # the others may need numpy


def _decode_jpeg(path: str) -> Decoded | None:
    """Decode from memory: after each read from a file, another thread may run for some milliseconds."""
    return _PILLOW.decode(io.BytesIO(Path(path).read_bytes()), path, DEFAULT_LIMITS, None)
