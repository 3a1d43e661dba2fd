"""Reading inputs: from a file or standard input, up to a size, and which frame of several."""

from dataclasses import dataclass, replace
from math import prod

from convcli.cli.options import check_least
from convcli.files.streams import STREAM, input_name, standard_input
from convcli.pictures.limits import MAX_PIXELS, Limits
from convcli.pictures.picture import Picture
from convcli.pictures.reading import load_picture
from convcli.sizes.text import parse_amount

__all__ = ["ReadOptions"]


@dataclass(frozen=True)
class ReadOptions:
    """The limits of pictures, and which frame of several is read."""

    limits: Limits
    frame: int | None

    @classmethod
    def read(cls, max_pixels: str | None, max_memory: str | None, frame: int | None) -> "ReadOptions":
        """Check the options.

        Raises
        ------
        UsageError
            A value is out of range.
        """
        check_least("--frame", frame, 0)
        pixels = MAX_PIXELS if max_pixels is None else parse_amount(max_pixels, "--max-pixels", minimum=1)
        memory = None if max_memory is None else parse_amount(max_memory, "--max-memory", minimum=1)
        return cls(Limits(pixels, memory), frame)

    def with_room(self, bytes_of_a_number: int) -> "ReadOptions":
        """Return the same with a memory limit for work that takes `bytes_of_a_number` bytes per value."""
        limits = replace(self.limits, result_bytes=lambda size, *_: prod(size) * bytes_of_a_number)
        return replace(self, limits=limits)

    def load(self, source: str) -> Picture:
        """Load a picture from a file, or from standard input.

        Raises
        ------
        ImageError
            The picture cannot be read.
        """
        stream = standard_input() if source == STREAM else source
        return load_picture(stream, input_name(source), self.limits, frame=self.frame)
