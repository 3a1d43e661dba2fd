"""The arithmetic of the page, in a browser, against Python's: 500 random jobs, and what is refused."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray

import convcli
from convcli.convolution.borders import BorderKind, parse_border
from convcli.convolution.engine import apply_filter
from convcli.convolution.explaining.values import explain_value
from convcli.convolution.planning import ConvolutionSettings
from convcli.convolution.pooling import PoolMode
from convcli.errors import SizeError
from convcli.figures.page.playground import KernelChoice, Playground, PoolingWindow
from convcli.kernels.filter import Combination, Filter, kernel_matrix
from convcli.sizes.axes import pooling_axes, window_axes
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from playwright.sync_api import Page

Array = NDArray[Any]

# What each job gives: the output, the formulas, and the value and the sums that the page explains at a position.
SCRIPT = """(jobs) => jobs.map(({ at, channel, planes, ...state }) => {
  const window = state[state.operation === "convolution" ? "convolution" : "pooling"];
  const job = { ...state, ...window, planes: planes.map((plane) => Float64Array.from(plane)) };
  const axes = slideAxes(job);
  if (sizeError(job, axes)) return { error: sizeError(job, axes) };
  const explained = explain(job, channel, at);
  return {
    output: [...compute(job, channel)], formulas: axes.map(sizeFormula), shape: axes.map((axis) => axis.output),
    total: explained.total, combined: explained.combined ?? null,
    products: explained.terms.map((term) => term.cells.map((cell) => cell.product ?? cell.value)),
  };
})"""


class Job:
    """A random playground, and what Python computes from it."""

    def __init__(self, seed: int) -> None:
        self.rng = rng = random.Random(seed)
        self.exact = rng.random() < 0.6
        self.pools, self.is_volume = rng.random() < 0.25, rng.random() < 0.3
        channels = rng.choice([1, 1, 2, 3])
        size = rng.randint(1, 12), rng.randint(1, 12)
        self.image = self.numbers((*size, channels)) if channels > 1 or self.is_volume else self.numbers(size)
        self.kernel_size = rng.randint(1, 5), rng.randint(1, 5)
        self.channel = rng.randrange(channels)
        self.playground = self.make()
        self.axes = self.find_axes()
        rows, columns = self.axes
        self.at = rng.randrange(rows.output), rng.randrange(columns.output)

    def numbers(self, shape: tuple[int, ...]) -> Array:
        numbers = np.random.default_rng(self.rng.randrange(1 << 30)).integers(-20, 21, shape)
        return numbers if self.exact else numbers / 7

    def pair(self, most: int) -> tuple[int, int]:
        return self.rng.randint(1, most), self.rng.randint(1, most)

    def padding(self, most: tuple[int, int]) -> Any:
        amounts = tuple(tuple(self.rng.randint(0, side) for _ in range(2)) for side in most)
        return self.rng.choice(["valid", "same", "same_lower", amounts, amounts])

    def make(self) -> Playground:
        rng = self.rng
        kinds = [kind if kind != BorderKind.CONSTANT else "constant:-3" for kind in BorderKind]
        settings = ConvolutionSettings(
            self.pair(3), self.padding((6, 6)), str(rng.choice(kinds)), self.pair(3), rng.random() < 0.3
        )
        depth = (self.image.shape[2],) if self.is_volume else ()
        count = 1 if self.is_volume else rng.choice([1, 1, 2, 3])
        combination = rng.choice(list(Combination)[1:]) if count > 1 else Combination.SINGLE
        kernels = tuple(self.numbers((*self.kernel_size, *depth)) for _ in range(count))
        window = self.pair(4)
        pooling = PoolingWindow(
            rng.choice(list(PoolMode)), window, rng.choice([None, self.pair(3)]),
            self.padding((window[0] // 2, window[1] // 2)), rng.random() < 0.5,
        )  # fmt: skip
        return Playground(
            title="", image=self.image, choice=KernelChoice("", kernels, combination), settings=settings,
            bias=rng.choice([0, 4, -4]), relu=rng.random() < 0.3, pooling=pooling if self.pools else None,
        )  # fmt: skip

    def find_axes(self) -> tuple[Axis, ...]:
        size = self.image.shape[:2]
        if self.playground.pooling is not None:
            _, window, stride, padding, ceil = self.playground.pooling
            return pooling_axes(size, window, stride=stride, padding=padding, ceil=ceil)
        stride, padding, _, dilation, *_ = self.playground.settings
        return window_axes(size, self.kernel_size, stride=stride, padding=padding, dilation=dilation)

    def record(self) -> dict[str, Any]:
        """Return the job as the page has it."""
        planes = np.moveaxis(np.atleast_3d(self.image), 2, 0)
        return self.playground.state() | {
            "height": self.image.shape[0], "width": self.image.shape[1], "at": self.at, "channel": self.channel,
            "planes": planes.reshape(len(planes), -1).tolist(),
        }  # fmt: skip

    def expected(self) -> Array:
        """Return what Python computes."""
        plane = np.atleast_3d(self.image)[..., self.channel]
        if self.playground.pooling is not None:
            pooled: Array = convcli.pool(plane, **self.playground.pooling._asdict())
            return pooled
        window, choice = self.playground.settings._asdict(), self.playground.choice
        if self.is_volume:
            sums = convcli.convolve_volume(self.image, choice.kernels[0], **window)
        else:
            matrices = tuple(map(kernel_matrix, choice.kernels))
            filter_ = Filter("", matrices, "", "", "", combination=choice.combination)
            sums = apply_filter(plane, filter_, **window)
        biased = sums + self.playground.bias
        return np.maximum(biased, 0) if self.playground.relu else biased


def make_jobs(count: int) -> list[Job]:
    jobs: list[Job] = []
    for seed in range(10 * count):
        try:
            jobs.append(Job(seed))
        except SizeError:  # the window does not fit, or it could contain only padding
            continue
        if len(jobs) == count:
            break
    assert len(jobs) == count
    return jobs


def test_500_random_jobs_agree_with_python(page: "Page") -> None:
    jobs = make_jobs(500)
    assert sum(job.pools for job in jobs) > 50
    assert sum(job.is_volume and not job.pools for job in jobs) > 50
    assert {job.playground.choice.combination for job in jobs} == set(Combination)
    assert {parse_border(job.playground.settings.border).kind for job in jobs} == set(BorderKind)
    for job, found in zip(jobs, page.evaluate(SCRIPT, [job.record() for job in jobs]), strict=True):
        expected = job.expected()
        output = np.reshape(found["output"], found["shape"])
        assert output.shape == expected.shape
        assert found["formulas"] == [axis.formula() for axis in job.axes]
        if job.exact and expected.dtype.kind == "i":
            assert np.array_equal(output, expected)
        else:
            np.testing.assert_allclose(output, expected, rtol=1e-5, atol=1e-4)
        assert found["total"] == pytest.approx(output[job.at], rel=1e-12, abs=1e-9)


def test_products_are_those_that_explain_prints(page: "Page") -> None:
    jobs = [
        job
        for job in make_jobs(200)
        if not (job.pools or job.is_volume) and len(job.playground.choice.kernels) == 1
    ]
    assert len(jobs) > 30
    for job, found in zip(jobs, page.evaluate(SCRIPT, [job.record() for job in jobs]), strict=True):
        plane = np.atleast_3d(job.image)[..., job.channel]
        explained = explain_value(
            plane, job.playground.choice.kernels[0], job.at, **job.playground.settings._asdict()
        )
        np.testing.assert_allclose(found["products"][0], explained.products.ravel().astype(float), rtol=1e-12)
        assert found["combined"] == pytest.approx(explained.total, rel=1e-12, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"dilation": [3, 1]}, "The window does not fit: floor((6 + 2·0 - (3·(3 - 1) + 1))/1) + 1 = 0. It spans 7 pixels"),
        ({"operation": "max", "pooling": {"size": [2, 2], "padding": [[2, 2], [0, 0]], "stride": [2, 2], "ceil": False}},
         "The padding exceeds half the window"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_explained(page: "Page", change: dict[str, Any], error: str) -> None:
    changed = page.evaluate(
        """(change) => {
          const job = { ...input, ...state, ...state.convolution, ...change, ...change.pooling };
          return sizeError(job, slideAxes(job));
        }""",
        change,
    )
    assert changed.startswith(error)


@pytest.fixture
def page(show: "Callable[..., Page]") -> "Page":
    edge = np.array([[10, 10, 10, 0, 0, 0]] * 6)
    return show(
        Playground(
            title="an edge",
            image=edge,
            choice=KernelChoice("", (np.array([[1, 0, -1]] * 3),)),
            settings=ConvolutionSettings(padding="valid"),
        )
    )
