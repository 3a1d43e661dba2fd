"""Arrays that are not in memory give what arrays in memory give, in bounded memory, reading each chunk once."""

import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import convcli
from convcli import ImageError, KernelError, UsageError
from convcli.convolution.parts import stored
from tests.support.array_jobs import Array, Job, array_jobs, assert_same
from tests.support.memory_peak import peak_bytes
from tests.support.stored_arrays import FakeStore

SOBEL = [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]


@given(array_jobs(), st.integers(1, 3000), st.data())
def test_any_strips_and_tiles_give_the_result_in_memory(
    job: Job, strip_bytes: int, data: st.DataObject
) -> None:
    chunks = data.draw(st.none() | st.tuples(*[st.integers(1, 12)] * 2))
    expected = job.run(job.image)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(stored, "STRIP_BYTES", strip_bytes)
        patched.setattr(stored, "MAX_STRIP_BYTES", strip_bytes * data.draw(st.sampled_from([1, 4])))
        assert_same(job.run(FakeStore(job.image, chunks)), job)
        out = FakeStore(np.zeros_like(expected), data.draw(st.none() | st.tuples(*[st.integers(1, 12)] * 2)))
        assert job.run(FakeStore(job.image, chunks), out=out) is out
        assert_same(out.array, job)
        out = FakeStore(np.zeros_like(expected))
        job.run(job.image, out=out)
        assert_same(out.array, job)


@pytest.mark.parametrize(
    "options", [{}, {"padding": "valid"}, {"stride": 3}, {"dilation": 60}, {"border": "zero"}]
)
@pytest.mark.parametrize("out_chunks", [None, (64, 50), (40, 300), (256, 256)])
def test_strips_read_each_chunk_once(
    options: dict[str, Any], out_chunks: tuple[int, int] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "STRIP_BYTES", 1)
    image = FakeStore(np.random.default_rng(0).integers(0, 256, (1000, 300), np.uint8), (64, 50))
    plan = convcli.plan(image, SOBEL, **options)
    out = FakeStore(np.zeros(plan.shape, plan.dtype), out_chunks)
    convcli.convolve(image, SOBEL, out=out, **options)
    assert set(image.reads.values()) == {1}
    assert len(image.reads) == 16 * 6
    np.testing.assert_array_equal(out.array, convcli.convolve(image.array, SOBEL, **options))


def test_wrap_reads_only_the_chunks_at_both_ends_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "STRIP_BYTES", 1)
    image = FakeStore(np.zeros((1000, 300), np.uint8), (50, 300))
    convcli.convolve(image, SOBEL, border="wrap")
    twice = {row for (row, _), count in image.reads.items() if count > 1}
    assert twice == {0, 19}


def test_memory_is_bounded_whatever_the_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "STRIP_BYTES", 1 << 18)
    peaks = []
    for height in (1000, 8000):
        image = FakeStore(np.broadcast_to(np.arange(1000, dtype=np.uint8), (height, 1000)), (64, 100))
        out = FakeStore(np.broadcast_to(np.zeros((), np.int16), (height, 1000)), (64, 100))
        monkeypatch.setattr(out, "array", Sink())
        tracemalloc.start()
        convcli.convolve(image, SOBEL, out=out)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert image.largest_read <= 1 << 18
    assert max(peaks) < 2 << 20
    assert peaks[1] < 1.5 * peaks[0]


class Sink:
    """Forgets what is written."""

    def __setitem__(self, key: object, values: object) -> None:
        pass


def test_wide_rows_of_chunks_are_read_in_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "MAX_STRIP_BYTES", 1 << 16)
    image = FakeStore(np.random.default_rng(0).integers(0, 256, (200, 4000), np.uint8), (50, 100))
    result = convcli.convolve(image, SOBEL)
    np.testing.assert_array_equal(result, convcli.convolve(image.array, SOBEL))
    assert image.largest_read < 1 << 16
    assert max(image.reads.values()) == 2  # those beside a tile
    assert sum(image.reads.values()) < 1.7 * len(image.reads)


