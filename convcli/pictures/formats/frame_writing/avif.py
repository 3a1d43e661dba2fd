"""AVIF sequences, written by Pillow."""

from collections.abc import Mapping
from typing import Any

from PIL import Image

from convcli.pictures.formats.encoding import pillow_options, save_with_pillow
from convcli.pictures.formats.frame_reading.container import FrameInfo
from convcli.pictures.formats.frame_writing.unlike import unlike_first
from convcli.pictures.formats.output_formats import OutputFormat
from convcli.pictures.picture import Picture, without_channel_axis
from convcli.sizes.text import format_size

__all__ = ["AvifFrames"]


class AvifFrames:
    """Collects pictures, because the encoder predicts one from another."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.options: Mapping[str, Any] = {}  # those of the first frame
        self.images: list[Image.Image] = []
        self.durations: list[int] = []

    def add(self, picture: Picture, info: FrameInfo) -> tuple[str, ...]:
        """Add a frame and return notes about what is not kept.

        Raises
        ------
        OutputError
            It differs in size from the first.
        """
        image = Image.fromarray(without_channel_axis(picture).pixels)
        if not self.images:
            self.options = pillow_options(picture, OutputFormat.AVIF)
        elif image.size != self.images[0].size:
            sizes = format_size(image.size[::-1]), format_size(self.images[0].size[::-1])
            raise unlike_first(self.name, len(self.images), *sizes, "an avif")
        self.images.append(image)
        self.durations.append(round(info.shown))
        return () if round(info.shown) == info.shown else ("durations are rounded to milliseconds",)

    def finish(self) -> list[memoryview]:
        """Return the file.

        Raises
        ------
        OutputError
            The encoder fails.
        """
        options = {**self.options, "duration": self.durations}
        return [save_with_pillow(self.images, OutputFormat.AVIF, self.name, options)]
