"""Encoding several pictures as one file: each as it comes, so that only encoded frames are held."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from convcli.errors import OutputError
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.format_checks import check_holds
from convcli.pictures.formats.frame_reading.container import Container, FrameInfo
from convcli.pictures.formats.frame_writing.apng import PngFrames
from convcli.pictures.formats.frame_writing.array_stack import ArrayStack
from convcli.pictures.formats.frame_writing.avif import AvifFrames
from convcli.pictures.formats.frame_writing.gif import GifFrames
from convcli.pictures.formats.frame_writing.tiff import TiffPages
from convcli.pictures.formats.frame_writing.webp import WebpFrames
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pictures.picture import Picture

__all__ = ["FrameEncoder", "check_holds_frames"]

MULTIPLE: Mapping[OutputFormat, str] = {
    OutputFormat.GIF: "gif",
    OutputFormat.PNG: "png (APNG)",
    OutputFormat.WEBP: "webp",
    OutputFormat.TIFF: "tiff",
    OutputFormat.AVIF: "avif",
    OutputFormat.NPY: "npy",
}
"""The formats that hold several frames, as messages name them."""
TIMED = {OutputFormat.GIF, OutputFormat.PNG, OutputFormat.WEBP, OutputFormat.AVIF}  # frames have durations


def check_holds_frames(file_format: OutputFormat, container: Container, name: str) -> None:
    """Check that a format can hold as many frames, before they are decoded.

    Raises
    ------
    OutputError
        It holds a single picture.
    """
    if container.count > 1 and file_format not in MULTIPLE:
        *others, last = MULTIPLE.values()
        raise OutputError(
            name,
            f"{file_format} holds one picture, not {container.count} frames; "
            f"use {', '.join(others)} or {last}, or choose one frame, as in --frame 0",
        )


class FrameEncoder:
    """Encodes frames as one file.

    Parameters
    ----------
    file_format : OutputFormat
        `check_holds_frames` must have accepted it.
    container : Container
        What belongs to all frames together.
    name : str
        The output, for messages.
    png_level, jobs : int or None
        As for `encode`.
    """

    def __init__(
        self,
        file_format: OutputFormat,
        container: Container,
        name: str,
        *,
        png_level: int | None = None,
        jobs: int | None = None,
    ) -> None:
        self.file_format = file_format
        self.container = container
        self.name = name
        self._encode: Callable[[Picture], Sequence[bytes | memoryview]] = partial(
            encode, file_format=file_format, name=name, png_level=png_level, jobs=jobs
        )
        self._single: Sequence[bytes | memoryview] = ()
        self._pictures: ArrayStack | AvifFrames | None = None
        self._files: PngFrames | GifFrames | WebpFrames | TiffPages | None = None
        if file_format == OutputFormat.NPY and container.several:
            self._pictures = ArrayStack(name)
        elif file_format == OutputFormat.AVIF and container.count > 1:
            self._pictures = AvifFrames(name)
        elif file_format == OutputFormat.PNG:
            self._files = PngFrames(container, name)
        elif file_format == OutputFormat.GIF:
            self._files = GifFrames(container)
        elif file_format == OutputFormat.WEBP and container.several:
            self._files = WebpFrames(container, name)
        elif file_format == OutputFormat.TIFF:
            self._files = TiffPages(name)

    def add(self, picture: Picture, info: FrameInfo) -> tuple[str, ...]:
        """Add a frame and return notes about what is not kept.

        Raises
        ------
        OutputError
            The format cannot hold it, or not beside the first.
        """
        notes = [*check_holds(picture, self.file_format, self.name), *self._lost(info)]
        if self._pictures is not None:
            notes += self._pictures.add(picture, info)
        elif self._files is not None:
            notes += self._files.add(b"".join(self._encode(picture)), info)
        else:
            self._single = self._encode(picture)
        return tuple(notes)

    def finish(self) -> Sequence[bytes | memoryview]:
        """Return the parts of the file.

        Raises
        ------
        OutputError
            The encoder fails.
        """
        parts = self._pictures or self._files
        return self._single if parts is None else parts.finish()

    def _lost(self, info: FrameInfo) -> list[str]:
        notes = []
        if info.duration is not None and self.file_format not in TIMED:
            notes.append(f"{self.file_format} cannot hold the durations of frames")
        if (info.page_name or info.description) and self.file_format != OutputFormat.TIFF:
            notes.append(f"{self.file_format} cannot hold the names and descriptions of pages")
        return notes
