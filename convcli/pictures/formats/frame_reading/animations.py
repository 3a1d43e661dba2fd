"""The frames of GIF, WebP and AVIF files, composed onto the canvas by Pillow's decoders."""

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

from convcli.errors import ConvcliError, ImageError
from convcli.pictures.formats.deep.kept_whole import refuse_cut
from convcli.pictures.formats.frame_reading.gif import summarize_gif
from convcli.pictures.formats.pillow import describe_error, describe_loaded
from convcli.pictures.formats.pillow_conventions import prepare
from convcli.pictures.formats.pillow_opening import open_image, seek_frame
from convcli.pictures.frames import FrameInfo
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
        self.stream = stream
        self.name = name
        self.format = file_format
        self.file_bytes = stream.seek(0, io.SEEK_END)
        summary = summarize_gif(stream) if file_format == "gif" else None
        try:
            image = open_image(stream, name, None)
            if image is None:
                raise ImageError(name, "is damaged or truncated")
            self.image: Any = image
            self.count: int = getattr(image, "n_frames", 1) if summary is None else summary.count
            refuse_cut(self.image, stream, name)
        except (ConvcliError, MemoryError):
            raise
        except Exception as error:  # a decoder may raise anything on a damaged file
            raise ImageError(name, describe_error(error)) from None
        loop = self.image.info.get("loop")
        if summary is None:
            self.plays: int = loop or 0
        else:  # a GIF counts repetitions
            self.plays = 1 if loop is None else loop and loop + 1
        self.mode: str = self.image.mode  # of all frames
        if summary is not None:
            gray = self.mode == "L" and summary.gray
            self.mode = ("L" if gray else "RGB") + "A" * summary.alpha
        self.size: Size = self.image.height, self.image.width, len(self.mode)

    def frames(self, numbers: range) -> Iterator[tuple[Picture, FrameInfo]]:
        """Decode frames, one after the other.

        Raises
        ------
        ImageError
            The file is damaged.
        """
        for number in range(numbers.stop):
            try:
                seek_frame(self.image, number, self.name)
                finish = prepare(self.image, self.stream, self.name) if not number else None
                self.image.load()
                if finish is not None:
                    finish()
                if number not in numbers:
                    continue
                frame = self.image.copy()  # what follows would change what the next frame is laid over
                frame.format = self.image.format
                if frame.mode != self.mode:
                    frame = frame.convert(self.mode)
                decoded = describe_loaded(frame, self.name, "", [], self.file_bytes)
            except (ConvcliError, MemoryError):
                raise
            except Exception as error:  # a decoder may raise anything on a damaged file
                raise ImageError(self.name, describe_error(error)) from None
            yield decoded.to_picture(self.name), FrameInfo(duration=self.image.info.get("duration"))


def count_jpeg_pictures(stream: BinaryIO, name: str) -> int:
    """Return the number of pictures in a JPEG file: several in a multi-picture file (MPO).

    Raises
    ------
    ImageError
        The file is damaged.
    """
    try:
        return int(getattr(open_image(stream, name, None), "n_frames", 1))
    except ConvcliError:
        raise
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise ImageError(name, describe_error(error)) from None
