"""The frames of a GIF: each as a GIF file of its own, and where it is on the canvas.

Where programs differ, frames look as in most of them: in ImageMagick, ffmpeg and libvips.

Source: CompuServe, Graphics Interchange Format, version 89a (1990).
"""

import io
import struct
from collections.abc import Iterator
from dataclasses import replace
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL.GifImagePlugin import GifImageFile

from convcli.errors import ImageError
from convcli.pictures.formats.frame_reading.canvas import Blending, Canvas, Disposal, Placement
from convcli.pictures.formats.pillow.decoder import decoder_errors
from convcli.pictures.picture import Picture

__all__ = ["GifAnimation"]

HEADER = 13  # bytes of the signature and the screen descriptor
EXTENSION, CONTROL, APPLICATION, IMAGE, TRAILER = b"!", b"\xf9", b"\xff", b",", b";"
TRANSPARENT, DISPOSAL_SHIFT = 1, 2  # flags of a graphic control extension
DISPOSALS = {2: Disposal.CLEAR, 3: Disposal.RESTORE}  # all others keep the frame
PALETTE_FOLLOWS, PALETTE_BITS, INTERLACED = 0x80, 7, 0x40  # flags
STEP = 10  # milliseconds
COLORS = 256
LOOPS = {b"NETSCAPE2.0", b"ANIMEXTS1.0"}
GRAY_PALETTE = bytes(value for value in range(COLORS) for _ in range(3))  # of a file without any


class _Frame(NamedTuple):
    """A frame: where it is, and the places of its palette and its compressed pixels in the file."""

    placement: Placement
    transparent: int | None
    interlaced: int
    palette: bytes | None
    start: int
    length: int


