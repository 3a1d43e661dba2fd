"""Every output format with every depth: `apply` and `pool` write what numpy computes, or refuse it.

What a file holds is read by another library (tifffile, imagecodecs, Pillow) or by hand.
"""

import io
from collections.abc import Callable
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import imagecodecs
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from convcli import filter_file, pool_file
from convcli.errors import OutputError, UsageError
from convcli.pictures.picture import Picture, PictureKind
from convcli.pipeline import reading
from convcli.pipeline.outputs import Outputs
from tests.support.extras import hide_extra

Array = NDArray[Any]
PIXELS = ("uint8", "uint16")
DTYPES = (*PIXELS, "int8", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")
LAYOUTS = {"gray": (5, 7), "RGB": (5, 7, 3), "bands": (5, 7, 5)}
ALPHAS = {
    "uint8": "uint8",
    "uint16": "uint16",
    "uint32": "uint32",
    "float32": "float32",
    "float64": "float64",
}
RESULT_DTYPES = {  # of sobel-x: the narrowest that holds eight times the largest input; int64 of all others
    "uint8": "int16", "int8": "int16", "uint16": "int32", "int16": "int32",
    "float32": "float32", "float64": "float64",
}  # fmt: skip
COMMANDS = ("apply", "pool")
EXTRA = "pip install 'convcli[deep]' writes it"
LARGEST = 1 << 58  # eight times as much fits in int64
RANDOM = np.random.default_rng(6)


class Holds(NamedTuple):
    """What a format of pixels can hold, and what reads it here."""

    decode: Callable[[bytes], Array]
    depths: tuple[str, ...] = ("uint8",)
    alpha: bool = False
    lossy: dict[str, Any] | None = None  # how Pillow writes it
    gray_as_rgb: bool = False


def opened(data: bytes) -> Array:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image)


def opened_as(data: bytes, mode: str) -> Array:
    with Image.open(io.BytesIO(data)) as image:
        return np.asarray(image.convert(mode))


def without_hidden(rgba: Array) -> Array:
    """Return RGBA pixels with alpha of 0 or 255, and transparent ones black."""
    on = rgba[..., 3:] >= 128
    return np.where(on, np.dstack((rgba[..., :3], np.full_like(rgba[..., 3], 255))), 0).astype(np.uint8)


def read_pnm(data: bytes) -> Array:
    kind, size, most, samples = data.split(b"\n", 3)
    width, height = map(int, size.split())
    shape = (height, width, 3) if kind == b"P6" else (height, width)
    assert kind in (b"P5", b"P6")
    dtype = np.dtype("uint16" if int(most) > 255 else "uint8")
    return np.frombuffer(samples, dtype.newbyteorder(">")).reshape(shape).astype(dtype)


def read_text(separator: str, data: bytes) -> Array:
    """Return numbers as Python has them, so that no digit is lost."""
    rows = [line.split(separator) for line in data.decode().splitlines()]
    cells = [[int(cell) if cell.lstrip("-").isdecimal() else float(cell) for cell in row] for row in rows]
    return np.array(cells, object)


PIXEL_FORMATS = {
    "png": Holds(imagecodecs.png_decode, PIXELS, alpha=True),
    "jpg": Holds(opened, lossy={"format": "JPEG", "quality": 92, "subsampling": 0}),
    "webp": Holds(opened, alpha=True, gray_as_rgb=True),
    "bmp": Holds(opened),
    "pnm": Holds(read_pnm, PIXELS),
    "gif": Holds(lambda data: without_hidden(opened_as(data, "RGBA")), alpha=True),
    "avif": Holds(opened, lossy={"format": "AVIF", "quality": 92, "subsampling": "4:4:4"}, gray_as_rgb=True),
    "jp2": Holds(imagecodecs.jpeg2k_decode, PIXELS, alpha=True),
    "jxl": Holds(imagecodecs.jpegxl_decode, PIXELS, alpha=True),
}
NUMBER_FORMATS: dict[str, Callable[[bytes], Array]] = {
    "npy": lambda data: np.asarray(np.load(io.BytesIO(data))),
    "csv": partial(read_text, ","),
    "txt": partial(read_text, " "),
}
FORMATS = (*PIXEL_FORMATS, "tiff", *NUMBER_FORMATS)
NAMES = {"jpg": "jpeg"}


