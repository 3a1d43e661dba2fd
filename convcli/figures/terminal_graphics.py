"""Pictures encoded for terminals: kitty's graphics protocol, iTerm2's inline images, sixel.

Sources: kitty, "Terminal graphics protocol"; iTerm2, "Images" (OSC 1337); DEC, VT330/VT340 Programmer
Reference Manual, volume 2, chapter 14.
"""

import re
from base64 import b64encode

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from convcli.pictures.formats.png.writer import encode_png

__all__ = ["iterm2_picture", "kitty_picture", "sixel_picture"]

Canvas = NDArray[np.uint8]

CHUNK_SIZE = 4096  # maximum number of base64 characters per part
SIXEL_COLORS = 256
BAND_ROWS = 6  # rows per band of sixels
LONG_RUN = re.compile(rb"(.)\1{3,}", re.DOTALL)


def kitty_picture(canvas: Canvas, cells: tuple[int, int]) -> str:
    """Return a picture in kitty's graphics protocol, for kitty, Ghostty, Konsole and WezTerm.

    Parameters
    ----------
    canvas : uint8 array (H, W, 4)
    cells : (int, int)
        Rows and columns of the terminal that the picture fills.

    Examples
    --------
    >>> kitty_picture(np.zeros((1, 1, 4), np.uint8), (1, 1))[:32]
    '\\x1b_Ga=T,f=100,c=1,r=1,q=2,m=0;iVB'
    """
    data = b64encode(_png(canvas)).decode()
    chunks = [data[start : start + CHUNK_SIZE] for start in range(0, len(data), CHUNK_SIZE)]
    heads = [f"a=T,f=100,c={cells[1]},r={cells[0]},q=2,", *["q=2,"] * (len(chunks) - 1)]
    more = [1] * (len(chunks) - 1) + [0]
    # q=2 in each part suppresses the terminal's reply, which would be read as typed input.
    return "".join(
        f"\x1b_G{head}m={has_more};{chunk}\x1b\\"
        for head, has_more, chunk in zip(heads, more, chunks, strict=True)
    )


def iterm2_picture(canvas: Canvas, cells: tuple[int, int]) -> str:
    """Return a picture as an inline image for iTerm2, WezTerm and mintty; parameters as for `kitty_picture`.

    Examples
    --------
    >>> iterm2_picture(np.zeros((1, 1, 4), np.uint8), (1, 1))[:26]
    '\\x1b]1337;File=inline=1;size='
    """
    data = _png(canvas)
    geometry = f"width={cells[1]};height={cells[0]};preserveAspectRatio=0"
    return f"\x1b]1337;File=inline=1;size={len(data)};{geometry}:{b64encode(data).decode()}\a"


def _png(canvas: Canvas) -> bytes:
    return b"".join(encode_png(canvas, jobs=1))


def sixel_picture(canvas: Canvas) -> str:
    """Return a picture as sixels, in an adaptive palette of 256 colors, without mostly transparent pixels.

    Parameters
    ----------
    canvas : uint8 array (H, W, 4)

    Examples
    --------
    >>> sixel_picture(np.full((1, 2, 4), 255, np.uint8))
    '\\x1bP0;1;0q"1;1;2;1#0;2;100;100;100#0@@\\x1b\\\\'
    """
    height, width = canvas.shape[:2]
    opaque = canvas[..., 3] >= 128
    colors, color_indices = _palette(canvas[..., :3])
    color_indices[~opaque] = -1
    used = np.unique(color_indices[opaque])
    percentages = (colors * 100.0 / 255).round().astype(int)
    parts = [f'\x1bP0;1;0q"1;1;{width};{height}']  # 1: pixels that are not drawn keep their color
    parts += ["#{};2;{};{};{}".format(color, *percentages[color]) for color in used]
    bands = [_band(color_indices[top : top + BAND_ROWS]) for top in range(0, height, BAND_ROWS)]
    return "".join([*parts, "-".join(bands), "\x1b\\"])


def _palette(pixels: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.int16]]:
    """Return a palette, and the index of each pixel's color or of one near it."""
    codes = pixels.astype(np.int32) @ np.array([1 << 16, 1 << 8, 1], np.int32)
    unique, color_indices = np.unique(codes, return_inverse=True)
    if len(unique) <= SIXEL_COLORS:
        colors = np.stack([unique >> 16, unique >> 8 & 255, unique & 255], axis=-1).astype(np.uint8)
        return colors, color_indices.reshape(codes.shape).astype(np.int16)
    image = Image.fromarray(pixels).quantize(SIXEL_COLORS, Image.Quantize.MEDIANCUT)
    palette = np.array(image.getpalette(), np.uint8).reshape(-1, 3)
    return palette, np.array(image).astype(np.int16)


def _band(color_indices: NDArray[np.int16]) -> str:
    """Return a band of at most six rows: one line per color, drawn over one another."""
    lines = []
    for color in np.unique(color_indices[color_indices >= 0]):
        bits = np.packbits(color_indices == color, axis=0, bitorder="little")[0]
        sixels = (bits[: np.flatnonzero(bits)[-1] + 1] + np.uint8(63)).tobytes()
        text = LONG_RUN.sub(_run_length_encoded, sixels)
        lines.append(f"#{color}{text.decode('ascii')}")
    return "$".join(lines)


def _run_length_encoded(run: re.Match[bytes]) -> bytes:
    return b"!%d%b" % (len(run[0]), run[1])
