"""What is assumed where a file leaves room: a case for each row of the table in docs/filters.md.

The values are those that at least three of ImageMagick, GraphicsMagick, libvips, FFmpeg, OpenCV, Pillow and
tifffile show.
"""

import io
import re
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image, ImageCms

from convcli.errors import ImageError
from convcli.pictures.formats.frame_reading.opening import open_frames
from convcli.pictures.frames import FrameRange
from convcli.pictures.limits import DEFAULT_LIMITS
from convcli.pictures.reading import read_picture
from tests.pictures.test_reading import png_bytes, png_chunk, saved
from tests.support.picture_files import avif_with, bmp, gif, gif_of, packed, tiff

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "tests" / "data" / "pictures"
HEADING = "## What is assumed where a file leaves room"
GRAY, RGB, PALETTE, RGBA = 0, 2, 3, 6  # PNG color types
INK = "CMYK was converted to RGB"
SRGB_PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
INK_PROFILE = SRGB_PROFILE[:16] + b"CMYK" + SRGB_PROFILE[20:]
FOUR = [(1, 2, 3), (10, 20, 30), (40, 50, 60), (70, 80, 90)]
MASKS = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
XMP = b'<x:xmpmeta><rdf:RDF><rdf:Description tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>'
LYING = np.array([[10, 20, 30], [40, 50, 60]], np.uint8)
TURNED = [[40, 10], [50, 20], [60, 30]]  # orientation 6: a quarter clockwise


@dataclass(frozen=True)
class Case:
    """A file and what it is read as, or why it is refused.

    Attributes
    ----------
    row : str
        First column of the table.
    what : str
        What is special about the file.
    data : bytes
        The file.
    pixels : nested list
        The values expected, of any dtype.
    dtype : str
        Their dtype.
    alpha : nested list, optional
        Alpha expected; None: none.
    notes : sequence of str
        The notes expected.
    resolution : (float, float), optional
        Dots per inch expected.
    refused : str
        Part of the message; then nothing else is expected.
    close : int
        By how much a lossy format may differ.
    frame : int, optional
        Which of several to read.
    """

    row: str
    what: str
    data: bytes
    pixels: Any = None
    dtype: str = "uint8"
    alpha: Any = None
    notes: Sequence[str] = ()
    resolution: tuple[float, float] | None = None
    refused: str = ""
    close: int = 0
    frame: int | None = None


def gray_rows() -> list[Case]:
    """Gray of few bits."""
    row = "Gray of 1, 2, 4 or 8 bits"
    expected = {1: [0, 255, 255, 0], 2: [0, 85, 170, 255], 4: [0, 68, 136, 255], 8: [0, 64, 128, 255]}
    samples = {1: [0, 1, 1, 0], 2: [0, 1, 2, 3], 4: [0, 4, 8, 15], 8: [0, 64, 128, 255]}
    cases = []
    for bits, values in samples.items():
        data, pixels = packed(values, bits), [expected[bits]]
        inverted = [[255 - pixel for pixel in expected[bits]]]
        notes = [f"its values from 0 to {2**bits - 1} are scaled to 255"] if bits in (2, 4) else []
        cases += [
            Case(row, f"TIFF of {bits}", tiff(4, [bits], data), pixels),
            Case(row, f"PNG of {bits}", png_bytes(4, 1, bits, GRAY, [data]), pixels),
            Case(row, f"PGM of {bits}", b"P5 4 1 %d\n" % (2**bits - 1) + bytes(values), pixels, notes=notes),
            Case("White is 0", f"TIFF of {bits}", tiff(4, [bits], data, photometric=0), inverted),
        ]
    deep = struct.pack("<4H", 0, 16384, 32768, 65535)
    inverted = [[65535, 49151, 32767, 0]]
    cases.append(
        Case("White is 0", "TIFF of 16", tiff(4, [16], deep, photometric=0), inverted, dtype="uint16")
    )
    return cases


