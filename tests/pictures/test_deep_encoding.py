"""What Pillow does not write: deep TIFF, JPEG 2000, JPEG XL and PPM, read back by other libraries."""

import io
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from convcli.errors import OutputError, UsageError
from convcli.pictures.formats.deep import encoding
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.format_checks import check_holds
from convcli.pictures.formats.output_formats import OutputFormat, format_for_path, parse_format
from convcli.pictures.picture import Picture
from convcli.pictures.writing import write_image, write_picture
from tests.support.command_line import Runner, assert_refused, nothing_changes

Array = NDArray[Any]
DEEP = [np.uint8, np.uint16]
SHAPES: list[tuple[int, ...]] = [(5, 7), (5, 7, 3)]
PROFILE = bytes(16) + b"RGB " + bytes(108)  # of the shortest length that a profile can have
RANDOM = np.random.default_rng(18)


def noise(shape: tuple[int, ...], dtype: Any) -> Array:
    if np.dtype(dtype).kind == "f":
        return RANDOM.normal(0, 1e9, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max, shape, dtype, endpoint=True)


def encoded(picture: Picture, file_format: OutputFormat) -> bytes:
    assert check_holds(picture, file_format, "x") == ()
    return b"".join(encode(picture, file_format, "x"))


def boxes(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield kind and content of the boxes of a JP2 file."""
    while data:
        length, kind = struct.unpack(">I4s", data[:8])
        length = length or len(data)
        yield kind, data[8:length]
        data = data[length:]


@pytest.mark.parametrize("dtype", DEEP)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alpha", [False, True])
def test_jpeg_2000_and_jpeg_xl_are_lossless(dtype: Any, shape: tuple[int, ...], alpha: bool) -> None:
    pixels = noise(shape, dtype)
    picture = Picture(pixels, noise((5, 7), dtype) if alpha else None)
    for file_format, decode in (
        (OutputFormat.JP2, imagecodecs.jpeg2k_decode),
        (OutputFormat.JXL, imagecodecs.jpegxl_decode),
    ):
        back = decode(encoded(picture, file_format))
        assert back.dtype == dtype
        assert np.array_equal(back, picture.pixels_with_alpha), file_format


@pytest.mark.parametrize("shape", SHAPES)
def test_the_header_of_a_jpeg_2000_says_what_its_channels_are(shape: tuple[int, ...]) -> None:
    colors = (len(shape) == 3 and 3) or 1
    picture = Picture(
        noise(shape, np.uint16), noise((5, 7), np.uint16), profile=PROFILE, resolution=(300, 72.5)
    )
    data = encoded(picture, OutputFormat.JP2)
    outer = dict(boxes(data))
    assert list(outer) == [b"jP  ", b"ftyp", b"jp2h", b"jp2c"]
    header = dict(boxes(outer[b"jp2h"]))
    assert list(header) == [b"ihdr", b"colr", b"cdef", b"res "]
    assert header[b"ihdr"] == struct.pack(">IIHBBBB", 5, 7, colors + 1, 15, 7, 0, 0)
    assert header[b"colr"] == b"\2\0\0" + PROFILE
    words = [(channel, 0, channel + 1) for channel in range(colors)] + [(colors, 1, 0)]
    assert header[b"cdef"] == struct.pack(f">{1 + 3 * len(words)}H", len(words), *sum(words, ()))
    with Image.open(io.BytesIO(data)) as image:
        assert image.mode == ("RGBA" if colors == 3 else "LA")
        assert image.info["dpi"] == pytest.approx((300, 72.5), rel=1e-9)


@pytest.mark.parametrize("dots", [1e-3, 0.3, 1, 72, 72.009, 300, 1234, 12345, 65535, 999_999.5])
def test_any_resolution_fits_a_jpeg_2000(dots: float) -> None:
    data = encoded(Picture(noise((1, 1), np.uint8), resolution=(dots, 96)), OutputFormat.JP2)
    resolution = dict(boxes(dict(boxes(dict(boxes(data))[b"jp2h"]))[b"res "]))[b"resc"]
    up, below, across, beneath, *exponents = struct.unpack(">4H2b", resolution)
    per_meter = across / beneath * 10.0 ** exponents[1], up / below * 10.0 ** exponents[0]
    assert per_meter == pytest.approx((dots / 0.0254, 96 / 0.0254), rel=2e-6)


def test_a_jpeg_2000_without_a_profile_is_gray_or_srgb() -> None:
    for shape, space in (((2, 3), 17), ((2, 3, 3), 16)):
        header = dict(boxes(dict(boxes(encoded(Picture(noise(shape, np.uint8)), OutputFormat.JP2)))[b"jp2h"]))
        assert list(header) == [b"ihdr", b"colr"]
        assert header[b"colr"] == struct.pack(">BBBI", 1, 0, 0, space)


def test_a_jpeg_xl_is_written_without_the_profile_and_that_is_noted() -> None:
    picture = Picture(noise((2, 2, 3), np.uint8), profile=PROFILE)
    notes = check_holds(picture, OutputFormat.JXL, "x")
    assert notes == ("jxl is written without the color profile",)
    assert np.array_equal(
        imagecodecs.jpegxl_decode(b"".join(encode(picture, OutputFormat.JXL, "x"))), picture.pixels
    )


def test_a_deep_ppm_has_the_most_significant_byte_first() -> None:
    pixels = np.array([[[1, 2, 3], [256, 40001, 65535]]], np.uint16)
    for array in (pixels, np.asfortranarray(pixels), pixels.astype(">u2")):
        data = encoded(Picture(array), OutputFormat.PNM)
        assert data == b"P6\n2 1\n65535\n" + struct.pack(">6H", 1, 2, 3, 256, 40001, 65535)


@pytest.mark.parametrize(
    "dtype", ["uint8", "uint16", "int8", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]
)
@pytest.mark.parametrize("channels", [2, 3, 4, 6])
def test_a_tiff_keeps_any_numbers_in_any_number_of_channels(dtype: str, channels: int) -> None:
    pixels = noise((5, 7, channels), dtype)
    picture = Picture(pixels, profile=PROFILE, resolution=(300, 72.5))
    with tifffile.TiffFile(io.BytesIO(encoded(picture, OutputFormat.TIFF))) as file:
        page = file.pages.first
        back = page.asarray()
        assert (back.dtype, len(file.pages)) == (np.dtype(dtype), 1)
        assert np.array_equal(back, pixels)
        assert page.photometric == (
            tifffile.PHOTOMETRIC.RGB if channels == 3 else tifffile.PHOTOMETRIC.MINISBLACK
        )
        assert page.extrasamples == (0,) * (0 if channels == 3 else channels - 1)
        assert page.tags["InterColorProfile"].value == PROFILE
        assert page.get_resolution("inch") == pytest.approx((300, 72.5), rel=1e-9)
        assert {"Software", "ImageDescription", "DateTime"}.isdisjoint(tag.name for tag in page.tags)


def test_a_tiff_beyond_4_gigabytes_is_a_bigtiff(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = Picture(noise((5, 7, 3), np.uint16))
    assert encoded(picture, OutputFormat.TIFF)[:4] == b"II*\0"
    monkeypatch.setattr(encoding, "CLASSIC_TIFF_BYTES", encoding.TIFF_MARGIN + picture.pixels.nbytes - 1)
    data = encoded(picture, OutputFormat.TIFF)
    assert data[:4] == b"II+\0"
    assert np.array_equal(tifffile.imread(io.BytesIO(data)), picture.pixels)


def test_maps_that_pillow_would_round_are_pages() -> None:
    maps = Picture(noise((5, 7, 4), np.float64), maps=True)
    with tifffile.TiffFile(io.BytesIO(encoded(maps, OutputFormat.TIFF))) as file:
        assert len(file.pages) == 4
        for index, page in enumerate(file.pages):
            assert np.array_equal(page.asarray(), maps.pixels[..., index])


def test_16_bit_alpha_is_the_last_channel_of_an_array(tmp_path: Path) -> None:
    for channels in (2, 4):
        pixels = noise((3, 4, channels), np.uint16)
        write_image(tmp_path / f"{channels}.png", pixels)
        assert np.array_equal(imagecodecs.png_decode((tmp_path / f"{channels}.png").read_bytes()), pixels)


@pytest.mark.parametrize(
    ("name", "place"), [("jp2", "jpeg2k_encode"), ("jxl", "jpegxl_encode"), ("tiff", "TiffWriter")]
)
@pytest.mark.parametrize("error", [RuntimeError("no luck"), ImportError("no luck")], ids=["error", "import"])
def test_whatever_an_encoder_raises_is_an_output_error(
    name: str, place: str, error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(tifffile if name == "tiff" else imagecodecs, place, fail)
    with pytest.raises(OutputError) as caught:
        write_image(tmp_path / f"x.{name}", noise((2, 2, 3), np.uint16))
    assert caught.value.why == f"the {name} encoder failed: no luck"
    assert list(tmp_path.iterdir()) == []


# Without the extra -----------------------------------------------------------------------------------------


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize("name", ["jp2", "jxl"])
def test_formats_of_the_extra_name_it(name: str) -> None:
    why = f"convcli does not write {name.upper()} by itself; pip install 'convcli[deep]' writes it"
    with pytest.raises(UsageError) as caught:
        parse_format(name)
    assert str(caught.value) == f"format '{name}': {why}"
    with pytest.raises(UsageError) as caught:
        format_for_path(f"a.{name}")
    assert str(caught.value) == f"a.{name}: {why}"


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize("options", [("-o", "out.jp2"), ("--format", "jp2")])
def test_a_command_without_the_extra_starts_nothing(
    convcli: Runner, in_folder: Path, options: tuple[str, str]
) -> None:
    what = "out.jp2" if options[0] == "-o" else "format 'jp2'"
    with nothing_changes(in_folder):
        ran = convcli("apply", "gone.png", "--filter", "box", *options)
        why = "convcli does not write JP2 by itself; pip install 'convcli[deep]' writes it"
        assert_refused(ran, f"{what}: {why}")


@pytest.mark.usefixtures("without_extra")
@pytest.mark.parametrize(
    ("picture", "what", "instead"),
    [
        (Picture(noise((2, 2, 3), np.uint16)), "3 channels of uint16", "png"),
        (
            Picture(noise((2, 2), np.uint16), noise((2, 2), np.uint16)),
            "1 channel of uint16 with alpha",
            "png",
        ),
        (Picture(noise((2, 2, 5), np.uint8)), "5 channels of uint8", "npy"),
        (Picture(noise((2, 2, 3), np.float32)), "3 channels of float32", "npy"),
        (
            Picture(noise((2, 2), np.float32), noise((2, 2), np.float32)),
            "1 channel of float32 with alpha",
            "npy",
        ),
    ],
)
def test_a_tiff_that_pillow_does_not_write_names_the_extra(
    picture: Picture, what: str, instead: str, tmp_path: Path
) -> None:
    with pytest.raises(OutputError) as caught:
        write_picture(tmp_path / "x.tif", picture)
    why = f"Pillow writes no TIFF of {what}; pip install 'convcli[deep]' writes it, or use {instead}"
    assert caught.value.why == why
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("without_extra")
def test_what_needs_no_extra_is_written_without_it(tmp_path: Path) -> None:
    for name, shape, dtype in (
        ("a.png", (2, 3, 4), np.uint16),
        ("b.ppm", (2, 3, 3), np.uint16),
        ("c.tif", (2, 3, 4), np.uint8),
        ("d.tif", (2, 3), np.uint16),
        ("e.tif", (2, 3), np.float32),
    ):
        write_image(tmp_path / name, noise(shape, dtype))
        assert (tmp_path / name).stat().st_size > 0
