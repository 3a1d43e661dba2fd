"""What each format keeps and loses, as docs/filters.md lists it in a table: each of its cells is tried."""

import io
import re
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image, ImageCms

from convcli import read_picture
from convcli.compiled.engine import is_compiled
from convcli.errors import ConvcliError, ImageError
from convcli.pictures.formats.decoding import readable_formats
from convcli.pictures.formats.encoding import encode
from convcli.pictures.formats.format_checks import check_holds
from convcli.pictures.formats.output_formats import OutputFormat, parse_format
from convcli.pictures.picture import Picture
from tests.support.command_line import Runner
from tests.support.extras import hide_extra

Array = NDArray[Any]

PAGE = Path(__file__).parents[2] / "docs" / "filters.md"
DOTS = (144, 72)
LAYOUTS = {"gray": (8, 8), "color": (8, 8, 3), "bands": (8, 8, 5)}
NUMBERS = ["int8", "int16", "int32", "int64", "uint32", "uint64", "float16", "float32", "float64"]
DTYPES = {
    "8": ["uint8"],
    "16": ["uint16"],
    "10": ["uint16"],
    "12": ["uint16"],
    "on or off": ["uint8"],
    "all numbers": NUMBERS,
    "all numbers but uint64": [dtype for dtype in NUMBERS if dtype != "uint64"],
}
ALPHA_DTYPES = ("uint8", "uint16", "uint32", "float32", "float64")
OUTPUT_NAMES = {"JPEG 2000": ["jp2"], "JPEG XL": ["jxl"], ".npy": ["npy"], ".csv, .txt": ["csv", "txt"]}
RANDOM = np.random.default_rng(4)


class Row(NamedTuple):
    """A row of the table."""

    format: str
    direction: str
    gray: str
    color: str
    bands: str
    alpha: str
    profile: str
    resolution: str
    frames: str
    loss: str

    def dtypes(self, column: str, *, has_extra: bool) -> set[str]:
        """Return what a cell lists, by dtype; what takes the extra only if there is one."""
        words = [word for word in self.words(column) if has_extra or not word.endswith("*")]
        return {dtype for word in words for dtype in self.meaning(word.rstrip("*"))}

    def words(self, column: str) -> list[str]:
        """Return the parts of a cell."""
        cell = getattr(self, column)
        return [] if cell == "–" else cell.removesuffix(" as RGB").split(", ")

    @staticmethod
    def meaning(word: str) -> list[str]:
        return DTYPES.get(word, [word])


def rows() -> list[Row]:
    text = PAGE.read_text("utf-8")
    section = text.partition("\n## What each format keeps and loses\n")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    found: list[Row] = []
    for line in lines:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        found.append(Row(cells[0] or found[-1].format, *cells[1:]))
    return found


ROWS = rows()
READ = [row for row in ROWS if row.direction == "read"]
WRITTEN = [row for row in ROWS if row.direction == "written"]


def by_format(found: list[Row]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", found, ids=[row.format for row in found])


with_and_without_extra = pytest.mark.parametrize("has_extra", [True, False], ids=["extra", "no extra"])


def noise(dtype: str, shape: tuple[int, ...], most: int | None = None) -> Array:
    """Return numbers of the whole range of a dtype, or up to `most`."""
    if dtype.startswith("float"):
        return (RANDOM.integers(-999, 999, shape) / (3 if dtype == "float64" else 4)).astype(dtype)
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max if most is None else most, shape, dtype, endpoint=True)


def alpha_like(pixels: Array) -> Array:
    if pixels.dtype.kind == "f":
        return (RANDOM.integers(0, 5, pixels.shape[:2]) / 4).astype(pixels.dtype)
    return noise(str(pixels.dtype), pixels.shape[:2])


def profile_of(space: bytes) -> bytes:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return profile[:16] + space + profile[20:]


def test_the_table_has_every_format() -> None:
    assert {row.format for row in READ} == {
        *readable_formats().replace(" and ", ", ").split(", "),
        ".npy",
        ".csv, .txt",
    }
    written = [name for row in WRITTEN for name in output_names(row)]
    assert sorted([*written, OutputFormat.ZARR]) == sorted(OutputFormat)  # which keeps numbers as they are
    assert {row.direction for row in ROWS} == {"read", "written"}


# Written ---------------------------------------------------------------------------------------------------


def output_names(row: Row) -> list[str]:
    return OUTPUT_NAMES.get(row.format, [row.format.lower()])


