"""Arrays of xarray keep names, attributes and coordinates, which follow the windows."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcli
from convcli import ImageError, UsageError
from convcli.sizes.axes import window_axes
from tests.support.array_jobs import Job, array_jobs, assert_same

xarray = pytest.importorskip("xarray")

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
HOURS = np.datetime64("2024-02-28", "ns") + np.arange(6) * np.timedelta64(6, "h")
PREWITT = [[-1, 0, 1]] * 3


def labeled() -> Any:
    """Return an image with coordinates of many kinds."""
    return xarray.DataArray(
        PIXELS,
        dims=("y", "x", "band"),
        coords={
            "y": ("y", np.arange(60, 0, -10), {"units": "m"}),
            "x": np.arange(8) / 4,
            "band": ["red", "green", "blue"],
            "time": ("y", HOURS),
            "lat": (("y", "x"), np.add.outer(np.arange(6.0), 10 * np.arange(8.0))),
            "gain": (("y", "band"), np.ones((6, 3))),
            "name": ("x", list("abcdefgh")),
            "row": ("y", np.arange(6, dtype=np.uint8)),
            "station": 7,
        },
        name="radiance",
        attrs={"source": "satellite"},
    )


@given(array_jobs())
def test_the_values_are_those_in_memory(job: Job) -> None:
    dims = ("rows", "columns", "channels")[: job.image.ndim]
    image = xarray.DataArray(job.image, dims=dims, coords={"rows": np.arange(job.image.shape[0])})
    result = job.run(image)
    assert_same(result.values, job)
    assert result.dims[:2] == ("rows", "columns")
    assert result.sizes["rows"] == len(result["rows"])


def test_a_filter_that_keeps_the_size_keeps_everything() -> None:
    image = labeled()
    result = convcli.convolve(image, PREWITT)
    xarray.testing.assert_identical(result, image.copy(data=convcli.convolve(PIXELS, PREWITT)))
    assert result["y"].attrs == {"units": "m"}
    assert result["row"].dtype == np.uint8


def test_a_stride_takes_the_pixels_at_the_centers() -> None:
    image = labeled()
    result = convcli.apply_filter(image, "sobel", stride=(2, 3), padding="valid")
    expected = image.isel(y=[1, 3], x=[1, 4])
    xarray.testing.assert_identical(
        result, expected.copy(data=convcli.apply_filter(PIXELS, "sobel", stride=(2, 3), padding="valid"))
    )


def test_a_kernel_of_even_sides_is_centered_between_pixels() -> None:
    result = convcli.convolve(labeled(), np.ones((2, 4), int), padding="valid")
    assert result["y"].values.tolist() == [55, 45, 35, 25, 15]
    assert result["x"].values.tolist() == [0.375, 0.625, 0.875, 1.125, 1.375]
    assert (result["time"].values == HOURS[:5] + np.timedelta64(3, "h")).all()
    assert result["lat"].values[:2, :2].tolist() == [[15.5, 25.5], [16.5, 26.5]]
    assert result["name"].values.tolist() == list("bcdef")
    assert result["row"].values.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_coordinates_continue_outside_of_the_image() -> None:
    result = convcli.convolve(labeled(), [[1]], padding=((1, 2), (3, 0)))
    assert (result["y"].values.tolist(), result["y"].dtype) == ([*range(70, -20, -10)], np.int64)
    assert result["x"].values.tolist() == [place / 4 for place in range(-3, 8)]
    assert result["row"].values.tolist() == [*range(-1, 8)]
    assert (result["time"].values[[0, -1]] == HOURS[[0, -1]] + np.array([-6, 12], "m8[h]")).all()
    assert result["name"].values.tolist() == list("aaaabcdefgh")
    uneven = xarray.DataArray(PIXELS[..., 0], dims=("y", "x"), coords={"y": [0, 1, 3, 6, 10, 15]})
    result = convcli.convolve(uneven, [[1]], padding=((1, 1), (0, 0)))
    assert result["y"].values.tolist() == [-1, 0, 1, 3, 6, 10, 15, 20]
    single = convcli.convolve(uneven[:1], [[1]], padding=((1, 1), (0, 0)))
    assert single["y"].values.tolist() == [0, 0, 0]  # there is no step


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_pooling_has_the_coordinates_of_coarsen(size: int) -> None:
    image = labeled().drop_vars(["name", "time", "row", "gain"]).astype(float)
    result = convcli.pool(image, mode="avg", size=size, ceil=True)
    expected = image.coarsen(y=size, x=size, boundary="pad").mean()
    xarray.testing.assert_allclose(result, expected)
    assert result.dims == image.dims


def test_pooling_of_a_padded_image_centers_on_the_pixels_that_count() -> None:
    result = convcli.pool(labeled(), size=3, stride=3, padding=1)
    assert result["y"].values.tolist() == [55, 30]
    assert result["x"].values.tolist() == [0.125, 0.75, 1.5]


def test_volumes_replace_the_channels() -> None:
    maps = convcli.convolve_volume(labeled(), np.ones((3, 3, 3, 5), int))
    assert maps.dims == ("y", "x", "filter")
    assert set(maps.coords) == {"y", "x", "time", "lat", "name", "row", "station"}
    flat = convcli.convolve_volume(labeled(), np.ones((3, 3, 3), int))
    assert (flat.dims, flat.name, flat.attrs) == (("y", "x"), "radiance", {"source": "satellite"})
    np.testing.assert_array_equal(flat, convcli.convolve_volume(PIXELS, np.ones((3, 3, 3), int)))


def test_dask_stays_lazy() -> None:
    da = pytest.importorskip("dask.array")

    def never(_: object) -> Any:
        raise AssertionError("computed")

    image = labeled().chunk(y=4, x=3)
    lazy = image.copy(data=image.data.map_blocks(never, dtype=np.uint8))
    lazy = lazy.assign_coords(lat=lazy["lat"].copy(data=lazy["lat"].data.map_blocks(never, dtype=float)))
    for padding in ("same", "valid", 2):
        result = convcli.convolve(lazy, np.ones((4, 3), int), padding=padding, stride=2)
        assert isinstance(result.data, da.Array)
        assert isinstance(result["lat"].data, da.Array)
    result = convcli.pool(image, size=2)
    xarray.testing.assert_identical(result.compute(), convcli.pool(labeled(), size=2))


def test_an_index_of_several_levels_is_left_out() -> None:
    pandas = pytest.importorskip("pandas")
    index = pandas.MultiIndex.from_product([[0, 1], [0, 1, 2]], names=["outer", "inner"])
    coords = xarray.Coordinates.from_pandas_multiindex(index, "y")
    image = xarray.DataArray(PIXELS[..., 0], dims=("y", "x"), coords=coords)
    assert set(convcli.convolve(image, PREWITT).coords) == set()


def test_what_does_not_fit_is_refused() -> None:
    image = labeled()
    with pytest.raises(
        ImageError, match=r"must be rows, columns, channels; reorder them, as in image.transpose\('y', "
    ):
        convcli.pool(image.transpose("band", "y", "x"))
    with pytest.raises(ImageError, match="Dataset: an image is an array; choose one, as in dataset"):
        convcli.pool(image.to_dataset())
    with pytest.raises(ImageError, match="xarray Variable: must be a DataArray"):
        convcli.pool(image.variable)
    with pytest.raises(UsageError, match="out ndarray: does not go with an array of xarray"):
        convcli.pool(image, out=np.zeros((3, 4, 3), np.uint8))


@given(
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 4),
    st.sampled_from(["same", "valid", 3, ((4, 0), (0, 0))]),
)
def test_positions_as_coordinates_are_the_centers(side: int, window: int, stride: int, padding: Any) -> None:
    image = xarray.DataArray(np.zeros((side + 4, 1)), dims=("y", "x"), coords={"y": np.arange(side + 4.0)})
    kernel = np.ones((window, 1))
    result = convcli.convolve(image, kernel, stride=(stride, 1), padding=padding)
    rows, _ = window_axes((side + 4, 1), (window, 1), stride=(stride, 1), padding=padding)
    expected = np.arange(len(result)) * stride - rows.before + (window - 1) / 2
    np.testing.assert_allclose(result["y"], expected)