def deep_gray_rows() -> list[Case]:
    """Gray of more than 8 bits."""
    row, cases = "Gray of 10, 12, 14 or 16 bits", []
    for bits, values, expected in (
        (10, [0, 256, 512, 1023], [0, 16400, 32800, 65535]),
        (12, [0, 1024, 2048, 4095], [0, 16388, 32776, 65535]),
        (14, [0, 4096, 8192, 16383], [0, 16385, 32770, 65535]),
        (16, [0, 4096, 8192, 65535], [0, 4096, 8192, 65535]),
    ):
        pgm = b"P5 4 1 %d\n" % (2**bits - 1) + struct.pack(">4H", *values)
        notes = [f"its values from 0 to {2**bits - 1} are scaled to 65535"] if bits < 16 else []
        cases.append(Case(row, f"PGM of {bits}", pgm, [expected], dtype="uint16", notes=notes))
        data = struct.pack("<4H", *values) if bits == 16 else packed(values, bits)
        files = [
            ("plain", tiff(4, [bits], data)),
            ("deflate", tiff(4, [bits], zlib.compress(data), compression=8)),
        ]
        if bits < 16:
            files.append(("big endian", tiff(4, [bits], data, order=">")))
            file = tiff(4, [bits], data, photometric=0)
            refused = f"says that 0 is white in {bits}-bit samples, which programs read in different ways"
            cases.append(Case("White is 0", f"TIFF of {bits}", file, refused=refused))
        cases += [
            Case(row, f"TIFF of {bits}, {name}", file, [expected], dtype="uint16", notes=notes)
            for name, file in files
        ]
    odd = b"P5 3 1 1000\n" + struct.pack(">3H", 0, 500, 1000)
    note = "its values from 0 to 1000 are scaled to 65535"
    cases.append(Case(row, "PGM of an odd maximum", odd, [[0, 32768, 65535]], dtype="uint16", notes=[note]))
    most = tiff(2, [16], struct.pack("<2H", 1024, 4095), tags={280: ("H", [0]), 281: ("H", [4095])})
    row = "The bits that are used"
    cases.append(Case(row, "MaxSampleValue", most, [[1024, 4095]], dtype="uint16"))
    few = png_bytes(2, 1, 16, GRAY, [struct.pack(">2H", 0x1230, 0xFFF0)], png_chunk(b"sBIT", b"\x0c"))
    cases.append(Case(row, "sBIT of 12 in 16", few, [[0x1230, 0xFFF0]], dtype="uint16"))
    few = png_bytes(2, 1, 8, GRAY, [b"\x50\xf8"], png_chunk(b"sBIT", b"\5"))
    cases.append(Case(row, "sBIT of 5 in 8", few, [[0x50, 0xF8]]))
    return cases


def number_rows() -> list[Case]:
    """Numbers rather than pixels."""
    row, cases = "Signed integers and floats", []
    for bits, letter, dtype in ((8, "b", "int8"), (16, "h", "int32"), (32, "i", "int32")):
        values = [-(2 ** (bits - 1)), -1, 0, 2 ** (bits - 1) - 1]
        data = struct.pack(f"<4{letter}", *values)
        cases.append(
            Case(row, f"signed {bits} bits", tiff(4, [bits], data, sample_format=2), [values], dtype)
        )
        file = tiff(4, [bits], data, sample_format=2, photometric=0)
        refused = f"says that 0 is white in signed {bits}-bit samples"
        cases.append(Case("White is 0", f"signed {bits} bits", file, refused=refused))
    whole = tiff(1, [32], struct.pack("<L", 5), photometric=0)
    cases.append(Case("White is 0", "TIFF of 32", whole, refused="says that 0 is white in 32-bit samples"))
    color = packed([0, 1024, 2048, 4095, 0, 4095], 12)
    cases.append(
        Case(
            "Colors of 10, 12, 14 or 16 bits", "TIFF of 12", tiff(2, [12] * 3, color, photometric=2),
            [[[0, 16388, 32776], [65535, 0, 65535]]], "uint16", notes=["its values from 0 to 4095 are scaled to 65535"],
        )
    )  # fmt: skip
    color = struct.pack(">6H", 0, 256, 512, 1023, 0, 1023)
    cases.append(
        Case(
            "Colors of 10, 12, 14 or 16 bits", "PPM of 10", b"P6 2 1 1023\n" + color,
            [[[0, 16400, 32800], [65535, 0, 65535]]], "uint16", notes=["its values from 0 to 1023 are scaled to 65535"],
        )
    )  # fmt: skip
    floats = struct.pack("<3f", 0.25, 1, -2)
    for photometric in (0, 1):
        what = "floats" if photometric else "floats in which 0 is called white"
        file = tiff(3, [32], floats, sample_format=3, photometric=photometric)
        cases.append(Case(row, what, file, [[0.25, 1, -2]], "float32"))
    doubles = tiff(2, [64], struct.pack("<2d", 0.25, -2), sample_format=3, photometric=0)
    cases.append(Case(row, "doubles in which 0 is called white", doubles, [[0.25, -2]], "float64"))
    row, numbers = "PFM", struct.pack("<4f", 0.25, 0.5, 0.75, 1)
    upright = [[0.75, 1], [0.25, 0.5]]
    cases.append(Case(row, "little endian", b"Pf\n2 2\n-1.0\n" + numbers, upright, "float32"))
    big = struct.pack(">4f", 0.25, 0.5, 0.75, 1)
    cases.append(Case(row, "big endian", b"Pf\n2 2\n1.0\n" + big, upright, "float32"))
    return [*cases, Case(row, "scaled", b"Pf\n2 2\n-2.0\n" + numbers, refused="has a scale factor of 2")]