def test_mapped_files_do_not_fill_memory(tmp_path: Path) -> None:
    shape = 12000, 4000
    image = np.memmap(tmp_path / "image", np.uint8, "w+", shape=shape)
    image[6000, 2000] = 1
    out = np.memmap(tmp_path / "out", np.int16, "w+", shape=shape)
    peak = peak_bytes(lambda: convcli.convolve(image, SOBEL, out=out))
    assert out[5999:6002, 1999:2002].tolist() == [[1, 0, -1], [2, 0, -2], [1, 0, -1]]
    if peak is None:
        pytest.skip("the peak cannot be measured here")
    assert peak < 100e6  # both files have 144 MB


def test_a_mapped_file_may_receive_its_own_result(tmp_path: Path) -> None:
    image = np.memmap(tmp_path / "image", np.int16, "w+", shape=(60, 50))
    image[:] = np.random.default_rng(0).integers(-9, 9, image.shape)
    before = np.array(image)
    assert convcli.pool(image, size=3, stride=1, padding="same", out=image) is image
    np.testing.assert_array_equal(image, convcli.pool(before, size=3, stride=1, padding="same"))


def test_zarr_to_zarr(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    pixels = np.random.default_rng(0).integers(0, 256, (300, 200, 3), np.uint8)
    image = zarr.create_array(tmp_path / "image.zarr", data=pixels, chunks=(64, 64, 1))
    plan = convcli.plan(image, convcli.get_filter("sobel"))
    out = zarr.create_array(
        tmp_path / "out.zarr", shape=plan.shape, dtype=plan.dtype, chunks=(32, 32, 3), shards=(64, 128, 3)
    )
    assert convcli.apply_filter(image, "sobel", out=out) is out
    np.testing.assert_array_equal(out[:], convcli.apply_filter(pixels, "sobel"))
    read_only = zarr.open_array(tmp_path / "out.zarr", mode="r")
    with pytest.raises(UsageError, match="must be a writable array of float32"):
        convcli.apply_filter(pixels, "sobel", out=read_only)
    group = zarr.create_group(tmp_path / "pyramid.zarr")
    with pytest.raises(ImageError, match="zarr group: an image is one array"):
        convcli.pool(group)


def test_hdf5_to_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    pixels = np.random.default_rng(0).integers(0, 60000, (130, 170), np.uint16)
    with h5py.File(tmp_path / "images.h5", "w") as file:
        image = file.create_dataset("image", data=pixels, chunks=(16, 64))
        out = file.create_dataset("out", shape=(65, 85), dtype="u2")
        convcli.pool(image, size=2, out=out)
        np.testing.assert_array_equal(out[:], convcli.pool(pixels, size=2))
        np.testing.assert_array_equal(
            convcli.convolve(file["image"], SOBEL, border="wrap"),
            convcli.convolve(pixels, SOBEL, border="wrap"),
        )


def test_tiff_through_zarr(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    tifffile, zarr = pytest.importorskip("tifffile"), sys.modules["zarr"]
    pixels = np.random.default_rng(0).integers(0, 256, (150, 170, 3), np.uint8)
    tifffile.imwrite(tmp_path / "slide.tif", pixels, tile=(64, 64), photometric="rgb")
    with tifffile.imread(tmp_path / "slide.tif", aszarr=True) as store:
        result = convcli.convolve(zarr.open(store, mode="r"), SOBEL)
    np.testing.assert_array_equal(result, convcli.convolve(pixels, SOBEL))


@pytest.mark.parametrize("border", ["zero", "constant:9", "edge", "wrap"])
def test_strips_of_padding_alone(border: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "STRIP_BYTES", 1)
    image = FakeStore(np.array([[5, 6]], np.uint8))
    result = convcli.convolve(image, [[2]], padding=((9, 4), (3, 0)), border=border)
    np.testing.assert_array_equal(
        result, convcli.convolve(image.array, [[2]], padding=((9, 4), (3, 0)), border=border)
    )


def test_64_bit_integers_give_int64() -> None:
    image = FakeStore(np.array([[1, 2, 1 << 40]], np.int64))
    assert convcli.plan(image, [[1, 1]]).dtype == np.int64
    assert convcli.plan(image, [[1.5, 1]]).dtype == np.float32
    result = convcli.convolve(image, [[1, 1]], padding="valid")
    assert (result.dtype, result.tolist()) == (np.int64, [[3, (1 << 40) + 2]])
    maps = convcli.convolve_volume(image, [[[3]]])
    assert (maps.dtype, maps.tolist()) == (np.int64, [[3, 6, 3 << 40]])
    with pytest.raises(KernelError, match="beyond int64's maximum"):
        convcli.convolve(image, [[1 << 30]])
    out = FakeStore(np.zeros((1, 2), np.int16))  # of an array in memory, the largest value is known
    convcli.convolve(np.array([[1, 2, 3]]), [[1, 1]], padding="valid", out=out)
    assert out.array.tolist() == [[3, 5]]


def test_lists_can_be_stored() -> None:
    out = FakeStore(np.zeros((1, 2), np.int64))
    assert convcli.pool([[1, 5, 2, 3]], size=(1, 2), out=out) is out
    assert out.array.tolist() == [[5, 3]]


@pytest.mark.parametrize(
    ("image", "out", "message"),
    [
        (
            FakeStore(np.zeros((0, 4))),
            None,
            r"array of shape \(0, 4\): an image is \(H, W\) or \(H, W, C\), and not",
        ),
        (
            FakeStore(np.zeros((4, 4), object)),
            None,
            "array of object: an image holds integers, float32 or float64",
        ),
        (FakeStore(np.zeros((4, 4), np.complex64)), None, "array of complex64: an image holds"),
        (FakeStore(np.zeros(4)), None, r"array of shape \(4,\)"),
        (
            np.zeros((4, 4)),
            FakeStore(np.zeros((4, 4), np.int16)),
            r"out int16 \(4, 4\): must be a writable array of",
        ),
        (
            np.zeros((4, 4)),
            FakeStore(np.zeros((4, 5))),
            r"out float64 \(4, 5\): must be a writable array of float64",
        ),
        (np.zeros((4, 4)), [[0]], "out list: must be a writable array of float64"),
    ],
)
def test_what_does_not_fit_is_refused(image: Any, out: Any, message: str) -> None:
    for function, options in (
        (convcli.convolve, {"kernel": [[1.0]]}),
        (convcli.pool, {"size": 1}),
        (convcli.convolve_volume, {"taps": [[[1.0]]]}),
        (convcli.apply_filter, {"filter": "laplacian"}),
    ):
        if out is not None and function is convcli.apply_filter:
            continue
        with pytest.raises((ImageError, UsageError), match=message):
            function(image, **options, out=out)


def test_stored_masks_are_not_dropped() -> None:
    class Masked(FakeStore):
        def __getitem__(self, key: tuple[slice, slice]) -> Array:
            masked: Array = np.ma.masked_equal(super().__getitem__(key), 0)
            return masked

    image = np.ones((40, 9))
    image[30, 4] = 0
    with pytest.raises(ImageError, match="has 1 masked value, but masks are not read"):
        convcli.convolve(Masked(image, (10, 9)), SOBEL)


def test_other_arrays_in_memory_are_read_as_a_whole() -> None:
    class InMemory(FakeStore):
        def __array__(self, dtype: object = None, copy: object = None) -> Array:
            return self.array

        def __dlpack__(self) -> None: ...

    image = InMemory(np.arange(12).reshape(3, 4), (1, 1))
    assert convcli.convolve(image, [[1]]).dtype == np.int16
    assert not image.reads


def test_the_image_is_not_its_result() -> None:
    image = FakeStore(np.zeros((4, 4)))
    with pytest.raises(UsageError, match="out: is the image, which is read while the result is written"):
        convcli.convolve(image, SOBEL, out=image)
    with pytest.raises(UsageError, match="must be a whole number, at least 1"):
        convcli.convolve(image, SOBEL, jobs=0)


def test_arrays_in_memory_load_nothing_of_it() -> None:
    code = """
import sys, numpy, convcli
convcli.convolve(numpy.zeros((9, 9)), [[1]], out=numpy.zeros((9, 9)))
convcli.pool(numpy.zeros((9, 9)))
convcli.convolve_volume(numpy.zeros((9, 9)), [[[1]]])
parts = "convcli.convolution.parts."
print([name for name in sys.modules if name.partition(".")[0] in ("dask", "xarray", "zarr", "h5py", "distributed")
       or name in (parts + "running", parts + "stored", parts + "lazy", parts + "labeled")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
