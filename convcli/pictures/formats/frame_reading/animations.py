"""The frames of WebP and AVIF files, composed onto the canvas by their decoders."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from convcli.errors import ImageError, NotKeptWhole
from convcli.pictures.formats.frame_reading.container import FrameInfo
from convcli.pictures.formats.pillow.decoder import decoder_errors, finish_decoding
from convcli.pictures.formats.pillow.kept_whole import refuse_cut
from convcli.pictures.formats.pillow.opening import open_image
from convcli.pictures.limits import Size
from convcli.pictures.picture import Picture

__all__ = ["PillowAnimation", "count_jpeg_pictures"]


class PillowAnimation:
    """An open animation.

    Attributes
    ----------
    format : str
        In lower case.
    count : int
        How many frames it has.
    plays : int
        How often it is played; 0 is forever.
    size : (height, width, channels)
        Of every frame.

    Raises
    ------
    ImageError
        The file is damaged.
    """

    def __init__(self, stream: BinaryIO, name: str, file_format: str) -> None:
        self.name = name
        self.format = file_format
        self.file_bytes = stream.seek(0, io.SEEK_END)
        with decoder_errors(name):
            image = open_image(stream, name, None)
            if image is None:
                raise ImageError(name, "is damaged or truncated")
            self.image: Any = image
            self.count: int = getattr(image, "n_frames", 1)
            if self.count > 1:
                _refuse_cut(self.image, stream, name)
        self.plays: int = self.image.info.get("loop", 0)
        self.size: Size = self.image.height, self.image.width, len(self.image.mode)

    def frames(self, numbers: range) -> Iterator[tuple[Picture, FrameInfo]]:
        """Decode frames, one after the other.

        Raises
        ------
        ImageError
            The file is damaged.
        """
        for number in numbers:
            with decoder_errors(self.name):
                self.image.seek(number)
                self.image.load()
                frame = self.image.copy()  # what follows changes it
                frame.format = self.image.format
                decoded = finish_decoding(frame, self.name, "", [], self.file_bytes)
            del frame
            yield decoded.to_picture(self.name), FrameInfo(duration=self.image.info.get("duration"))
            del decoded  # before the next is read


def _refuse_cut(image: Any, stream: BinaryIO, name: str) -> None:
    try:
        refuse_cut(image, stream, name)
    except NotKeptWhole as error:
        why = f"{error.why}; of such a file, only the first frame is read (--frame 0)"
        raise ImageError(name, why) from None


def count_jpeg_pictures(stream: BinaryIO, name: str) -> int:
    """Return the number of pictures in a JPEG file: several in a multi-picture file (MPO).

    Raises
    ------
    ImageError
        The file is damaged.
    """
    with decoder_errors(name):
        return int(getattr(open_image(stream, name, None), "n_frames", 1))
