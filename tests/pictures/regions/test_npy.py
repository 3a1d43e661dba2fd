"""Rows of .npy files are those of the whole array."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convcli.errors import ImageError
from convcli.pictures.reading import load_picture
from convcli.pictures.regions.opening import open_large
from convcli.pictures.regions.region import Region
from tests.pictures.regions.tiff_files import random_samples


def npy(array: NDArray[Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(30, 40), (30, 40, 1), (30, 40, 3)])
@pytest.mark.parametrize("dtype", ["u1", ">u2", "i4", "f2", ">f8", "?"])
@pytest.mark.parametrize("region", [None, Region(0, 5, 40, 20), Region(7, 3, 21, 27)])
def test_rows_are_those_of_the_whole(
    shape: tuple[int, ...], dtype: str, region: Region | None, tmp_path: Path
) -> None:
    array = random_samples("u1", *shape) % 2 if dtype == "?" else random_samples(dtype.lstrip(">"), *shape)
    (tmp_path / "x.npy").write_bytes(npy(array.astype(dtype)))
    whole = load_picture(tmp_path / "x.npy", "x.npy")
    part = region or Region(0, 0, 40, 30)
    expected = whole.pixels[part.top : part.top + part.height, part.left : part.left + part.width]
    large = open_large(tmp_path / "x.npy", "x.npy", region=region)
    assert large is not None
    with large:
        assert (large.properties.dtype, large.properties.kind) == (expected.dtype.name, whole.kind)
        for start in range(0, part.height, 7):
            rows = slice(max(0, start - 1), min(part.height, start + 8))
            found = large.read(rows.start, rows.stop).pixels
            assert found.dtype == expected.dtype
            assert np.array_equal(found, expected[rows])


@pytest.mark.parametrize(
    "array", [np.zeros(5), np.zeros((0, 4)), np.zeros((9, 8, 7)), np.zeros((4, 5), order="F")]
)
def test_other_arrays_are_read_whole(array: NDArray[Any]) -> None:
    assert open_large(io.BytesIO(npy(array)), "x.npy") is None


def test_damage_and_other_regions() -> None:
    content = npy(random_samples("u1", 30, 40))
    with pytest.raises(ImageError, match=r"^x.npy: is truncated: it holds 1195 of 1200 bytes$"):
        open_large(io.BytesIO(content[:-5]), "x.npy")
    with pytest.raises(
        ImageError, match=r"^x.npy: has no region 0,0,41x30: it is 40 pixels wide and 30 high$"
    ):
        open_large(io.BytesIO(content), "x.npy", region=Region(0, 0, 41, 30))
    with pytest.raises(ImageError, match=r"^x.npy: is not a .npy file of plain numbers$"):
        open_large(io.BytesIO(content[:20]), "x.npy")
