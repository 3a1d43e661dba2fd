"""How inputs are read: from where, how large they may be, which frame of several, on what background."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import ImageError
from convcli.files.streams import STREAM, input_name, standard_input
from convcli.pictures.backgrounds import Color, flatten
from convcli.pictures.frames import FrameRange
from convcli.pictures.limits import DEFAULT_LIMITS, Limits, Size
from convcli.pictures.picture import Picture
from convcli.pictures.reading import load_frames, load_picture
from convcli.signals import interruptible

if TYPE_CHECKING:
    from convcli.pictures.formats.frame_reading.container import FramePicture, Frames

__all__ = ["ReadOptions"]


class ReadOptions(NamedTuple):
    """How large pictures may be, which frames are read, and the color that transparency is laid over."""

    limits: Limits = DEFAULT_LIMITS
    frame: int | FrameRange | None = None
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
        assert not isinstance(self.frame, FrameRange)
        stream = standard_input() if source == STREAM else source
        with interruptible():  # decoding may be one long call of C code
            picture = load_picture(stream, input_name(source), self.limits, frame=self.frame)
        return self._over_background(picture, source)

    @contextmanager
    def load_frames(self, source: str, selected: FrameRange) -> "Iterator[Frames]":
        """Open a file or standard input, and yield its frames; each is loaded when the iterator reaches it.

        Raises
        ------
        ImageError
            A picture cannot be read, or not laid over the background, also while iterating.
        """
        stream = standard_input() if source == STREAM else source
        with load_frames(stream, input_name(source), self.limits, selected) as frames:
            yield frames._replace(pictures=self._loaded(frames.pictures, source))

    def _loaded(self, pictures: "Iterator[FramePicture]", source: str) -> "Iterator[FramePicture]":
        while True:
            with interruptible():
                loaded = next(pictures, None)
            if loaded is None:
                return
            yield self._over_background(loaded[0], source), loaded[1]
            del loaded  # before the next is read

    def _over_background(self, picture: Picture, source: str) -> Picture:
        if self.background is None or picture.alpha is None:
            return picture
        try:
            flat = flatten(picture, self.background)
        except ImageError as error:
            raise ImageError(input_name(source), str(error)) from None
        return replace(flat, notes=(*picture.notes, *flat.notes))
