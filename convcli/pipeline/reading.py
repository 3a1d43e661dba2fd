"""How inputs are read: from where, how large they may be, which frame of several, on what background."""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

from convcli.errors import ImageError
from convcli.files.streams import STREAM, input_name, standard_input
from convcli.pictures.backgrounds import Color, flatten
from convcli.pictures.limits import DEFAULT_LIMITS, Limits, Size
from convcli.pictures.picture import Picture
from convcli.pictures.reading import load_picture
from convcli.signals import interruptible

__all__ = ["ReadOptions"]


class ReadOptions(NamedTuple):
    """How large pictures may be, which frame is read, and the color that transparent pixels are laid over."""

    limits: Limits = DEFAULT_LIMITS
    frame: int | None = None
    background: Color | None = None

    def with_result_bytes(self, needed: Callable[[Size, int, bool], int]) -> "ReadOptions":
        """Return the same options for work that takes that much memory, see `Limits.result_bytes`."""
        return self._replace(limits=self.limits._replace(result_bytes=needed))

    def load(self, source: str) -> Picture:
        """Load a picture from a file, or from standard input.

        Raises
        ------
        ImageError
            The picture cannot be read, or not laid over the background.
        """
        stream = standard_input() if source == STREAM else source
        with interruptible():  # decoding may be one long call of C code
            picture = load_picture(stream, input_name(source), self.limits, frame=self.frame)
        if self.background is None or picture.alpha is None:
            return picture
        try:
            flat = flatten(picture, self.background)
        except ImageError as error:
            raise ImageError(input_name(source), str(error)) from None
        return replace(flat, notes=(*picture.notes, *flat.notes))