def ink_rows() -> list[Case]:
    """CMYK."""
    cyan = [[[0, 255, 255]] * 8] * 8
    inks = bytes([255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 255, 128, 64, 32, 16])
    colors = [[[0, 255, 255], [255, 0, 255], [0, 0, 0], [119, 179, 209]]]
    cases = [
        Case("CMYK", name, (REFERENCE / name).read_bytes(), cyan, notes=[INK], close=1)
        for name in ("cyan_adobe.jpg", "cyan_nomarker.jpg")
    ]
    profile: dict[int, tuple[str, Sequence[int]]] = {34675: ("UNDEFINED", INK_PROFILE)}
    dropped = f"{INK}, and its color profile was dropped"
    jpeg = saved(Image.new("CMYK", (16, 16), (255, 0, 0, 0)), "TIFF", compression="jpeg", quality=100)
    return [
        *cases,
        Case("CMYK", "JPEG in a TIFF", jpeg, [[[0, 255, 255]] * 16] * 16, notes=[INK], close=1),
        Case("CMYK", "TIFF", tiff(4, [8] * 4, inks, photometric=5), colors, notes=[INK]),
        Case(
            "CMYK", "TIFF with a profile", tiff(4, [8] * 4, inks, photometric=5, tags=profile), colors,
            notes=[dropped],
        ),
    ]  # fmt: skip


def ycbcr(
    coefficients: Sequence[int] | None = None,
    reference: Sequence[int] | None = None,
    *,
    sampling: int = 1,
    deflate: bool = False,
) -> bytes:
    """Build a YCbCr TIFF of red, green, blue and gray, or of 2x2 red and 2x2 green pixels."""
    samples = bytes([76, 85, 255, 150, 44, 21, 29, 255, 107, 200, 128, 128])
    if sampling == 2:
        samples = bytes([76] * 4 + [85, 255] + [150] * 4 + [44, 21])
    tags: dict[int, tuple[str, Sequence[int]]] = {530: ("H", [sampling, sampling])}
    if coefficients:
        tags[529] = ("RATIONAL", [part for value in coefficients for part in (value, 10000)])
    if reference:
        tags[532] = ("RATIONAL", [part for value in reference for part in (value, 1)])
    data = zlib.compress(samples) if deflate else samples
    return tiff(4, [8] * 3, data, height=sampling, photometric=6, compression=8 if deflate else 1, tags=tags)


def color_rows() -> list[Case]:
    """YCbCr, Lab and others."""
    row, colors = "YCbCr TIFF", [[[254, 0, 0], [0, 255, 1], [0, 0, 254], [200, 200, 200]]]
    full, video = (0, 255, 128, 255, 128, 255), (16, 235, 128, 240, 128, 240)
    halves = [[[254, 0, 0]] * 2 + [[0, 255, 1]] * 2] * 2
    brighter = [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [214, 214, 214]]]
    red = Image.new("RGB", (16, 16), (200, 50, 30))
    jpeg = saved(red.convert("YCbCr"), "TIFF", compression="jpeg", quality=100)
    return [
        Case(row, "plain", ycbcr(), colors),
        Case(row, "the full range", ycbcr((2990, 5870, 1140), full), colors),
        Case(row, "deflate", ycbcr(deflate=True), colors),
        Case(row, "deflate, half the resolution", ycbcr(sampling=2, deflate=True), halves),
        Case(row, "deflate, the range of video", ycbcr(reference=video, deflate=True), brighter),
        Case(row, "JPEG", jpeg, [[[200, 50, 30]] * 16] * 16, close=2),
        Case(
            row, "half the resolution", ycbcr(sampling=2), refused="stores its colors at a lower resolution"
        ),
        Case(row, "a resolution of colors that is not given", tiff(1, [8] * 3, b"\4\5\6", photometric=6), refused="stores its colors at a lower resolution"),
        Case(row, "the range of video", ycbcr(reference=video), refused="its own conversion from YCbCr"),
        Case(row, "other coefficients", ycbcr((2126, 7152, 722)), refused="its own conversion from YCbCr"),
        Case("Other colors", "CIELab", tiff(1, [8] * 3, b"\x80\0\0", photometric=8), refused="has LAB colors"),
        *(
            Case("Other colors", what, tiff(1, [8] * 3, b"\x80\0\0", photometric=number), refused="has Lab colors")
            for what, number in (("ICCLab", 9), ("ITULab", 10))
        ),
        Case("Other colors", "CIELab of 16 bits", tiff(1, [16] * 3, bytes(6), photometric=8), refused="has Lab colors"),
        Case("Other colors", "color filter array", tiff(1, [8], b"\1", photometric=32803), refused="color filter array"),
        Case("Other colors", "LogL", tiff(1, [16], b"\1\1", photometric=32844), refused="has LogL colors"),
    ]  # fmt: skip


