"""Pillow images and rasters share their memory, and pixels are read and written without numpy."""

import gc
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from convcli.compiled.engine import is_compiled
from convcli.pictures.formats.pillow.rasters import convert_to_rasters, image_of, new_raster
from convcli.pictures.picture import Picture
from convcli.pictures.raster import Raster
from convcli.pictures.reading import load_picture
from convcli.pictures.writing import write_picture

SIZE = 37, 23  # width and height
MODES = ("L", "RGB", "RGBA", "LA", "P", "1", "CMYK", "YCbCr")


def image_of_noise(mode: str, size: tuple[int, int] = SIZE) -> Image.Image:
    """Make an image in which all pixels differ."""
    width, height = size
    noise = np.random.default_rng(7).integers(0, 256, (height, width, 4), np.uint8)
    return Image.fromarray(noise, "RGBA").convert("RGB").convert(mode) if mode in {"P", "1", "CMYK", "YCbCr"} else (
        Image.fromarray(noise, "RGBA").convert(mode)
    )  # fmt: skip


# Memory ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("mode", "shape"), [("L", ()), ("RGB", (3,)), ("RGBA", (4,)), ("I;16", ())])
def test_an_image_shows_the_memory_of_its_raster(mode: str, shape: tuple[int, ...]) -> None:
    raster: Any = new_raster(mode, SIZE)
    assert raster.shape == (23, 37, *shape)
    image = image_of(raster)
    assert (image.mode, image.size) == (mode, SIZE)
    raster.samples.cast("B")[:] = bytes(index % 251 for index in range(raster.samples.nbytes))
    assert np.array_equal(np.asarray(image), raster.array())
    image.paste(Image.new(mode, (5, 4), 9 if not shape else (9,) * shape[0]), (2, 1))
    assert (raster.array()[1:5, 2:7] == 9).all()


@pytest.mark.parametrize("mode", ["CMYK", "LA", "P", "1", "F", "I"])
def test_other_modes_have_no_raster(mode: str) -> None:
    assert new_raster(mode, SIZE) is None


def test_rasters_that_pillow_cannot_map_have_none() -> None:
    assert new_raster("RGB", (1 << 15, 1 << 14)) is None


@pytest.mark.parametrize("channels", [3, 4])
def test_packed_pixels_are_copied(channels: int) -> None:
    data = bytes(range(2 * 3 * channels))
    image = image_of(Raster.packed(data, 2, 3, channels))
    assert image.tobytes() == data


def test_an_image_keeps_the_memory_of_its_raster() -> None:
    image = image_of(Raster.packed(bytearray(b"\1\2\3\4"), 2, 2))
    gc.collect()
    assert image.tobytes() == b"\1\2\3\4"
    assert image.transpose(Image.Transpose.ROTATE_180).tobytes() == b"\4\3\2\1"


@pytest.mark.parametrize("size", [SIZE, (2000, 1500)])
def test_pixels_outlive_the_picture_and_its_image(tmp_path: Path, size: tuple[int, int]) -> None:
    image = image_of_noise("RGB", size)
    image.save(tmp_path / "noise.png")
    raster: Any = load_picture(tmp_path / "noise.png", "noise").raster
    pixels = load_picture(tmp_path / "noise.png", "noise").pixels
    gc.collect()
    assert np.array_equal(raster.array(), np.asarray(image))
    assert np.array_equal(pixels, np.asarray(image))
    assert not np.may_share_memory(raster.array(), pixels)
    pixels[:] = 0  # pixels of a picture belong to the caller
    assert np.array_equal(raster.array(), np.asarray(image))


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("target", ["L", "LA", "RGB", "RGBA"])
@pytest.mark.parametrize("size", [SIZE, (1, 1), (1, 3 << 17), (3 << 17, 1)])
def test_converted_images_are_rasters_of_the_same_pixels(
    mode: str, target: str, size: tuple[int, int]
) -> None:
    image = image_of_noise(mode, size)
    if mode in {"LA", "RGBA"} and target in {"L", "RGB"}:
        image = image.convert(target)
    expected = np.asarray(image.convert(target)).reshape(size[1], size[0], -1)
    pixels, alpha = convert_to_rasters(image, target)
    count = 1 if target[0] == "L" else 3
    assert np.array_equal(pixels.array().reshape(size[1], size[0], -1), expected[..., :count])
    assert (alpha is None) == (len(target) % 2 == 1)
    if alpha is not None:
        assert np.array_equal(alpha.array(), expected[..., -1])


# Files -----------------------------------------------------------------------------------------------------

FILES: list[tuple[str, str, dict[str, Any]]] = [
    ("PNG", "L", {}), ("PNG", "RGB", {}), ("PNG", "RGBA", {}), ("PNG", "LA", {}), ("PNG", "P", {}),
    ("PNG", "1", {}), ("PNG", "L", {"transparency": 7}), ("PNG", "RGB", {"transparency": (1, 2, 3)}),
    ("PNG", "I;16", {}), ("JPEG", "L", {}), ("JPEG", "RGB", {}), ("JPEG", "CMYK", {}),
    ("JPEG", "RGB", {"progressive": True}), ("GIF", "L", {}), ("GIF", "P", {}), ("GIF", "P", {"transparency": 3}),
    ("WEBP", "RGB", {"lossless": True}), ("WEBP", "RGBA", {"lossless": True, "exact": True}), ("BMP", "L", {}),
    ("BMP", "RGB", {}), ("BMP", "P", {}), ("PPM", "L", {}), ("PPM", "RGB", {}), ("PPM", "1", {}), ("TIFF", "L", {}),
    ("TIFF", "RGB", {}), ("TIFF", "RGBA", {}), ("TIFF", "P", {}), ("TIFF", "RGB", {"compression": "tiff_lzw"}),
    ("TIFF", "I;16", {}),
]  # fmt: skip