def numbers(dtype: str, shape: tuple[int, ...]) -> Array:
    """Return numbers of all magnitudes of a dtype, of which all sums here are exact."""
    if dtype.startswith("float"):
        fraction = 1 << {"float16": 4, "float32": 8, "float64": 40}[dtype]
        return (RANDOM.integers(-999, 999, shape) / fraction + (dtype == "float64")).astype(dtype)
    limits = np.iinfo(dtype)
    lowest, highest = max(limits.min, -LARGEST), min(limits.max, LARGEST)
    return RANDOM.integers(lowest, highest, shape, dtype, endpoint=True)


def alpha_of(dtype: str, shape: tuple[int, ...]) -> Array:
    """Return alpha without fully transparent pixels, which are no candidates for a maximum."""
    if dtype.startswith("float"):
        return (RANDOM.integers(1, 256, shape[:2]) / 256).astype(dtype)
    return RANDOM.integers(1, np.iinfo(dtype).max, shape[:2], dtype, endpoint=True)


class Case(NamedTuple):
    dtype: str
    layout: str
    alpha: bool

    def picture(self) -> Picture:
        pixels = numbers(self.dtype, LAYOUTS[self.layout])
        alpha = alpha_of(self.dtype, pixels.shape) if self.alpha else None
        return Picture(pixels, alpha, PictureKind.PIXELS if self.dtype in PIXELS else PictureKind.NUMBERS)


CASES = [
    Case(dtype, layout, alpha)
    for dtype, layout, alpha in product(DTYPES, LAYOUTS, (False, True))
    if not alpha or dtype in ALPHAS
]


# What numpy makes of it ------------------------------------------------------------------------------------


def exact(pixels: Array) -> Array:
    """Return pixels as Python's integers, which never overflow, or as float64."""
    return pixels.astype(np.float64 if pixels.dtype.kind == "f" else object)


def sobel_x(pixels: Array) -> Array:
    values = exact(pixels)
    padded = np.pad(values, ((1, 1), (1, 1), *((0, 0) for _ in values.shape[2:])), mode="edge")
    columns = padded[:-2] + 2 * padded[1:-1] + padded[2:]
    return np.asarray(columns[:, 2:] - columns[:, :-2])


def pooled(pixels: Array) -> Array:
    """Return the largest of each 2x2 window; the last row and column fill none."""
    return np.asarray(pixels[:4, :6].reshape(2, 2, 3, 2, *pixels.shape[2:]).max((1, 3)))


def rendered(values: Array, depth: str) -> Array:
    return np.minimum(np.rint(np.abs(values.astype(np.float64))), np.iinfo(depth).max).astype(depth)


def result_of(command: str, picture: Picture, extension: str) -> tuple[Array, Array | None]:
    """Return what should be in a file: pixels or numbers, and alpha."""
    if command == "pool":
        return pooled(picture.pixels), None if picture.alpha is None else pooled(picture.alpha)
    dtype = str(picture.pixels.dtype)
    values = sobel_x(picture.pixels).astype(RESULT_DTYPES.get(dtype, "int64"))
    if extension in NUMBER_FORMATS or (extension == "tiff" and picture.kind != PictureKind.PIXELS):
        return values, picture.alpha
    depth = "uint16" if dtype == "uint16" else "uint8"
    return rendered(values, depth), None if picture.alpha is None else in_depth(picture.alpha, depth)


def in_depth(alpha: Array, depth: str) -> Array:
    most = 1 if alpha.dtype.kind == "f" else np.iinfo(alpha.dtype).max
    return np.rint(alpha / most * np.iinfo(depth).max).astype(depth)


# What a format does not hold -------------------------------------------------------------------------------


def refusal_of_pixels(name: str, pixels: Array, alpha: Array | None) -> str:
    """Return why a format of pixels does not hold them, or nothing."""
    format_name, holds = NAMES.get(name, name), PIXEL_FORMATS[name]
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if str(pixels.dtype) not in PIXELS:
        return f"{format_name} holds pixels, not raw numbers; use npy, csv or tiff"
    if channels == 5:
        return f"{format_name} holds 1 or 3 channels, not 5; use tiff or npy"
    if str(pixels.dtype) not in holds.depths:
        return f"{format_name} cannot hold 16-bit pixels; use png, tiff, pnm or npy"
    if alpha is not None and not holds.alpha:
        others = "png, tiff" if pixels.dtype == np.uint16 else "png, tiff, webp"
        return f"{format_name} cannot hold alpha; use {others}, or blend it with a color: --background white"
    return ""