def attempt(picture: Picture, name: str) -> bytes | None:
    """Return the file of a picture that keeps its pixels and alpha, or None if the format does not hold them."""
    try:
        file_format = parse_format(name)
        notes = check_holds(picture, file_format, f"x.{name}")
    except ConvcliError:
        return None
    is_lost = any(re.fullmatch("[a-z]+ cannot hold .*alpha.*", note) for note in notes)
    return None if is_lost else b"".join(encode(picture, file_format, f"x.{name}"))


@with_and_without_extra
@by_format(WRITTEN)
def test_what_is_written(row: Row, has_extra: bool, in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_folder.is_dir()
    if not has_extra:
        hide_extra(monkeypatch)
    for name, layout, dtype, with_alpha in product(
        output_names(row), LAYOUTS, ["uint8", "uint16", *NUMBERS], (False, True)
    ):
        if dtype == "float16" or (with_alpha and dtype not in ALPHA_DTYPES):
            continue  # a picture has none
        pixels = noise(dtype, LAYOUTS[layout])
        picture = Picture(pixels, alpha_like(pixels) if with_alpha else None)
        listed = dtype in row.dtypes(layout, has_extra=has_extra)
        if with_alpha:
            listed = listed and dtype in row.dtypes("alpha", has_extra=has_extra)
        data = attempt(picture, name)
        assert (data is not None) == listed, (layout, dtype, with_alpha)
        if data is None or not has_extra:
            continue
        back = read_back(data, name)
        if row.gray.endswith("as RGB") and layout == "gray":
            pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
        is_same = np.array_equal(back.pixels, pixels) and (
            picture.alpha is None or (back.alpha is not None and np.array_equal(back.alpha, picture.alpha))
        )
        is_exact = row.loss == "none" or (row.loss == "256 colors" and not with_alpha)
        assert is_same == is_exact, (layout, dtype, with_alpha)


def read_back(data: bytes, name: str) -> Picture:
    if name not in ("csv", "txt"):
        return read_picture(io.BytesIO(data))
    path = Path(f"back.{name}")
    path.write_bytes(data)
    return read_picture(path)


@by_format(WRITTEN)
def test_metadata_that_is_written(row: Row, in_folder: Path) -> None:
    assert in_folder.is_dir()
    for name, layout in product(output_names(row), ("gray", "color")):
        profile = profile_of(b"GRAY" if layout == "gray" else b"RGB ")
        picture = Picture(noise("uint8", LAYOUTS[layout]), profile=profile, resolution=DOTS)
        if attempt(picture, name) is None:
            continue
        notes = check_holds(picture, parse_format(name), f"x.{name}")
        is_kept = row.profile == "kept" or (row.profile == "of RGB" and layout == "color")
        assert any("color profile" in note for note in notes) != is_kept
        back = read_back(b"".join(encode(picture, parse_format(name), f"x.{name}")), name)
        assert back.profile == (profile if is_kept else None)
        if row.resolution == "kept":
            assert back.resolution == pytest.approx(DOTS, abs=0.01)
        else:
            assert (row.resolution, back.resolution) == ("–", None)


# Read ------------------------------------------------------------------------------------------------------


def saved(pixels: Array, name: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, name, **options)
    return file.getvalue()


def tiff_file(pixels: Array, *, layout: str, has_alpha: bool) -> bytes:
    file = io.BytesIO()
    colors = {"gray": 1, "color": 3, "bands": 5}[layout]
    extra = ["unspecified"] * (colors - 1 if layout == "bands" else 0) + ["unassalpha"] * has_alpha
    tifffile.imwrite(
        file,
        pixels,
        photometric="rgb" if layout == "color" else "minisblack",
        planarconfig="contig" if pixels.ndim == 3 else None,
        extrasamples=extra if pixels.ndim == 3 else None,
        metadata=None,
    )
    return file.getvalue()


def pnm_file(pixels: Array) -> bytes:
    height, width = pixels.shape[:2]
    if pixels.dtype == np.float32:  # the last row first
        return b"Pf %d %d -1\n" % (width, height) + pixels[::-1].astype("<f4").tobytes()
    most, order = (255, "u1") if pixels.dtype == np.uint8 else (65535, ">u2")
    return (
        b"P%d %d %d %d\n" % (5 if pixels.ndim == 2 else 6, width, height, most)
        + pixels.astype(order).tobytes()
    )


def npy_file(pixels: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, pixels)
    return file.getvalue()


def csv_file(pixels: Array) -> bytes:
    return "\n".join(",".join(map(str, row)) for row in pixels.tolist()).encode()


def source_of(row: Row, layout: str, word: str, pixels: Array, has_alpha: bool) -> bytes:
    """Return a file with these samples, alpha among them, made by another library or by hand."""
    bits = int(word) if word in ("10", "12") else None
    is_deep = pixels.dtype != np.uint8
    makers: dict[str, Callable[[], bytes]] = {
        "PNG": lambda: bytes(imagecodecs.png_encode(pixels)),
        "JPEG": lambda: (
            bytes(imagecodecs.jpeg8_encode(pixels, level=99, bitspersample=bits))
            if is_deep
            else saved(pixels, "JPEG", quality=99)
        ),
        "TIFF": lambda: tiff_file(pixels, layout=layout, has_alpha=has_alpha),
        "WebP": lambda: saved(pixels, "WEBP", lossless=True, exact=True),
        "BMP": lambda: saved(pixels, "BMP"),
        "GIF": lambda: saved(pixels, "GIF"),
        "PNM": lambda: pnm_file(pixels),
        "AVIF": lambda: bytes(imagecodecs.avif_encode(pixels, level=100, bitspersample=bits or 8)),
        "JPEG 2000": lambda: bytes(
            imagecodecs.jpeg2k_encode(pixels, level=0, codecformat="jp2", reversible=True)
        ),
        "JPEG XL": lambda: bytes(imagecodecs.jpegxl_encode(pixels, lossless=True)),
        ".npy": lambda: npy_file(pixels),
        ".csv, .txt": lambda: csv_file(pixels),
    }
    return makers[row.format]()


class Sample(NamedTuple):
    layout: str
    word: str
    has_alpha: bool


GRAY_WITH_ALPHA = ("PNG", "TIFF", "JPEG 2000", "JPEG XL")


def samples(row: Row) -> list[Sample]:
    """Return all that the cells of a row list."""
    found = [Sample(layout, word, False) for layout in LAYOUTS for word in row.words(layout)]
    with_alpha = ("gray", "color") if row.format in GRAY_WITH_ALPHA else ("color",)
    return found + [Sample(layout, word, True) for layout in with_alpha for word in row.words("alpha")]


def values(row: Row, sample: Sample, dtype: str) -> Array:
    """Return samples, alpha last; a picture without details if the format is lossy."""
    height, width, *channels = LAYOUTS[sample.layout]
    shape: tuple[int, ...] = (height, width, (channels or [1])[0] + sample.has_alpha)
    if not sample.has_alpha and not channels:
        shape = height, width
    word = sample.word.rstrip("*")
    if row.format in ("JPEG", "AVIF"):
        most = (1 << int(word)) - 1
        ramp = np.add.outer(np.linspace(0, most / 2, height), np.linspace(0, most / 2, width)).astype(dtype)
        return ramp if len(shape) == 2 else np.repeat(ramp[..., np.newaxis], shape[2], axis=2)
    if row.format == "JPEG XL" and dtype == "float32":
        return (RANDOM.integers(0, 5, shape) / 4).astype(dtype)
    pixels = noise(dtype, shape)
    if sample.has_alpha and dtype.startswith("float"):
        pixels[..., -1] = np.abs(pixels[..., -1]) / 1024
    if row.format == "GIF" and sample.has_alpha:  # a pixel is seen, or not; of few colors none is lost
        return np.where(pixels > 99, 255, 0).astype(dtype)
    return pixels


def assert_read(row: Row, sample: Sample, dtype: str, whole: Array, picture: Picture) -> None:
    pixels, alpha = (whole[..., :-1], whole[..., -1]) if sample.has_alpha else (whole, None)
    if row.gray.endswith("as RGB") and sample.layout == "gray":
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    pixels = pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
    word = sample.word.rstrip("*")
    tolerance = 0.0
    if row.format in ("JPEG", "AVIF"):
        tolerance = 0.02 * (255 if word == "8" else 65535)
        pixels = pixels * (65535 / ((1 << int(word)) - 1) if word != "8" else 1)
        alpha = None if alpha is None else alpha * (65535 / ((1 << int(word)) - 1) if word != "8" else 1)
    assert picture.pixels.shape == pixels.shape, (sample, dtype)
    seen = np.ones(pixels.shape[:2], bool) if alpha is None else alpha > 0
    difference = np.abs(picture.pixels[seen].astype(np.longdouble) - pixels[seen].astype(np.longdouble))
    assert difference.max() <= tolerance, (sample, dtype)
    assert (picture.alpha is None) == (alpha is None), (sample, dtype)
    if alpha is not None and picture.alpha is not None:
        assert np.abs(picture.alpha.astype(np.longdouble) - alpha).max() <= tolerance, (sample, dtype)


@by_format(READ)
def test_what_is_read(row: Row, in_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = in_folder / f"x{'.csv' if row.format == '.csv, .txt' else ''}"
    for sample in samples(row):
        plain = row.dtypes("alpha" if sample.has_alpha else sample.layout, has_extra=False)
        for dtype in Row.meaning(sample.word.rstrip("*")):
            if sample.word.endswith("*") and dtype in plain:
                continue
            whole = values(row, sample, dtype)
            path.write_bytes(source_of(row, sample.layout, sample.word.rstrip("*"), whole, sample.has_alpha))
            assert_read(row, sample, dtype, whole, read_picture(path))
            with monkeypatch.context() as hidden:
                hide_extra(hidden)
                if row.format == "PNG" and sample.word == "16" and not is_compiled():
                    continue  # needs either; test_reading.py has what is refused
                if not sample.word.endswith("*"):
                    assert_read(row, sample, dtype, whole, read_picture(path))
                    continue
                with pytest.raises(ImageError, match=r"pip install 'convcli\[deep\]' reads it"):
                    read_picture(path)


def saved_with_metadata(file_format: str, profile: bytes) -> bytes:
    exif = Image.Exif()
    exif[282], exif[283], exif[296] = *DOTS, 2
    pixels = noise("uint8", (8, 8, 3))
    return saved(pixels, file_format, dpi=DOTS, icc_profile=profile, exif=exif.tobytes())


@by_format(READ)
def test_metadata_that_is_read(row: Row) -> None:
    files = []
    profile = profile_of(b"RGB ")
    if row.format in ("JPEG", "WebP", "BMP", "GIF", "AVIF"):
        files.append(saved_with_metadata(row.format.upper(), profile))
    for dtype in ("uint8", "uint16", "float64"):  # as convcli writes them; other tests compare with libraries
        picture = Picture(noise(dtype, (8, 8, 3)), profile=profile, resolution=DOTS)
        for name in output_names(row) if row.format in ("PNG", "TIFF", "PNM", "JPEG 2000", "JPEG XL") else ():
            data = attempt(picture, name)
            if data is not None:
                files.append(data)
                assert np.array_equal(read_back(data, name).pixels, picture.pixels)
    assert files or row.format in (".npy", ".csv, .txt")
    for data in files:
        picture = read_picture(io.BytesIO(data))
        assert picture.profile == (profile if row.profile == "kept" else None)
        resolution = pytest.approx(DOTS, abs=0.01) if row.resolution == "kept" else None
        assert picture.resolution == resolution


# Several frames --------------------------------------------------------------------------------------------

FRAMES = np.where(RANDOM.random((2, 8, 8, 3)) < 0.5, 0, 255).astype(np.uint8)
IN_PILLOW = {"JPEG": "MPO", "TIFF": "TIFF", "PNG": "PNG", "WebP": "WEBP", "GIF": "GIF", "AVIF": "AVIF"}


def file_of_frames(name: str) -> bytes:
    if name == ".npy":
        return npy_file(FRAMES)
    first, second = map(Image.fromarray, FRAMES)
    file = io.BytesIO()
    options = {"lossless": True} if name == "WebP" else {}
    first.save(file, IN_PILLOW[name], save_all=True, append_images=[second], **options)
    return file.getvalue()


@by_format([row for row in READ if row.frames == "several"])
def test_several_frames_are_read(row: Row, in_folder: Path, convcli: Runner) -> None:
    (in_folder / "in").write_bytes(file_of_frames(row.format))
    assert convcli("pool", "in", "--f", "1", "--frame", "all", "-o", "out.npy").code == 0
    back = np.load("out.npy")
    assert back.shape == FRAMES.shape
    assert np.array_equal(back, FRAMES) or row.format in ("JPEG", "AVIF")


@by_format(WRITTEN)
def test_several_frames_are_written_or_refused(row: Row, in_folder: Path, convcli: Runner) -> None:
    (in_folder / "in").write_bytes(file_of_frames("TIFF"))
    for name in output_names(row):
        ran = convcli("pool", "in", "--f", "1", "--frame", "all", "-o", f"out.{name}")
        assert (ran.code, row.frames) in ((0, "several"), (1, "one"))
        if ran.code:
            assert ran.err.startswith(f"convcli: out.{name}: {name} holds one picture, not 2 frames; ")
        elif name == "npy":
            assert np.array_equal(np.load("out.npy"), FRAMES)
        else:
            with Image.open(f"out.{name}") as image:
                assert getattr(image, "n_frames", 1) == 2