def alpha_rows() -> list[Case]:
    """Alpha in TIFF."""
    samples = bytes([10, 20, 30, 255, 100, 60, 20, 128, 200, 50, 20, 64])
    straight = [[[10, 20, 30], [100, 60, 20], [200, 50, 20]]]
    divided = [[[10, 20, 30], [199, 119, 39], [255, 199, 79]]]
    alpha = [[255, 128, 64]]
    gray = bytes([10, 255, 100, 128])
    deep = struct.pack("<8H", 2570, 5140, 7710, 65535, 25700, 15420, 5140, 32896)
    deep_gray = struct.pack("<4H", 2570, 65535, 25700, 32896)
    ink = bytes([255, 0, 0, 0, 128])
    row, channels = "Extra samples of a TIFF", "its {} samples per pixel are kept as channels"

    def color(*extra: int) -> bytes:
        return tiff(3, [8] * 4, samples, photometric=2, extra=extra)

    return [
        Case("Alpha of a TIFF", "unassociated", color(2), straight, alpha=alpha),
        Case("Alpha of a TIFF", "associated", color(1), divided, alpha=alpha),
        Case("Alpha of a TIFF", "four samples of RGB, none of which is called extra", color(), straight, alpha=alpha),
        Case("Alpha of a TIFF", "gray, unassociated", tiff(2, [8, 8], gray, extra=[2]), [[10, 100]], alpha=[[255, 128]]),
        Case("Alpha of a TIFF", "gray, associated", tiff(2, [8, 8], gray, extra=[1]), [[10, 199]], alpha=[[255, 128]]),
        Case("Alpha of a TIFF", "16 bits, unassociated", tiff(2, [16] * 4, deep, photometric=2, extra=[2]),
             [[[2570, 5140, 7710], [25700, 15420, 5140]]], "uint16", alpha=[[65535, 32896]]),
        Case("Alpha of a TIFF", "16 bits, associated", tiff(2, [16] * 4, deep, photometric=2, extra=[1]),
             [[[2570, 5140, 7710], [51199, 30720, 10240]]], "uint16", alpha=[[65535, 32896]]),
        Case("Alpha of a TIFF", "CMYK", tiff(1, [8] * 5, ink, photometric=5, extra=[2]), [[[0, 255, 255]]],
             alpha=[[128]], notes=[INK]),
        Case("White is 0", "alpha", tiff(2, [8, 8], gray, photometric=0, extra=[2]), [[245, 155]], alpha=[[255, 128]]),
        Case("White is 0", "alpha of 16 bits", tiff(2, [16, 16], deep_gray, photometric=0, extra=[2]),
             [[62965, 39835]], "uint16", alpha=[[65535, 32896]]),
        Case("White is 0", "associated alpha", tiff(2, [8, 8], gray, photometric=0, extra=[1]),
             refused="says that 0 is white, and has alpha multiplied in"),
        Case("White is 0", "an extra sample", tiff(2, [8, 8], gray, photometric=0, extra=[0]),
             [[[245, 255], [155, 128]]], notes=[channels.format(2)]),
        Case(row, "RGB and one more", tiff(3, [8] * 4, samples, photometric=2, extra=[0]),
             np.frombuffer(samples, np.uint8).reshape(1, 3, 4).tolist(), notes=[channels.format(4)]),
        Case(row, "gray and one more", tiff(2, [8, 8], gray, extra=[0]), [[[10, 255], [100, 128]]],
             notes=[channels.format(2)]),
        Case(row, "gray and one that the file does not describe", tiff(2, [8, 8], gray), [[[10, 255], [100, 128]]],
             notes=[channels.format(2)]),
        Case(row, "unassociated alpha and one more", tiff(1, [8] * 5, b"\1\2\3\4\5", photometric=2, extra=[2, 0]),
             [[[1, 2, 3, 4, 5]]], notes=[channels.format(5)]),
        Case(row, "associated alpha and one more", tiff(1, [8] * 5, b"\1\2\3\4\5", photometric=2, extra=[1, 0]),
             refused="has alpha multiplied into its colors, and further samples"),
    ]  # fmt: skip


