"""Random calls of convolve, apply_filter, pool and convolve_volume, for tests of the arrays that they take."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

import convcli
from convcli import ConvcliError

__all__ = ["Array", "Job", "array_jobs", "assert_same"]

Array = NDArray[Any]
BORDERS = ("zero", "constant:7", "constant:-3", "constant:0.5", "edge", "reflect", "symmetric", "wrap")
DTYPES = (np.uint8, np.int16, np.uint16, np.int32, np.bool_, np.float32, np.float64)
FILTERS = ("sobel", "prewitt-x", "gaussian:sigma=1", "kirsch")


class Job(NamedTuple):
    """A call of a public function.

    Attributes
    ----------
    function : str
    image : array
    options : dict
        All other arguments.
    """

    function: str
    image: Array
    options: dict[str, Any]

    def run(self, image: Any, **more: Any) -> Any:
        """Call the function with this image instead."""
        return getattr(convcli, self.function)(image, **self.options, **more)

    @property
    def is_possible(self) -> bool:
        """Whether the filter fits."""
        try:
            self.run(self.image)
        except ConvcliError:
            return False
        return True


@st.composite
def array_jobs(draw: st.DrawFn) -> Job:
    """Draw a call whose filter fits the image."""
    function = draw(st.sampled_from(["convolve", "convolve", "apply_filter", "pool", "convolve_volume"]))
    shape = draw(st.tuples(st.integers(1, 24), st.integers(1, 24)))
    depth = draw(st.sampled_from([(), (), (1,), (3,)]))
    dtype = np.dtype(draw(st.sampled_from(DTYPES)))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 20)))
    image = rng.integers(0, 256, (*shape, *depth)).astype(dtype)
    options = draw(pooling_options() if function == "pool" else window_options())
    side = st.integers(1, 7)
    window = draw(side), draw(side)
    if function == "convolve":
        options["kernel"] = rng.integers(-4, 5, window)
    elif function == "apply_filter":
        options["filter"] = draw(st.sampled_from(FILTERS))
    elif function == "convolve_volume":
        maps = draw(st.sampled_from([(), (1,), (4,)]))
        options["taps"] = rng.integers(-4, 5, (*window, *(depth or (1,)), *maps))
    job = Job(function, image, options)
    return job if job.is_possible else job._replace(options=options | {"padding": "same"})


def window_options() -> st.SearchStrategy[dict[str, Any]]:
    """Return how a kernel may slide: also with padding larger than the image."""
    amounts = st.tuples(*[st.tuples(st.integers(0, 30), st.integers(0, 30))] * 2)
    pair = st.tuples(st.integers(1, 4), st.integers(1, 4))
    return st.fixed_dictionaries(
        {
            "stride": pair | st.just(1) | st.just(50),
            "dilation": pair | st.just(1),
            "padding": st.sampled_from(["same", "same", "valid", "same-lower"]) | amounts,
            "border": st.sampled_from(BORDERS),
            "flip": st.booleans(),
        }
    )


def pooling_options() -> st.SearchStrategy[dict[str, Any]]:
    """Return how a window may slide."""
    return st.fixed_dictionaries(
        {
            "mode": st.sampled_from(["max", "avg"]),
            "size": st.tuples(st.integers(1, 6), st.integers(1, 6)),
            "stride": st.none() | st.tuples(st.integers(1, 7), st.integers(1, 7)),
            "padding": st.sampled_from([0, 0, 1, ((0, 1), (1, 0)), "same"]),
            "ceil": st.booleans(),
            "rounded": st.booleans(),
        }
    )


def assert_same(result: Any, job: Job) -> None:
    """Assert that a result is the one in memory: integers to the last bit, floats within rounding errors."""
    expected = job.run(job.image)
    assert isinstance(result, np.ndarray)
    assert (result.shape, result.dtype) == (expected.shape, expected.dtype)
    if expected.dtype.kind in "iub":
        np.testing.assert_array_equal(result, expected)
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-2)