def saved(folder: Path, file_format: str, mode: str, options: dict[str, Any]) -> tuple[Path, Any]:
    """Write a file, and return its path and the pixels with alpha that Pillow reads."""
    deep = mode == "I;16"
    image = (
        Image.fromarray(np.arange(851, dtype=np.uint16).reshape(23, 37) * 77)
        if deep
        else image_of_noise(mode)
    )
    path = folder / f"noise.{file_format.lower()}"
    image.save(path, file_format, **options)
    with Image.open(path) as read:
        if deep:
            return path, np.asarray(read)
        alpha = "transparency" in read.info or read.mode in {"RGBA", "LA"}
        gray = read.mode in {"1", "L", "LA"}
        return path, np.asarray(
            read.convert(("LA" if alpha else "L") if gray else "RGBA" if alpha else "RGB")
        )


@pytest.mark.parametrize(("file_format", "mode", "options"), FILES)
def test_files_are_read_as_rasters(
    file_format: str, mode: str, options: dict[str, Any], tmp_path: Path
) -> None:
    path, expected = saved(tmp_path, file_format, mode, options)
    picture: Any = load_picture(path, "noise")
    assert picture.raster is not None
    assert picture.raster.array().dtype == expected.dtype
    assert np.array_equal(picture.pixels_with_alpha, expected)
    if picture.has_alpha:
        assert np.array_equal(picture.alpha_raster.array(), expected[..., -1])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures_are_rasters(orientation: int, tmp_path: Path) -> None:
    image = image_of_noise("RGB")
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(tmp_path / "turned.png", exif=exif)
    raster: Any = load_picture(tmp_path / "turned.png", "turned").raster
    turned = image.copy()
    turned.getexif()[0x0112] = orientation
    assert np.array_equal(raster.array(), np.asarray(ImageOps.exif_transpose(turned)))


def test_reading_takes_no_numpy(tmp_path: Path) -> None:
    paths = []
    for number, (file_format, mode, options) in enumerate(FILES):
        folder = tmp_path / str(number)
        folder.mkdir()
        paths.append(str(saved(folder, file_format, mode, options)[0]))
    code = f"""
import sys
from convcli.pictures.reading import load_picture
for path in {paths!r}:
    picture = load_picture(path, path)
    assert picture.raster is not None
    assert picture.has_alpha == (picture.alpha_raster is not None)
    assert "numpy" not in sys.modules, path
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


WRITTEN = [
    (file_format, channels, alpha)
    for file_format in ("png", "jpeg", "webp", "bmp", "tiff", "pnm")
    for channels in (None, 3)
    for alpha in (False, True)
    if not (alpha and file_format in {"jpeg", "bmp", "tiff", "pnm"})
]


@pytest.mark.parametrize(("file_format", "channels", "alpha"), WRITTEN)
@pytest.mark.parametrize("padded", [False, True])
def test_rasters_are_written_as_arrays_are(
    file_format: str, channels: int | None, alpha: bool, padded: bool, tmp_path: Path
) -> None:
    noise = np.asarray(image_of_noise("RGBA"))
    array = noise[..., 0].copy() if channels is None else noise[..., :3].copy()
    raster = Raster.of(noise).with_channels(3) if padded and channels else Raster.of(array)
    opacity = noise[..., 3] if alpha else None
    of_array = Picture(np.flip(np.flip(array, 0).copy(), 0), opacity)
    of_raster = Picture(raster, None if opacity is None else Raster.of(opacity))
    assert of_array.raster is None
    for name, picture in (("array", of_array), ("raster", of_raster)):
        write_picture(tmp_path / f"{name}.{file_format}", picture)
    assert (tmp_path / f"array.{file_format}").read_bytes() == (
        tmp_path / f"raster.{file_format}"
    ).read_bytes()


def test_writing_takes_no_numpy(tmp_path: Path) -> None:
    cases = [("gif", None, False), *(case for case in WRITTEN if is_compiled() or case[0] != "png")]
    code = f"""
import sys
from convcli.pictures.picture import Picture
from convcli.pictures.raster import Raster
from convcli.pictures.writing import write_picture
for file_format, channels, alpha in {cases!r}:
    pixels = Raster.packed(bytes(range(12 * (channels or 1))), 3, 4, channels)
    picture = Picture(pixels, Raster.empty(3, 4) if alpha else None, resolution=(72.0, 72.0))
    write_picture({str(tmp_path)!r} + f"/{{channels}}{{alpha}}.{{file_format}}", picture)
    assert "numpy" not in sys.modules, file_format
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