def is_kept_in_tiff(pixels: Array, alpha: Array | None) -> bool:
    """Whether alpha is of the kind of the pixels, all samples of a TIFF being of one type."""
    return alpha is not None and (
        alpha.dtype == pixels.dtype or (alpha.dtype.kind == "f" and pixels.dtype.kind == "f")
    )


def tiff_reason(pixels: Array, kept_alpha: bool) -> str:
    """Return why Pillow does not write a TIFF, or nothing."""
    dtype, channels = str(pixels.dtype), pixels.shape[2] if pixels.ndim == 3 else 1
    if (channels > 1 or kept_alpha) and not (channels in (1, 3) and dtype == "uint8"):
        several = f"{channels} channel{'s'[: channels > 1]} of {dtype}"
        instead = "png" if dtype in PIXELS and channels < 5 else "npy"
        return f"Pillow writes no TIFF of {several}{' with alpha' * kept_alpha}; {EXTRA}, or use {instead}"
    whole = pixels.astype(object)
    as_floats = all(float(np.float32(value)) == value for value in whole.flat)
    as_integers = pixels.dtype.kind != "f" and all(-(2**31) <= value < 2**31 for value in whole.flat)
    if as_floats or as_integers:
        return ""
    return f"Pillow would round these numbers to 32 bits in a TIFF; {EXTRA}, or use npy"


def expected(
    extension: str, pixels: Array, alpha: Array | None, has_extra: bool
) -> tuple[str, Array | None, tuple[str, ...]]:
    """Return why a file is refused, or what all its channels hold; and the notes."""
    several = pixels.shape[2] if pixels.ndim == 3 else 1
    lost = () if alpha is None else (f"{extension} cannot hold alpha",)
    if extension in NUMBER_FORMATS:
        if extension != "npy" and several > 1:
            advice = "use npy, or take one (apply --channels gray)"
            return f"{extension} holds one channel, not {several}; {advice}", None, ()
        return "", pixels, lost
    if extension == "tiff":
        kept = is_kept_in_tiff(pixels, alpha)
        why = "" if has_extra else tiff_reason(pixels, kept)
        whole = np.dstack((pixels, np.asarray(alpha, pixels.dtype))) if kept else pixels
        if alpha is not None:
            lost = (f"tiff cannot hold {alpha.dtype} alpha with {pixels.dtype} pixels",)
        return why, None if why else whole, () if kept else lost
    if extension in ("jp2", "jxl") and not has_extra:
        return f"convcli does not write {extension.upper()} by itself; {EXTRA}", None, ()
    why = refusal_of_pixels(extension, pixels, alpha)
    if why:
        return why, None, ()
    holds = PIXEL_FORMATS[extension]
    if holds.gray_as_rgb and pixels.ndim == 2:
        pixels = np.repeat(pixels[..., np.newaxis], 3, axis=2)
    whole = pixels if alpha is None else np.dstack((pixels, alpha))
    if extension == "gif":  # these few colors fit its palette
        colors = pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
        opacity = np.full(pixels.shape[:2], 255, np.uint8) if alpha is None else alpha
        notes = () if alpha is None else ("alpha is reduced to on or off",)
        return "", without_hidden(np.dstack((colors, opacity))), notes
    if holds.lossy:
        file = io.BytesIO()
        Image.fromarray(whole).save(file, **holds.lossy)
        whole = opened(file.getvalue())
    return "", whole, ()


# The table -------------------------------------------------------------------------------------------------


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Picture, str], tuple[bytes, tuple[str, ...]]]:
    """Run a command on a picture in memory, and return the file that it would write, and its notes."""
    files: dict[str, bytes] = {}

    def keep(_: Outputs, target: str, parts: list[bytes], *__: object) -> tuple[str, ...]:
        files[target] = b"".join(parts)
        return ()

    monkeypatch.setattr(Outputs, "write", keep)

    def write(command: str, picture: Picture, extension: str) -> tuple[bytes, tuple[str, ...]]:
        monkeypatch.setattr(reading, "load_picture", lambda *_, **__: picture)
        output = f"out.{extension}"
        run = partial(filter_file, filter="sobel-x") if command == "apply" else partial(pool_file, size=2)
        result = run("in.picture", output=output, jobs=1)
        return files.pop(output), result.notes

    return write


