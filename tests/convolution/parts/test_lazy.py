"""Dask arrays: lazy, equal to the result in memory, and each block reads only the chunks under its windows."""

import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcli
from convcli import ImageError, KernelError, UsageError
from convcli.convolution.parts import lazy
from convcli.convolution.parts.operation import run_part
from tests.support.array_jobs import Array, Job, array_jobs, assert_same
from tests.support.stored_arrays import FakeStore

dask = pytest.importorskip("dask")
da = pytest.importorskip("dask.array")

SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
BORDERS = ("zero", "constant:300", "constant:0.5", "edge", "reflect", "symmetric", "wrap")


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    with dask.config.set(scheduler="synchronous"):
        yield


def chunkings(side: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Return how a side may be divided into chunks: also one pixel each."""
    cuts = st.lists(st.integers(1, max(side - 1, 1)), max_size=6).map(lambda cuts: sorted({0, *cuts, side}))
    return st.one_of(cuts.map(lambda bounds: tuple(np.diff(bounds).tolist())), st.just((1,) * side))


def never(*_: object) -> Any:
    raise AssertionError("computed")


@given(array_jobs(), st.data())
def test_any_chunks_give_the_result_in_memory(job: Job, data: st.DataObject) -> None:
    chunks = tuple(data.draw(chunkings(side)) for side in job.image.shape)
    result = job.run(da.from_array(job.image, chunks=chunks))
    expected = job.run(job.image)
    assert isinstance(result, da.Array)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    assert (result._meta.shape, result._meta.dtype) == ((0,) * expected.ndim, expected.dtype)
    assert all(min(sides) > 0 for sides in result.chunks)
    assert_same(result.compute(), job)
    for block in np.ndindex(result.numblocks):
        assert result.blocks[block].compute().shape == tuple(
            sides[number] for sides, number in zip(result.chunks, block, strict=True)
        )
        break


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("chunks", [(7, 7), (1, 20), (5, 1), (20, 20)])
def test_a_kernel_larger_than_chunks_and_image(border: str, chunks: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)
    kernel = np.random.default_rng(1).integers(-9, 9, (23, 31))
    result = convcli.convolve(da.from_array(image, chunks=chunks), kernel, border=border)
    expected = convcli.convolve(image, kernel, border=border)
    if expected.dtype.kind == "i":
        np.testing.assert_array_equal(result, expected)
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-5)


def test_nothing_is_computed() -> None:
    image = da.ones((90, 80, 3), chunks=(30, 30, 1), dtype=np.uint8).map_blocks(never, dtype=np.uint8)
    for border in BORDERS:
        assert convcli.convolve(image, SOBEL, border=border, stride=2).shape == (45, 40, 3)
    assert convcli.apply_filter(image, "sobel").dtype == np.float32
    assert convcli.pool(image, mode="avg").dtype == np.float64
    assert convcli.convolve_volume(image, np.ones((3, 3, 3, 8), int)).chunks == (
        (30,) * 3,
        (30, 30, 20),
        (8,),
    )
    assert convcli.plan(image, SOBEL).shape == (90, 80, 3)
    with pytest.raises(AssertionError, match="computed"):
        convcli.convolve(image, SOBEL).compute()


def chunks_read(
    options: dict[str, Any], block: tuple[int, int], shape: tuple[int, int] = (100, 100)
) -> set[Any]:
    """Return the chunks of 10x10 pixels that are read for a block of the result."""
    store = FakeStore(np.zeros(shape, np.uint8), (10, 10))
    image = da.from_array(store, chunks=10, asarray=False, meta=np.empty((0, 0), np.uint8))
    convcli.convolve(image, **options).blocks[block].compute()
    assert set(store.reads.values()) <= {1}
    return set(store.reads)


def square(rows: Any, columns: Any) -> set[tuple[int, int]]:
    return {(row, column) for row in rows for column in columns}


def test_a_block_depends_on_the_chunks_under_its_windows_alone() -> None:
    sobel = {"kernel": SOBEL}
    assert chunks_read(sobel, (4, 5)) == square((3, 4, 5), (4, 5, 6))
    assert chunks_read(sobel, (0, 9)) == square((0, 1), (8, 9))
    assert chunks_read(sobel | {"border": "wrap"}, (0, 9)) == square((9, 0, 1), (8, 9, 0))
    assert chunks_read(sobel | {"padding": "valid"}, (0, 0)) == square((0, 1), (0, 1))
    assert chunks_read({"kernel": [[1]]}, (4, 5)) == {(4, 5)}
    assert chunks_read({"kernel": [[1, 1]]}, (4, 5)) == square((4,), (5, 6))
    assert chunks_read({"kernel": [[1]] * 21}, (4, 5)) == square((3, 4, 5), (5,))
    assert chunks_read({"kernel": [[1]] * 23}, (4, 5)) == square((2, 3, 4, 5, 6), (5,))
    distant = {"kernel": [[1], [1], [1]], "dilation": (400, 1), "padding": "same"}
    assert chunks_read(distant, (50, 0), (1000, 10)) == square((10, 50, 90), (0,))


def test_a_gaussian_reads_its_neighbors_and_moves_no_more_than_its_reach() -> None:
    taken: list[int] = []
    cut = lazy._cut

    def recorded(chunk: Array, *bounds: int) -> Array:
        taken.append(cut(chunk, *bounds).size)
        return cut(chunk, *bounds)

    image = da.zeros((2000, 2000), chunks=100, dtype=np.uint8)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(lazy, "_cut", recorded)
        result = convcli.apply_filter(image, "gaussian:sigma=3")
        result.blocks[10, 10].compute()
    reach = len(convcli.get_filter("gaussian:sigma=3").matrices[0]) // 2
    assert sorted(taken) == [reach * reach] * 4 + [reach * 100] * 4


def test_a_slice_computes_only_what_it_needs() -> None:
    store = FakeStore(np.random.default_rng(0).integers(0, 256, (100, 100), np.uint8), (10, 10))
    image = da.from_array(store, chunks=10, asarray=False, meta=np.empty((0, 0), np.uint8))
    part = convcli.convolve(image, SOBEL)[30:40, 20:25]
    np.testing.assert_array_equal(
        dask.optimize(part)[0].compute(), convcli.convolve(store.array, SOBEL)[30:40, 20:25]
    )
    assert set(store.reads) == square((2, 3, 4), (1, 2, 3))


def test_the_same_call_gives_the_same_keys() -> None:
    image = da.zeros((90, 80), chunks=30, dtype=np.uint8)
    names = [
        convcli.convolve(image, SOBEL, **options).name
        for options in ({}, {}, {"border": "wrap"}, {"stride": 2}, {"flip": True})
    ]
    assert names[0] == names[1]
    assert len(set(names)) == 4
    assert convcli.convolve(image + 0, SOBEL).name not in names


def test_a_task_runs_on_one_thread_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    image = da.zeros((9, 9), chunks=9, dtype=np.uint8)
    seen: list[Any] = []

    def recorded(*arguments: Any) -> Array:
        seen.append(arguments[-1])
        return run_part(*arguments)

    monkeypatch.setattr(lazy, "run_part", recorded)
    convcli.pool(image).compute()
    convcli.pool(image, jobs=3).compute()
    assert seen == [1, 3]


def test_the_graph_can_be_pickled_and_holds_large_filters_once() -> None:
    image = da.zeros((500, 500, 8), chunks=(50, 50, 4), dtype=np.float32)
    taps = np.random.default_rng(0).standard_normal((3, 3, 8, 64)).astype(np.float32)
    graph = dict(convcli.convolve_volume(image, taps).__dask_graph__())
    assert len(pickle.dumps(graph)) < 2 * taps.nbytes + 2000 * len(graph)
    assert sum(len(pickle.dumps(task)) > taps.nbytes for task in graph.values()) == 1


def test_64_bit_integers_give_int64_and_blocks_check_for_overflow() -> None:
    image = da.from_array(np.array([[1, 2], [3, 1 << 40]]), chunks=1)
    result = convcli.convolve(image, [[1 << 30]])
    assert result.dtype == np.int64
    assert result[0].compute().tolist() == [1 << 30, 2 << 30]
    with pytest.raises(KernelError, match="beyond int64's maximum"):
        result.compute()


def test_chunks_that_are_not_what_is_declared() -> None:
    image = da.ones((4, 4), chunks=2, dtype=np.uint8)
    masked = image.map_blocks(lambda block: np.ma.masked_equal(block, 1), meta=np.empty((0, 0), np.uint8))
    with pytest.raises(ImageError, match="has 9 masked values, but masks are not read"):
        convcli.convolve(masked, [[1] * 3] * 3).compute()
    floats = image.map_blocks(lambda block: block / 3, meta=np.empty((0, 0), np.uint8))
    with pytest.raises(TypeError, match="same_kind"):
        convcli.convolve(floats, SOBEL).compute()


def test_what_does_not_fit_is_refused() -> None:
    image = da.zeros((9, 9), chunks=3)
    cases: list[tuple[Any, dict[str, Any], str]] = [
        (
            image[image[:, 0] > 0],
            {},
            r"array of shape \(nan, 9\): has chunks of unknown size; call its compute_chunk",
        ),
        (image[:0], {}, r"array of shape \(0, 9\): an image is \(H, W\) or \(H, W, C\), and not empty"),
        (image[0], {}, r"array of shape \(9,\)"),
        (image.astype(object), {}, "array of object: an image holds integers, float32 or float64"),
        (da.ma.masked_equal(image, 0), {}, "chunks of numpy.MaskedArray: must be plain numpy arrays"),
        (
            image,
            {"out": np.zeros((9, 9))},
            "out ndarray: does not go with an array of dask; store the result",
        ),
        (np.zeros((9, 9)), {"out": image}, "out Array: does not go with an array of dask"),
        (image, {"jobs": 0}, "must be a whole number, at least 1"),
        (dask.delayed(3), {}, "DelayedLeaf: an image is an array"),
    ]
    for bad, options, message in cases:
        with pytest.raises((ImageError, UsageError), match=message):
            convcli.convolve(bad, SOBEL, **options)
        with pytest.raises((ImageError, UsageError), match=message):
            convcli.pool(bad, **options)
        with pytest.raises((ImageError, UsageError), match=message):
            convcli.convolve_volume(bad, [[[1]]], **options)


def test_results_go_on_as_dask_arrays(tmp_path: Any) -> None:
    zarr = pytest.importorskip("zarr")
    pixels = np.random.default_rng(0).integers(0, 256, (100, 90), np.uint8)
    zarr.create_array(tmp_path / "image.zarr", data=pixels, chunks=(32, 32))
    image = da.from_zarr(tmp_path / "image.zarr")
    edges = abs(convcli.convolve(image, SOBEL, border="wrap"))
    convcli.pool(edges, size=3, ceil=True).persist().rechunk(10).to_zarr(tmp_path / "out.zarr")
    expected = convcli.pool(abs(convcli.convolve(pixels, SOBEL, border="wrap")), size=3, ceil=True)
    np.testing.assert_array_equal(zarr.open_array(tmp_path / "out.zarr")[:], expected)
    noise = da.random.default_rng(1).random((70, 50), chunks=(9, 50)).astype(np.float32)
    np.testing.assert_allclose(
        convcli.apply_filter(noise, "gaussian"), convcli.apply_filter(noise.compute(), "gaussian"), rtol=1e-5
    )


@pytest.mark.thorough
def test_a_cluster_of_processes() -> None:
    distributed = pytest.importorskip("distributed")
    pixels = np.random.default_rng(0).integers(0, 256, (300, 260, 3), np.uint8)
    image = da.from_array(pixels, chunks=(70, 50, 2))
    taps = np.random.default_rng(0).integers(-9, 9, (5, 5, 3, 4))
    cluster = distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, distributed.Client(cluster) as client:
        jobs = [
            (
                convcli.convolve_volume(image, taps, border="wrap"),
                convcli.convolve_volume(pixels, taps, border="wrap"),
            ),
            (convcli.pool(image, mode="avg", size=3), convcli.pool(pixels, mode="avg", size=3)),
            (convcli.apply_filter(image, "sobel"), convcli.apply_filter(pixels, "sobel")),
        ]
        for result, (_, expected) in zip(
            client.gather(client.compute([job for job, _ in jobs])), jobs, strict=True
        ):
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("sides", [(3, 3), (1, 25), (31, 30)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_are_within_the_bound_of_the_docstring(sides: tuple[int, int], dtype: type) -> None:
    rng = np.random.default_rng(sides[0])
    image: Array = rng.standard_normal((70, 60)).astype(dtype)
    kernel = rng.standard_normal(sides)
    result = convcli.convolve(da.from_array(image, chunks=(20, 27)), kernel, border="reflect").compute()
    top, left = (sides[0] - 1) // 2, (sides[1] - 1) // 2
    padded = np.pad(
        image.astype(np.longdouble), ((top, sides[0] - 1 - top), (left, sides[1] - 1 - left)), mode="reflect"
    )
    exact = np.zeros(image.shape, np.longdouble)
    for row, column in np.ndindex(sides):
        exact += kernel[row, column] * padded[row : row + 70, column : column + 60]
    bound = (kernel.size + 8) * np.finfo(dtype).eps * np.abs(kernel).sum() * np.abs(image).max()
    assert result.dtype == dtype
    assert np.abs(result - exact).max() <= bound