def png_rows() -> list[Case]:
    """Chunks of PNG."""
    grays, row = [bytes([0, 64, 128])], "gAMA, cHRM and sRGB of a PNG"
    gamma = png_chunk(b"gAMA", struct.pack(">I", 100000))
    usual = png_chunk(b"gAMA", struct.pack(">I", 45455))
    other = png_chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000))
    usual_too = png_chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    srgb = png_chunk(b"sRGB", b"\0")
    gamma_note = "its gamma of 1 is not kept: its values are used as they are"
    primaries_note = "its primary colors (cHRM) are not kept: its values are used as they are"
    cases = [
        Case(row, what, png_bytes(3, 1, 8, GRAY, grays, chunks), [[0, 64, 128]], notes=notes)
        for what, chunks, notes in (
            ("gamma 1", gamma, [gamma_note]),
            ("gamma 1 and other primaries", gamma + other, [gamma_note, primaries_note]),
            ("those of sRGB", usual + usual_too, []),
            ("sRGB", srgb + usual + usual_too, []),
        )
    ]
    row = "tRNS of a PNG"
    palette = png_chunk(b"PLTE", bytes(range(10, 100, 10)))
    colors = [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    sixteen = struct.pack(">3H", 300, 301, 44)

    def transparent(*values: int) -> bytes:
        return png_chunk(b"tRNS", struct.pack(f">{len(values)}H", *values))

    return [
        *cases,
        Case(row, "gray", png_bytes(3, 1, 8, GRAY, [b"\5\6\7"], transparent(6)), [[5, 6, 7]], alpha=[[255, 0, 255]]),
        Case(row, "gray of 2 bits", png_bytes(4, 1, 2, GRAY, [b"\x1b"], transparent(2)), [[0, 85, 170, 255]],
             alpha=[[255, 255, 0, 255]]),
        Case(row, "gray of 1 bit", png_bytes(2, 1, 1, GRAY, [b"\x40"], transparent(1)), [[0, 255]], alpha=[[255, 0]]),
        Case(row, "gray of 16 bits", png_bytes(3, 1, 16, GRAY, [sixteen], transparent(300)), [[300, 301, 44]],
             "uint16", alpha=[[0, 65535, 65535]]),
        Case(row, "RGB", png_bytes(2, 1, 8, RGB, [b"\1\2\3\4\5\6"], transparent(4, 5, 6)), [[[1, 2, 3], [4, 5, 6]]],
             alpha=[[255, 0]]),
        Case(row, "RGB of 16 bits", png_bytes(2, 1, 16, RGB, [struct.pack(">6H", 260, 5, 6, 4, 5, 6)], transparent(4, 5, 6)),
             [[[260, 5, 6], [4, 5, 6]]], "uint16", alpha=[[65535, 0]]),
        Case(row, "palette", png_bytes(3, 1, 8, PALETTE, [b"\0\1\2"], palette + png_chunk(b"tRNS", b"\5\x80")),
             colors, alpha=[[5, 128, 255]]),
        Case("Background color of a PNG", "bKGD", png_bytes(1, 1, 8, RGBA, [b"\1\2\3\0"], png_chunk(b"bKGD", b"\0\xff" * 3)),
             [[[1, 2, 3]]], alpha=[[0]]),
    ]  # fmt: skip


def palette_rows() -> list[Case]:
    """Palettes."""
    row = "Palette TIFF"
    wide = (
        [0x1234, 0xFF00, 0x0100] + [0] * 253 + [0x80FF, 0x00FF, 0x0180] + [0] * 253 + [0xFFFF, 0x7F7F, 0x01FF]
    )
    wide += [0] * 253
    narrow = [value >> 8 for value in wide]
    colors = [[[0x12, 0x80, 0xFF], [0xFF, 0, 0x7F], [1, 1, 1]]]

    def file(table: list[int], bits: Sequence[int] = (8,), data: bytes = b"\0\1\2", **options: Any) -> bytes:
        return tiff(3, bits, data, photometric=3, tags={320: ("H", table)}, **options)

    local = [(100, 0, 0), (0, 100, 0), (0, 0, 100), (9, 9, 9)]
    global_colors, local_colors = (
        [[list(color) for color in FOUR[:3]]],
        [[list(color) for color in local[:3]]],
    )
    around = [[list(color) for color in (FOUR[2], *FOUR[:3])]]
    invisible = [[list(color) for color in (FOUR[1], *FOUR[:3])]]
    return [
        Case(row, "colors of 16 bits", file(wide), colors),
        Case(row, "colors of 8 bits", file(narrow), colors),
        Case(row, "with alpha", file(wide, (8, 8), b"\0\xff\1\x80\2\0", extra=[2]), colors, alpha=[[255, 128, 0]]),
        Case("Palette of a GIF", "of the file", gif([0, 1, 2], FOUR), global_colors),
        Case("Palette of a GIF", "of the frame", gif([0, 1, 2], FOUR, local=local), local_colors),
        Case("Palette of a GIF", "a transparent color of the frame", gif([0, 1, 2], FOUR, local=local, transparent=0),
             local_colors, alpha=[[0, 255, 255]]),
        Case("Frame smaller than its GIF", "opaque", gif([0, 1, 2], FOUR, width=4, left=1, background=2), around),
        Case("Frame smaller than its GIF", "transparent", gif([0, 1, 2], FOUR, width=4, left=1, transparent=1),
             invisible, alpha=[[0, 255, 0, 255]]),
        Case("Frame smaller than its GIF", "with its own palette", gif([0, 1, 2], FOUR, width=4, local=local),
             refused="does not cover the picture"),
    ]  # fmt: skip


def bmp_rows() -> list[Case]:
    """Alpha in BMP."""
    row, pixels, colors = (
        "Alpha of a BMP",
        b"\x1e\x14\x0a\xff\x3c\x32\x28\x80",
        [[[10, 20, 30], [40, 50, 60]]],
    )
    short = struct.pack("<2H", 0x8123, 0x7FFF)
    return [
        Case(row, "with a mask", bmp(2, 32, pixels, masks=MASKS, header_bytes=108), colors, alpha=[[255, 128]]),
        Case(row, "masks of colors alone", bmp(2, 32, pixels, masks=MASKS[:3]), colors),
        Case(row, "a fourth byte", bmp(2, 32, pixels), colors, alpha=[[255, 128]]),
        Case(row, "a fourth byte of 0", bmp(2, 32, b"\x1e\x14\x0a\0\x3c\x32\x28\0"), colors),
        Case(row, "a fourth byte of 255", bmp(2, 32, b"\x1e\x14\x0a\xff\x3c\x32\x28\xff"), colors),
        Case(row, "all transparent by a mask", bmp(1, 32, b"\x1e\x14\x0a\0", masks=MASKS, header_bytes=108),
             [[[10, 20, 30]]], alpha=[[0]]),
        Case(row, "16 bits", bmp(2, 16, short, masks=(0x7C00, 0x3E0, 0x1F, 0x8000), header_bytes=108),
             refused="has alpha in pixels of 16 bits"),
    ]  # fmt: skip


def with_orientation(number: int) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = number
    return exif


def avif_that_says_twice() -> bytes:
    """Build an AVIF that is not turned, but whose EXIF says that it lies on its side."""
    exif = Image.Exif()
    exif[0x0128] = 6  # the unit of resolution
    data = saved(Image.fromarray(LYING), "AVIF", quality=100, subsampling="4:4:4", exif=exif)
    place = data.index(
        struct.pack(">HHL", 0x0128, 3, 1) if b"MM\0*" in data else struct.pack("<HHL", 0x0128, 3, 1)
    )
    tag = struct.pack(">H" if b"MM\0*" in data else "<H", 0x0112)
    return data[:place] + tag + data[place + 2 :]


def orientation_rows() -> list[Case]:
    """Orientation."""
    row, image = "Orientation", Image.fromarray(LYING)
    large = Image.fromarray(LYING.repeat(8, 0).repeat(8, 1))
    turned = np.array(TURNED).repeat(8, 0).repeat(8, 1)
    exif = with_orientation(6)
    gray = np.array(TURNED)
    color = np.repeat(gray[:, :, None], 3, 2).tolist()
    text = png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + XMP)
    rows = [row.tobytes() for row in LYING]
    return [
        Case(row, "PNG", saved(image, "PNG", exif=exif), TURNED),
        Case(row, "TIFF", saved(image, "TIFF", exif=exif), TURNED),
        Case(row, "WebP", saved(image, "WEBP", lossless=True, exif=exif), color),
        Case(row, "JPEG", saved(large, "JPEG", quality=100, exif=exif), turned.tolist(), close=1),
        Case(row, "AVIF", saved(image.convert("RGB"), "AVIF", quality=100, subsampling="4:4:4", exif=exif), color, close=3),
        Case(row, "AVIF that is not turned, but its EXIF is", avif_that_says_twice(), np.repeat(LYING[:, :, None], 3, 2).tolist(), close=3),
        Case(row, "XMP of a PNG", png_bytes(3, 2, 8, GRAY, rows, text), LYING.tolist()),
        Case(row, "XMP of a JPEG", saved(Image.fromarray(LYING), "JPEG", quality=100, xmp=XMP), LYING.tolist(), close=3),
        Case(row, "XMP of a TIFF", tiff(3, [8], LYING.tobytes(), height=2, tags={700: ("B", XMP)}), LYING.tolist()),
    ]  # fmt: skip


