"""Deep PNG, PNM, JPEG, AVIF, JPEG 2000 and JPEG XL give the arrays that were written."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import ImageError, NotKeptWhole
from convcli.pictures.frames import FrameRange
from convcli.pictures.limits import DEFAULT_LIMITS, Limits
from convcli.pictures.picture import Picture, PictureKind
from convcli.pictures.reading import load_frames, load_picture
from tests.pictures.test_reading import TEN_BIT_AVIF, png_bytes, png_chunk

Array = NDArray[Any]
FOLDER = Path(__file__).parents[1] / "data" / "pictures"
INSTALL = "pip install 'convcli[deep]' reads it"
GRAY, RGB, GRAY_ALPHA, RGBA = 0, 2, 4, 6  # color types of PNG


def random(dtype: str, *shape: int, bits: int = 16) -> Array:
    generator = np.random.default_rng(7)
    if dtype[0] == "f":
        return generator.random(shape).astype(dtype)
    return generator.integers(0, 1 << bits, shape, np.int64).astype(dtype)


def slope(bits: int, *channels: int) -> Array:
    """Return a picture of few details, which a lossy codec keeps nearly."""
    ramp = np.add.outer(np.arange(24), np.arange(32)) * ((1 << bits) // 64)
    return (ramp[..., np.newaxis] >> np.arange(*channels) if channels else ramp).astype(np.uint16)


def read(content: bytes | bytearray, limits: Limits = DEFAULT_LIMITS, *, frame: int | None = None) -> Picture:
    return load_picture(io.BytesIO(content), "x", limits, frame=frame)


def scaled(values: Array, bits: int) -> Array:
    most = (1 << bits) - 1
    return np.floor(values * (65535 / most) + 0.5).astype(np.uint16)


def png(array: Array, color: int, *extra: bytes) -> bytes:
    height, width = array.shape[:2]
    rows = [row.astype(">u2").tobytes() for row in array]
    return png_bytes(width, height, 16, color, rows, b"".join(extra))


# PNG ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("color", "channels"), [(RGB, 3), (RGBA, 4), (GRAY_ALPHA, 2)])
def test_png_of_16_bits_is_kept(color: int, channels: int) -> None:
    array = random("u2", 5, 7, channels)
    picture = read(png(array, color))
    assert np.array_equal(picture.pixels_with_alpha, array)
    assert (picture.pixels.dtype.name, picture.kind, picture.notes) == ("uint16", PictureKind.PIXELS, ())
    assert (picture.alpha is None) == (color == RGB)


def test_png_of_16_bits_as_other_programs_write_it() -> None:
    array = random("u2", 30, 40, 4)
    assert np.array_equal(read(imagecodecs.png_encode(array)).pixels_with_alpha, array)


def test_the_transparent_color_of_a_16_bit_png_becomes_alpha() -> None:
    array = np.array([[[1, 2, 3], [1, 2, 4], [40000, 2, 3]]], np.uint16)
    picture = read(png(array, RGB, png_chunk(b"tRNS", struct.pack(">3H", 1, 2, 3))))
    assert np.array_equal(picture.pixels, array)
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0, 65535, 65535]]


def exif(orientation: int) -> bytes:
    data = Image.Exif()
    data[274] = orientation
    return data.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("behind", [False, True])
def test_metadata_of_a_16_bit_png_is_kept(behind: bool) -> None:
    """An eXIf chunk may stand behind the pixels."""
    array = random("u2", 4, 6, 3)
    profile = b"profile" * 30
    chunks = [
        png_chunk(b"iCCP", b"name\0\0" + zlib.compress(profile)),
        png_chunk(b"pHYs", struct.pack(">IIB", 10000, 5000, 1)),
        *([] if behind else [png_chunk(b"eXIf", exif(6))]),
    ]
    content = png(array, RGB, *chunks)
    if behind:
        content = content[:-12] + png_chunk(b"eXIf", exif(6)) + content[-12:]
    picture = read(content)
    assert np.array_equal(picture.pixels, np.rot90(array, -1))
    assert picture.profile == profile
    assert picture.resolution == pytest.approx((127, 254))


@pytest.mark.usefixtures("engine")
def test_reference_pngs() -> None:
    gray = read((FOLDER / "la16.png").read_bytes())
    assert (gray.pixels.dtype.name, gray.pixels.shape) == ("uint16", (6, 8))
    color = read((FOLDER / "rgb16.png").read_bytes())
    assert np.array_equal(color.pixels, imagecodecs.png_decode((FOLDER / "rgb16.png").read_bytes()))
    with Image.open(FOLDER / "rgb16.png") as image:  # the upper bytes, by another library
        assert np.array_equal(color.pixels >> 8, np.asarray(image))


@pytest.mark.usefixtures("without_extra", "numpy_engine")
def test_gray_with_alpha_is_refused_by_its_own_name() -> None:
    with pytest.raises(NotKeptWhole) as caught:
        read((FOLDER / "la16.png").read_bytes())
    assert caught.value.why == f"holds 16 bits of gray with alpha, which Pillow would cut to 8; {INSTALL}"


# PNM ------------------------------------------------------------------------------------------------------


def test_a_pgm_and_a_ppm_are_scaled_alike() -> None:
    values = np.arange(1001, dtype=">u2")
    gray = read(b"P5 1001 1 1000\n" + values.tobytes()).pixels
    color = read(b"P6 1001 1 1000\n" + np.repeat(values, 3).tobytes()).pixels
    assert gray.tolist() == color[..., 1].tolist() == [[round(value * 65535 / 1000) for value in range(1001)]]


@pytest.mark.parametrize("extra", [True, False])
@pytest.mark.parametrize(("most", "note"), [(65535, False), (1023, True), (256, True)])
def test_pnm_needs_no_extra(request: pytest.FixtureRequest, extra: bool, most: int, note: bool) -> None:
    if not extra:
        request.getfixturevalue("without_extra")
    array = np.minimum(random("u2", 5, 7, 3), most)
    header = f"P6 # a comment\n7\n5 {most}\n".encode()
    plain = " ".join(map(str, array.reshape(-1))).encode()
    for content in (
        header + array.astype(">u2").tobytes(),
        b"P3\n7 5\n# a comment\n%d\n%b # end\n" % (most, plain),
    ):
        picture = read(content)
        assert picture.pixels.tolist() == [
            [[round(int(value) * 65535 / most) for value in pixel] for pixel in row] for row in array
        ]
        assert picture.notes == ((f"its values from 0 to {most} are scaled to 65535",) if note else ())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"P6 1 1 65535\n\1\2\3\4\5", "is truncated: 1 bytes of its pixels are missing"),
        (b"P3 1 1 1000\n1 2", "is truncated: it has 2 of its 3 values"),
        (b"P3 1 1 1000\n1 2 1001", "is damaged: it has a value above 1000"),
    ],
)
def test_damaged_deep_pnm_is_refused(content: bytes, why: str) -> None:
    with pytest.raises(ImageError) as caught:
        read(content)
    assert caught.value.why == why


# JPEG -----------------------------------------------------------------------------------------------------


def jpeg(array: Array, **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(array, bitspersample=12, level=98, **options))


@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_of_12_bits_is_read(channels: int) -> None:
    array = slope(12) if channels == 1 else np.ascontiguousarray(slope(12, 3))
    picture = read(jpeg(array))
    assert picture.pixels.shape == array.shape
    assert np.abs(picture.pixels.astype(float) - array * (65535 / 4095)).max() < 600
    assert picture.notes == ("its values from 0 to 4095 are scaled to 65535",)


def test_metadata_of_a_12_bit_jpeg_is_kept() -> None:
    content = jpeg(np.ascontiguousarray(slope(12, 3)))
    profile = b"profile" * 30
    segments = [
        (0xE0, b"JFIF\0\1\1\1" + struct.pack(">HH", 72, 100) + b"\0\0"),
        (0xE1, b"Exif\0\0" + exif(8)),
        (0xE2, b"ICC_PROFILE\0\1\1" + profile),
    ]
    start = 4 + int.from_bytes(content[4:6]) if content[3] == 0xE0 else 2
    start = start if start == 2 else 2 + 2 + int.from_bytes(content[4:6])
    head = b"".join(bytes([0xFF, kind]) + (len(data) + 2).to_bytes(2) + data for kind, data in segments)
    turned = read(content[:2] + head + content[start:])
    assert np.array_equal(turned.pixels, np.rot90(read(content).pixels))
    assert (turned.profile, turned.resolution) == (profile, (100, 72))


def test_a_12_bit_jpeg_that_ends_early_is_refused() -> None:
    content = jpeg(np.ascontiguousarray(slope(12, 3)))
    for end in range(2, len(content), 7):
        with pytest.raises(ImageError):
            read(content[:end])
        with pytest.raises(ImageError):
            read(content[:end] + b"\xff\xd9" if end < len(content) - 9 else b"\xff\xd8\xff")


# AVIF -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "channels"), [(10, 3), (12, 3), (10, 4)])
def test_avif_of_more_than_8_bits_is_read(bits: int, channels: int) -> None:
    array = np.ascontiguousarray(random("u2", 16, 16, channels, bits=bits))
    options: Any = {"bitspersample": bits, "pixelformat": "444", "matrix": 0}
    content = imagecodecs.avif_encode(array, 100, speed=9, **options)
    picture = read(content)
    assert np.array_equal(picture.pixels_with_alpha, scaled(array, bits))
    assert picture.notes == (f"its values from 0 to {(1 << bits) - 1} are scaled to 65535",)


def test_the_first_frame_of_a_deep_avif_is_read() -> None:
    """Some versions of imagecodecs write beyond their memory if they are asked for one frame of several."""
    array = random("u2", 3, 16, 16, 3, bits=10)
    content = imagecodecs.avif_encode(array, 100, speed=9, bitspersample=10, pixelformat="444", matrix=0)
    assert content[4:12] == b"ftypavis"
    picture = read(content)
    assert np.array_equal(picture.pixels, scaled(array[0], 10))
    assert picture.notes[0] == "has several frames; the first is used"
    with pytest.raises(ImageError, match="has no frame 1: only the first frame of such a file is read"):
        read(content, frame=1)
    still = imagecodecs.avif_encode(array[0], 100, speed=9, bitspersample=10, pixelformat="444", matrix=0)
    (frame,) = all_frames(bytes(still))
    assert np.array_equal(frame.pixels, scaled(array[0], 10))
    why = "holds 10 bits per color channel, which Pillow would cut to 8; of such a file, only the first frame"
    with pytest.raises(ImageError, match=why):
        all_frames(bytes(content))


def all_frames(content: bytes | bytearray) -> list[Picture]:
    with load_frames(io.BytesIO(content), "x.avif", Limits(), FrameRange()) as frames:
        return [picture for picture, _ in frames.pictures]


def test_ten_bit_avif_of_another_program() -> None:
    picture = read(TEN_BIT_AVIF)
    with Image.open(io.BytesIO(TEN_BIT_AVIF)) as image:
        eight_bits = np.asarray(image).astype(float)
    assert np.abs(picture.pixels / 257 - eight_bits).max() < 3


# JPEG 2000 ------------------------------------------------------------------------------------------------


def jpeg2000(array: Array, **options: Any) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(array, 0, reversible=True, **options))


@pytest.mark.parametrize("container", ["jp2", "j2k"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("dtype", "bits"), [("u1", 8), ("u2", 16), ("u2", 12)])
def test_jpeg_2000_is_read(container: Any, channels: int, dtype: str, bits: int) -> None:
    array = random(dtype, 9, 11, channels, bits=bits) if channels > 1 else random(dtype, 9, 11, bits=bits)
    picture = read(jpeg2000(array, codecformat=container, bitspersample=bits))
    assert np.array_equal(picture.pixels_with_alpha, scaled(array, bits) if bits == 12 else array)
    assert (picture.alpha is None) == (channels in (1, 3))
    assert len(picture.notes) == (bits == 12)


def test_signed_jpeg_2000_holds_numbers() -> None:
    array = (random("i4", 9, 11) - 32768).astype(np.int16)
    picture = read(jpeg2000(array))
    assert np.array_equal(picture.pixels, array)
    assert picture.kind == PictureKind.NUMBERS


def box(kind: bytes, content: bytes) -> bytes:
    return (len(content) + 8).to_bytes(4) + kind + content


def jp2(codestream: bytes, components: int, *boxes: bytes) -> bytes:
    """Put a codestream of 9x11 pixels into a file with these boxes in its header."""
    header = box(b"ihdr", struct.pack(">IIHBBBB", 9, 11, components, 15, 7, 0, 0))
    start = box(b"jP  ", b"\r\n\x87\n") + box(b"ftyp", b"jp2 \0\0\0\0jp2 ")
    return start + box(b"jp2h", header + b"".join(boxes)) + box(b"jp2c", codestream)


SRGB = box(b"colr", b"\1\0\0" + (16).to_bytes(4))


def channels_box(*types: int) -> bytes:
    """Define channels: colors are numbered from 1, all others belong to the whole picture."""
    defined = [struct.pack(">HHH", index, kind, 0 if kind else index + 1) for index, kind in enumerate(types)]
    return box(b"cdef", len(types).to_bytes(2) + b"".join(defined))


def test_the_channels_of_a_jp2_are_what_it_defines() -> None:
    array = random("u2", 9, 11, 4)
    stream = jpeg2000(array, codecformat="j2k")
    straight = read(jp2(stream, 4, SRGB, channels_box(0, 0, 0, 1)))
    assert np.array_equal(straight.pixels_with_alpha, array)
    bands = read(jp2(stream, 4, SRGB, channels_box(0, 0, 0, 65535)))
    assert bands.alpha is None
    assert np.array_equal(bands.pixels, array)
    assert bands.notes == ("its 4 samples per pixel are kept as channels",)
    array[..., 3] = 32768
    halved = read(jp2(jpeg2000(array, codecformat="j2k"), 4, SRGB, channels_box(0, 0, 0, 2)))
    expected = np.minimum(np.rint(array[..., :3] * (65535 / 32768)), 65535)
    assert np.array_equal(halved.pixels, expected)


def test_profile_and_resolution_of_a_jp2_are_kept() -> None:
    profile = b"profile" * 30
    resolution = box(b"res ", box(b"resc", struct.pack(">4H2b", 100, 254, 200, 254, 4, 4)))
    content = jp2(
        jpeg2000(random("u2", 9, 11, 3), codecformat="j2k"), 3, box(b"colr", b"\2\0\0" + profile), resolution
    )
    picture = read(content)
    assert picture.profile == profile
    assert picture.resolution == pytest.approx((200, 100))


def test_jpeg_2000_of_another_library() -> None:
    array = random("u1", 9, 11, 4, bits=8)
    stream = io.BytesIO()
    Image.fromarray(array).save(stream, "JPEG2000")
    assert np.array_equal(read(stream.getvalue()).pixels_with_alpha, array)


# JPEG XL --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(("dtype", "bits"), [("u1", 8), ("u2", 16), ("u2", 10), ("f4", 32)])
def test_jpeg_xl_is_read(container: bool, channels: int, dtype: str, bits: int) -> None:
    array = random(dtype, 9, 11, channels, bits=bits) if channels > 1 else random(dtype, 9, 11, bits=bits)
    options: Any = {} if dtype == "f4" else {"bitspersample": bits}
    picture = read(imagecodecs.jpegxl_encode(array, lossless=True, usecontainer=container, **options))
    assert np.array_equal(picture.pixels_with_alpha, scaled(array, bits) if bits == 10 else array)
    assert (picture.alpha is None) == (channels in (1, 3))
    assert picture.kind == (PictureKind.NUMBERS if dtype == "f4" else PictureKind.PIXELS)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_xl_is_upright(orientation: int) -> None:
    """The header of a lossless file of 3x2 pixels was given an orientation bit by bit."""
    head, rest = bytes.fromhex("ff0a0840"), bytes.fromhex("04c52d010804010034004b188b150a1d27834f10b40959")
    array = np.array([[0, 40, 80], [120, 160, 200]], np.uint8)
    turned = {
        1: array, 2: array[:, ::-1], 3: array[::-1, ::-1], 4: array[::-1],
        5: array.T, 6: np.rot90(array, -1), 7: np.rot90(array, 2).T, 8: np.rot90(array),
    }  # fmt: skip
    assert np.array_equal(read(head + bytes([2 * orientation - 1]) + rest).pixels, turned[orientation])


def test_extra_channels_of_a_jpeg_xl_are_kept() -> None:
    array = random("u2", 5, 9, 11)
    picture = read(imagecodecs.jpegxl_encode(array, planar=True, photometric="gray", lossless=True))
    assert np.array_equal(picture.pixels, np.moveaxis(array, 0, -1))
    assert picture.notes == ("its 5 samples per pixel are kept as channels",)


def test_the_first_frame_of_a_jpeg_xl_is_read() -> None:
    array = random("u1", 2, 9, 11, 3, bits=8)
    content = imagecodecs.jpegxl_encode(array, lossless=True)
    picture = read(content)
    assert np.array_equal(picture.pixels, array[0])
    assert picture.notes == ("has several frames; the first is used",)
    assert read(content, frame=0).notes == ()
    with pytest.raises(ImageError, match="has no frame 1: only the first frame of such a file is read"):
        read(content, frame=1)


# All of them ----------------------------------------------------------------------------------------------

FILES: dict[str, bytes] = {
    "png": png(random("u2", 9, 11, 3), RGB),
    "jpeg": jpeg(np.ascontiguousarray(slope(12, 3))),
    "avif": TEN_BIT_AVIF,
    "jp2": jpeg2000(random("u2", 9, 11, 3)),
    "j2k": jpeg2000(random("u2", 9, 11, 3), codecformat="j2k"),
    "jxl": bytes(imagecodecs.jpegxl_encode(random("u2", 9, 11, 3), lossless=True)),
    "jxl in boxes": bytes(
        imagecodecs.jpegxl_encode(random("u2", 9, 11, 3), lossless=True, usecontainer=True)
    ),
}


@pytest.mark.usefixtures("without_extra", "numpy_engine")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("png", "holds 16 bits per color channel, which Pillow would cut to 8"),
        ("jpeg", "holds 12 bits per channel, which Pillow does not read"),
        ("avif", "holds 10 bits per color channel, which Pillow would cut to 8"),
        ("jp2", "is a JPEG 2000 file, which convcli does not read by itself"),
        ("j2k", "is a JPEG 2000 file, which convcli does not read by itself"),
        ("jxl", "is a JPEG XL file, which convcli does not read by itself"),
        ("jxl in boxes", "is a JPEG XL file, which convcli does not read by itself"),
    ],
)
def test_without_the_extra_one_line_names_it(name: str, why: str) -> None:
    with pytest.raises(NotKeptWhole) as caught:
        read(FILES[name])
    assert caught.value.why == f"{why}; {INSTALL}"


@pytest.mark.parametrize("name", FILES)
def test_limits_hold_before_pixels_are_decoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for decoder in ("png", "jpeg8", "avif", "jpeg2k", "jpegxl"):
        monkeypatch.setattr(imagecodecs, f"{decoder}_decode", None)
    with pytest.raises(ImageError, match=r"has \d+x\d+ = \d+ pixels, more than 50"):
        read(FILES[name], Limits(pixels=50))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_ends_early_is_refused(name: str) -> None:
    content = FILES[name]
    for end in range(2, len(content), max(1, len(content) // 40)):
        with pytest.raises(ImageError):
            read(content[:end])
    with pytest.raises(ImageError):
        read(content[:-1])


@pytest.mark.parametrize("name", FILES)
def test_a_single_picture_has_no_other_frames(name: str) -> None:
    with pytest.raises(ImageError, match="has no frame 1: it has a single frame"):
        read(FILES[name], frame=1)


def test_nothing_reaches_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    for content in FILES.values():
        for place in range(4, len(content), 1 + len(content) // 25):
            try:
                read(bytes([*content[:place], content[place] ^ 0x55, *content[place + 1 :]]))
            except ImageError:
                continue
    assert capfd.readouterr() == ("", "")
