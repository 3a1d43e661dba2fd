"""How inputs are read: from where, how large they may be, which frame of several, on what background."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from convcli.errors import ImageError, PictureTooLargeError, install_command
from convcli.files.streams import STREAM, input_name, standard_input
from convcli.pictures.backgrounds import Color, flatten
from convcli.pictures.frames import FrameRange
from convcli.pictures.limits import DEFAULT_LIMITS, Limits, Size
from convcli.pictures.picture import Picture
from convcli.pictures.reading import load_frames, load_picture
from convcli.signals import interruptible

if TYPE_CHECKING:
    from convcli.pictures.formats.frame_reading.container import FramePicture, Frames
    from convcli.pictures.regions.properties import LargePicture
    from convcli.pictures.regions.region import Region

__all__ = ["ReadOptions"]


class ReadOptions(NamedTuple):
    """How large pictures may be, which parts are read, and the color that transparency is laid over.

    Attributes
    ----------
    limits : Limits
    frame : int, FrameRange or None
    background : Color or None
    level : int or None
        Of a pyramid; None: the largest.
    region : Region or None
        The only part that is read.
    by_tiles : bool
        Whether pictures are never held whole.
    """

    limits: Limits = DEFAULT_LIMITS
    frame: int | FrameRange | None = None
    background: Color | None = None
    level: int | None = None
    region: "Region | None" = None
    by_tiles: bool = False

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
        stream, name = standard_input() if source == STREAM else source, input_name(source)
        with interruptible():  # decoding may be one long call of C code
            picture = load_picture(
                stream, name, self.limits, frame=self.frame, level=self.level, region=self.region
            )
        return self._over_background(picture, source)

    @contextmanager
    def open_large(
        self, source: str, too_large: PictureTooLargeError | None = None
    ) -> "Iterator[LargePicture]":
        """Open a file to read rows of it, laid over the background; what has to be read whole is.

        Raises
        ------
        ImageError
            It cannot be read, or not in parts although it must: then it is `too_large`, if that was found.
        """
        from convcli.pictures.regions.flattened import Flattened  # late, as above
        from convcli.pictures.regions.opening import lacks_extra, open_large
        from convcli.pictures.regions.whole import WholePicture

        assert not isinstance(self.frame, FrameRange)
        name = input_name(source)
        large = None
        if source != STREAM:
            try:
                large = open_large(
                    source, name, level=self.level, region=self.region, frame=self.frame, limits=self.limits
                )
            except ImageError:
                if too_large is None:
                    raise
        if large is None and (self.by_tiles or too_large):
            if source != STREAM and lacks_extra(source):
                advice = f"a TIFF is read in parts by tifffile; {install_command('deep')} brings it"
                if too_large is not None:
                    raise PictureTooLargeError(name, f"{too_large.why}; {advice}")
                raise ImageError(name, advice)
            advice = "write it to a file first" if source == STREAM else "leave --by-tiles out"
            raise too_large or ImageError(name, f"cannot be read in parts, as a TIFF or a .zarr is; {advice}")
        with large or WholePicture(self.load(source)) as large:
            if self.background is None or not large.properties.has_alpha:
                yield large
            else:
                yield Flattened(large, partial(self._over_background, source=source))

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