def decoded(extension: str, data: bytes) -> Array:
    if extension in NUMBER_FORMATS:
        return NUMBER_FORMATS[extension](data)
    if extension in PIXEL_FORMATS:
        return PIXEL_FORMATS[extension].decode(data)
    return np.asarray(tifffile.imread(io.BytesIO(data)))


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("has_extra", [True, False], ids=["with extra", "without extra"])
@pytest.mark.parametrize("extension", FORMATS)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_written_is_right_or_refused(
    command: str, extension: str, has_extra: bool, written: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not has_extra:
        hide_extra(monkeypatch)
    kept = 0
    for case in CASES:
        picture = case.picture()
        pixels, alpha = result_of(command, picture, extension)
        why, whole, notes = expected(extension, pixels, alpha, has_extra)
        if why:
            with pytest.raises((OutputError, UsageError)) as caught:
                written(command, picture, extension)
            assert str(caught.value) == f"out.{extension}: {why}", case
            continue
        data, found_notes = written(command, picture, extension)
        assert tuple(note for note in found_notes if "keeps the numbers" not in note) == notes, case
        back = decoded(extension, data)
        assert whole is not None
        if extension in ("csv", "txt"):  # the shortest text that is read as the same number
            back = back.astype(whole.dtype)
        assert np.array_equal(back, whole), case
        assert back.dtype == whole.dtype or extension == "tiff", case
        kept += 1
    assert kept or (extension in ("jp2", "jxl") and not has_extra)


# From file to file -----------------------------------------------------------------------------------------


def tiff_bytes(pixels: Array, photometric: str, *extra: str) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, pixels, photometric=photometric, planarconfig="contig", extrasamples=extra)
    return file.getvalue()


DEEP_RGBA = RANDOM.integers(0, 65536, (5, 7, 4)).astype(np.uint16)
FLOAT_RGBA = np.dstack((numbers("float64", (5, 7, 3)), alpha_of("float64", (5, 7))))
BANDS = RANDOM.integers(0, 256, (5, 7, 5)).astype(np.uint8)
PPM = b"P6 7 5 65535\n" + DEEP_RGBA[..., :3].astype(">u2").tobytes()


@pytest.mark.parametrize(
    ("data", "pixels", "alpha", "output"),
    [
        (imagecodecs.png_encode(DEEP_RGBA), DEEP_RGBA[..., :3], DEEP_RGBA[..., 3], "png"),
        (imagecodecs.png_encode(DEEP_RGBA[..., :3].copy()), DEEP_RGBA[..., :3], None, "png"),
        (imagecodecs.png_encode(DEEP_RGBA[..., 2:].copy()), DEEP_RGBA[..., 2], DEEP_RGBA[..., 3], "png"),
        (PPM, DEEP_RGBA[..., :3], None, "png"),
        (tiff_bytes(DEEP_RGBA, "rgb", "unassalpha"), DEEP_RGBA[..., :3], DEEP_RGBA[..., 3], "png"),
        (tiff_bytes(FLOAT_RGBA, "rgb", "unassalpha"), FLOAT_RGBA[..., :3], FLOAT_RGBA[..., 3], "tiff"),
        (tiff_bytes(BANDS, "minisblack", *["unspecified"] * 4), BANDS, None, "tiff"),
        (imagecodecs.jpeg2k_encode(DEEP_RGBA, level=0), DEEP_RGBA[..., :3], DEEP_RGBA[..., 3], "png"),
        (imagecodecs.jpegxl_encode(DEEP_RGBA, lossless=True), DEEP_RGBA[..., :3], DEEP_RGBA[..., 3], "png"),
    ],
    ids=["png", "png RGB", "png gray", "ppm", "tiff", "tiff of floats", "tiff of bands", "jp2", "jxl"],
)  # fmt: skip
def test_a_deep_file_gives_a_deep_file(
    data: bytes, pixels: Array, alpha: Array | None, output: str, in_folder: Path
) -> None:
    (in_folder / "in.picture").write_bytes(data)
    filtered = sobel_x(pixels)
    if output == "png":
        filtered = rendered(filtered, "uint16")
    for run, label, values, transparency in (
        (partial(filter_file, filter="sobel-x"), "sobel-x", filtered, alpha),
        (pool_file, "maxpool-2x2", pooled(pixels), None if alpha is None else pooled(alpha)),
    ):
        result = run("in.picture")
        assert result.output == f"in-{label}.{output}"
        back = decoded(output, (in_folder / result.output).read_bytes())
        whole = values if transparency is None else np.dstack((values, transparency))
        assert np.array_equal(back, whole.astype(back.dtype))
        assert back.dtype.itemsize >= pixels.dtype.itemsize