def resolution_rows() -> list[Case]:
    """Resolution."""
    row = "Resolution"
    values = ("RATIONAL", [100, 1]), ("RATIONAL", [50, 1])

    def page(unit: int | None) -> bytes:
        tags: dict[int, tuple[str, Sequence[int]]] = {282: values[0], 283: values[1]}
        return tiff(1, [8], b"\7", tags=tags | ({296: ("H", [unit])} if unit else {}))

    def chunk(unit: int) -> bytes:
        return png_bytes(1, 1, 8, GRAY, [b"\7"], png_chunk(b"pHYs", struct.pack(">IIB", 10000, 5000, unit)))

    jpeg = saved(Image.new("L", (8, 8), 9), "JPEG", dpi=(100, 50))
    unit = jpeg.index(b"JFIF\0") + 7
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = 300.0, 200.0, 2
    by_exif = saved(Image.new("L", (8, 8), 9), "JPEG", exif=exif)
    nines = [[9] * 8] * 8
    return [
        Case(row, "TIFF, inches", page(2), [[7]], resolution=(100, 50)),
        Case(row, "TIFF, centimeters", page(3), [[7]], resolution=(254, 127)),
        Case(row, "TIFF, no unit", page(1), [[7]]),
        Case(row, "TIFF, a unit that is not given", page(None), [[7]], resolution=(100, 50)),
        Case(row, "PNG, meters", chunk(1), [[7]], resolution=(254, 127)),
        Case(row, "PNG, no unit", chunk(0), [[7]]),
        Case(row, "JFIF, inches", jpeg, nines, resolution=(100, 50)),
        Case(row, "JFIF, centimeters", jpeg[:unit] + b"\2" + jpeg[unit + 1 :], nines, resolution=(254, 127)),
        Case(row, "JFIF, no unit", jpeg[:unit] + b"\0" + jpeg[unit + 1 :], nines),
        Case(row, "EXIF of a JPEG", by_exif, nines, resolution=(300, 200)),
        Case(row, "EXIF of a JPEG that gives none", saved(Image.new("L", (8, 8), 9), "JPEG", exif=with_orientation(1)), nines),
    ]  # fmt: skip