class GifAnimation:
    """The frames of a GIF.

    Attributes
    ----------
    frames : list
    plays : int
        How often it is played; 0 is forever.
    height, width : int
        Of the canvas.
    background : tuple of int, or None
        Color of the canvas before the first frame; None: it is transparent.
    has_alpha : bool
        Whether pixels can be transparent.
    gray : bool
        Whether the first frame is read as grayscale, and all others hold only gray.
    """

    format = "gif"
    has_default = False

    def __init__(self, stream: BinaryIO, name: str) -> None:
        self.stream = stream
        self.name = name
        self.frames: list[_Frame] = []
        self.plays = 1
        stream.seek(0)
        header = stream.read(HEADER)
        if len(header) < HEADER:
            return
        self.width, self.height, flags, background = struct.unpack("<6xHHBBx", header)
        self.palette = _read_palette(stream, flags)
        self._read_blocks(background)
        if not self.frames:
            return
        first = self.frames[0].placement
        self.width = max(self.width, first.left + first.width)
        self.height = max(self.height, first.top + first.height)
        self.background = self.frames[0].placement.color
        self.has_alpha = self.background is None or any(
            frame.placement.disposal == Disposal.CLEAR and frame.placement.color is None
            for frame in self.frames
        )
        palettes = [self._palette_of(frame) for frame in self.frames]
        linear = bytes(value for value in range(len(palettes[0]) // 3) for _ in range(3))
        self.gray = palettes[0] == linear and all(map(_is_gray, set(palettes)))

    @property
    def promised(self) -> int:
        """The number of frames."""
        return len(self.frames)

    def canvas(self, whole: Picture) -> Canvas:
        """Return an empty canvas, given the first picture as it is decoded without the animation."""
        shape = (self.height, self.width) if self.gray else (self.height, self.width, 3)
        model = replace(whole, pixels=np.zeros(shape, np.uint8), alpha=None)
        color = self.background[:1] if self.background and self.gray else self.background
        return Canvas(model, has_alpha=self.has_alpha, color=color)

    def placement(self, number: int) -> Placement:
        """Return where a frame is."""
        placement = self.frames[number].placement
        color = placement.color
        return placement._replace(color=color[:1]) if color and self.gray else placement

    def picture(self, number: int) -> Picture:
        """Decode the part of the canvas that a frame covers.

        Raises
        ------
        ImageError
            The frame is damaged, or extends beyond the canvas.
        """
        frame = self.frames[number]
        width, height, left, top, *_ = frame.placement
        if not (0 < width <= self.width - left and 0 < height <= self.height - top):
            raise ImageError(self.name, "is larger than the picture")
        palette = self._palette_of(frame)
        with decoder_errors(self.name):
            indices = np.asarray(GifImageFile(io.BytesIO(self._file(frame))))
        colors = np.zeros((COLORS, 3), np.uint8)
        colors[: len(palette) // 3] = np.frombuffer(palette, np.uint8).reshape(-1, 3)
        alpha = None if frame.transparent is None else 255 * (indices != frame.transparent).astype(np.uint8)
        return Picture((colors[:, 0] if self.gray else colors)[indices], alpha)

    def _file(self, frame: _Frame) -> bytes:
        """Return a frame as a GIF file."""
        width, height = frame.placement[:2]
        palette = self._palette_of(frame)
        flags = PALETTE_FOLLOWS | (len(palette) // 3).bit_length() - 2
        screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, flags, 0, 0)
        image = struct.pack("<sHHHHB", IMAGE, 0, 0, width, height, frame.interlaced)
        self.stream.seek(frame.start)
        return screen + palette + image + self.stream.read(frame.length) + TRAILER

    def _palette_of(self, frame: _Frame) -> bytes:
        return frame.palette or self.palette or GRAY_PALETTE

    def _color(self, index: int, palette: bytes) -> tuple[int, ...]:
        return tuple(palette[3 * index : 3 * index + 3]) or (0, 0, 0)

    def _read_blocks(self, background: int) -> None:
        """Find the frames, up to the end of the file or to where it is cut."""
        flags = delay = index = 0
        while (kind := self.stream.read(1)) not in {b"", TRAILER}:
            if kind == EXTENSION:
                label = self.stream.read(1)
                blocks = list(_blocks(self.stream))
                if label == CONTROL and blocks and len(blocks[0]) >= 4:
                    flags, delay, index = struct.unpack_from("<BHB", blocks[0])
                elif label == APPLICATION and len(blocks) > 1 and blocks[0] in LOOPS:
                    repeats = int.from_bytes(blocks[1][1:3], "little")
                    self.plays = repeats and repeats + 1
            elif kind == IMAGE:
                descriptor = self.stream.read(9)
                if len(descriptor) < 9:
                    return
                left, top, width, height, image_flags = struct.unpack("<HHHHB", descriptor)
                palette = _read_palette(self.stream, image_flags)
                start = self.stream.tell()
                self.stream.seek(1, io.SEEK_CUR)  # the size of the first code
                for _ in _blocks(self.stream):
                    pass
                length = self.stream.tell() - start
                transparent = index if flags & TRANSPARENT else None
                color = None
                if transparent is None:
                    color = self._color(background, self.palette or palette or GRAY_PALETTE)
                disposal = DISPOSALS.get(flags >> DISPOSAL_SHIFT & 7, Disposal.KEEP)
                placement = Placement(width, height, left, top, disposal, Blending.OVER, STEP * delay, color)
                self.frames.append(
                    _Frame(placement, transparent, image_flags & INTERLACED, palette, start, length)
                )
                flags = delay = index = 0


def _read_palette(stream: BinaryIO, flags: int) -> bytes | None:
    return stream.read(3 << (flags & PALETTE_BITS) + 1) if flags & PALETTE_FOLLOWS else None


def _is_gray(palette: bytes) -> bool:
    return palette[::3] == palette[1::3] == palette[2::3]


def _blocks(stream: BinaryIO) -> Iterator[bytes]:
    """Yield data blocks up to the empty one that ends them."""
    while (length := stream.read(1)) not in {b"", b"\0"}:
        yield stream.read(length[0])