def frame_rows() -> list[Case]:
    """Several pictures in a file."""

    def file(name: str, options: dict[str, Any]) -> bytes:  # saving leaves traces in an image
        red, blue = (Image.new("RGB", (16, 16), color) for color in ((200, 50, 30), (30, 50, 200)))
        return saved(red, name, save_all=True, append_images=[blue], **options)

    several = "has several frames; the first is used (--frame selects another, --frame all filters all)"
    return [
        Case(
            "Several pictures", name, file(name, options),
            [[[200, 50, 30]] * 16] * 16, notes=[several], close=2,
        )
        for name, options in (("MPO", {"quality": 100}), ("TIFF", {}), ("GIF", {}), ("PNG", {}), ("WEBP", {"lossless": True}))
    ]  # fmt: skip


def animation_rows() -> list[Case]:
    """Later frames of animations."""
    row, single = "Later frames of a GIF", gif([3], FOUR)
    colors = [list(color) for color in FOUR]
    whole = partial(gif, [0, 1, 2], FOUR, background=2)

    def apng(dispose: int, first_width: int = 2) -> bytes:
        def control(number: int, width: int) -> bytes:
            return png_chunk(b"fcTL", struct.pack(">5L2H2B", number, width, 1, 0, 0, 1, 10, dispose, 0))

        start = png_chunk(b"acTL", struct.pack(">2L", 2, 0)) + control(0, first_width)
        file = png_bytes(2, 1, 8, GRAY, [b"\5\6"], start)
        end = file.index(b"IEND") - 4
        data = png_chunk(b"fdAT", struct.pack(">L", 2) + zlib.compress(b"\0\7"))
        return file[:end] + control(1, 1) + data + file[end:]

    return [
        Case(row, "of one that stays", gif_of(whole(), single), [[colors[3], *colors[1:3]]], frame=1),
        Case(row, "of one that is cleared", gif_of(whole(disposal=2), single), [[colors[3], colors[2], colors[2]]], frame=1),
        Case(row, "of a transparent one that is cleared", gif_of(whole(disposal=2, transparent=1), single),
             [[colors[3], [0] * 3, [0] * 3]], alpha=[[255, 0, 0]], frame=1),
        Case(row, "over the background", gif_of(gif([0, 1], FOUR, width=4, left=1, background=2), single),
             [[colors[3], *colors[:3]]], frame=1),
        Case(row, "larger than the picture", gif_of(whole(), gif([1, 1], FOUR, left=2)), refused="larger than the picture", frame=1),
        Case("Frames of an animated PNG", "over one that stays", apng(0), [[7, 6]], frame=1),
        Case("Frames of an animated PNG", "over one that is cleared", apng(1), [[7, 0]], alpha=[[255, 0]], frame=1),
        Case("Frames of an animated PNG", "a first one that is too small", apng(0, 1), refused="does not cover", frame=1),
    ]  # fmt: skip


CASES = [
    *gray_rows(), *deep_gray_rows(), *number_rows(), *ink_rows(), *color_rows(), *alpha_rows(), *png_rows(), *palette_rows(),
    *bmp_rows(), *orientation_rows(), *resolution_rows(), *frame_rows(), *animation_rows(),
]  # fmt: skip


def rows_of_table() -> list[str]:
    text = (ROOT / "docs" / "filters.md").read_text(encoding="utf-8").split(HEADING)[1].split("\n## ")[0]
    return [cells[1].strip() for cells in re.findall(r"^(\|)([^|]+)\|", text, re.MULTILINE)][2:]


def test_each_row_of_the_table_has_a_case_and_each_case_a_row() -> None:
    rows = rows_of_table()
    assert len(set(rows)) == len(rows) > 10
    assert set(rows) == {case.row for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}: {case.what}")
def test_a_file_is_read_as_assumed(case: Case) -> None:
    if case.refused:
        with pytest.raises(ImageError, match=re.escape(case.refused)):
            read_picture(io.BytesIO(case.data), frame=case.frame)
        return
    picture = read_picture(io.BytesIO(case.data), frame=case.frame)
    assert picture.pixels.dtype == case.dtype
    assert picture.pixels.shape == np.shape(case.pixels)
    assert np.abs(picture.pixels - np.array(case.pixels, np.float64)).max() <= case.close
    assert (None if picture.alpha is None else picture.alpha.tolist()) == case.alpha
    assert picture.notes == tuple(case.notes)
    assert picture.resolution == (case.resolution and pytest.approx(case.resolution))


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.refused], ids=lambda case: f"{case.row}: {case.what}"
)
def test_the_first_of_all_frames_is_read_the_same(case: Case) -> None:
    frames = open_frames(io.BytesIO(case.data), "stream", DEFAULT_LIMITS, FrameRange(case.frame or 0))
    assert frames is not None
    picture, single = next(frames.pictures)[0], read_picture(io.BytesIO(case.data), frame=case.frame)
    assert np.array_equal(picture.pixels_with_alpha, single.pixels_with_alpha)
    assert picture.resolution == single.resolution


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.row}: {case.what}")
def test_without_the_extra_a_file_is_read_the_same_or_the_message_names_it(case: Case) -> None:
    try:
        picture = read_picture(io.BytesIO(case.data), frame=case.frame)
    except ImageError as error:
        reason = case.refused or "pip install 'convcli[deep]' reads it"
        assert reason in str(error)  # noqa: PT017 -- otherwise it is read
    else:
        assert np.abs(picture.pixels - np.array(case.pixels, np.float64)).max() <= case.close


@pytest.mark.parametrize("bits", [8, 10])
def test_an_avif_is_turned_and_mirrored_by_its_own_properties(bits: int) -> None:
    stored = np.arange(16 * 24 * 3).reshape(16, 24, 3) % 1024 >> 10 - bits
    file = imagecodecs.avif_encode(
        stored.astype(np.uint8 if bits == 8 else np.uint16), bitspersample=bits, level=100, pixelformat="444"
    )
    pixels = read_picture(io.BytesIO(file)).pixels
    for quarters in range(4):  # counterclockwise
        turned = avif_with(bytes(file), b"irot" + bytes([quarters]))
        assert np.array_equal(read_picture(io.BytesIO(turned)).pixels, np.rot90(pixels, quarters))
    for axis in range(2):  # of rows, of columns
        mirrored = avif_with(bytes(file), b"imir" + bytes([axis]))
        assert np.array_equal(read_picture(io.BytesIO(mirrored)).pixels, np.flip(pixels, axis))


@pytest.mark.parametrize("name", ["g12.tif", "g12.pgm"])
def test_twelve_bits_are_the_same_in_every_format(name: str) -> None:
    picture = read_picture(REFERENCE / name)
    assert picture.pixels.tolist() == [[0, 16388, 32776, 65535], [65535, 32776, 16388, 0]]
    assert picture.notes == ("its values from 0 to 4095 are scaled to 65535",)
