"""Filters that are learned: they come back, by either way, and what teaches nothing is said."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from convcli import convolve, kernel, read_image
from convcli.errors import ConvcliError, LearningError, SizeError, UsageError
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Combination
from convcli.kernels.lookup import get_filter
from convcli.learning.examples import Example, make_examples
from convcli.learning.gradient_descent import _Training, learn
from convcli.learning.least_squares import fit_least_squares
from convcli.learning.nearest import nearest_filter
from convcli.learning.problem import ScaledProblem
from convcli.learning.results import LearnedFilter
from convcli.pictures.channels import select_channels
from tests.support.command_line import SAMPLES

Array = NDArray[Any]

LINE = np.array([[0.3, -1, 0.7], [-0.5, 2, -0.5], [0.7, -1, 0.3]])
SOLVE_AND_LEARN = pytest.mark.parametrize(
    "found", [fit_least_squares, pytest.param(learn, marks=pytest.mark.thorough)], ids=["solve", "learn"]
)
NOISE = np.random.default_rng(1).integers(0, 256, (48, 40)).astype(np.uint8)


@pytest.fixture(scope="module")
def cat() -> Array:
    return select_channels(read_image(SAMPLES / "chelsea.png"), "gray")


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize(
    "taps",
    [
        pytest.param(kernel("sobel-x"), id="sobel-x"),
        pytest.param(kernel("scharr-y"), id="scharr-y"),
        pytest.param(kernel("sobel-x", angle=70), id="70 degrees"),
        pytest.param(LINE, id="a line"),
    ],
)
def test_filters_come_back(cat: Array, taps: Array) -> None:
    target = convolve(cat, taps)
    learned = learn(make_examples(cat, target))
    np.testing.assert_allclose(learned.taps, taps, atol=1e-3)
    np.testing.assert_allclose(fit_least_squares(make_examples(cat, target)).taps, taps, atol=1e-6)
    assert learned.relative_error < 1e-5
    assert (learned.bias, learned.offset) == (0, 0)


@pytest.mark.thorough
def test_filters_come_back_from_noise(cat: Array) -> None:
    taps = kernel("sobel-x", angle=70)
    target = convolve(cat, taps)
    noise = 0.05 * target.std() * np.random.default_rng(2).standard_normal(target.shape)
    noisy = learn(make_examples(cat, target + noise))
    assert np.abs(noisy.taps - taps).max() < 0.05 * np.abs(taps).max()


@SOLVE_AND_LEARN
def test_absolute_values_come_back_with_the_sign_of_the_named_filter(cat: Array, found: Any) -> None:
    target = np.minimum(np.abs(convolve(cat, kernel("sobel-x"))), 255).astype(np.uint8)  # as PNG has it
    learned = found(make_examples(cat, target), absolute=True)
    np.testing.assert_allclose(learned.taps, kernel("sobel-x"), atol=1e-3)


@SOLVE_AND_LEARN
def test_a_volume_and_a_bias_come_back(found: Any) -> None:
    image = read_image(SAMPLES / "chelsea.png")[80:220, 130:290]
    taps = np.random.default_rng(3).standard_normal((3, 3, 3))
    target = 40 + sum(convolve(image[..., c], taps[..., c], padding="valid").astype(float) for c in range(3))
    learned = found(make_examples(image, target), bias=True)
    np.testing.assert_allclose(learned.taps, taps, atol=1e-3)
    assert learned.bias == pytest.approx(40, abs=0.1)
    without = fit_least_squares(make_examples(image, target))
    assert without.bias == 0
    assert without.offset == pytest.approx(40, abs=0.1)


@pytest.mark.thorough
def test_channels_one_by_one_and_several_pairs() -> None:
    image = read_image(SAMPLES / "chelsea.png")[:90, :90]
    examples = make_examples(image, convolve(image, LINE)) + make_examples(NOISE, convolve(NOISE, LINE))
    assert len(examples) == 4
    np.testing.assert_allclose(learn(examples, seed=5).taps, LINE, atol=1e-3)


@pytest.mark.parametrize("optimizer", ["momentum", "sgd"])
def test_other_optimizers_learn_too(optimizer: str) -> None:
    learned = learn(make_examples(NOISE, convolve(NOISE, LINE)), optimizer=optimizer)
    np.testing.assert_allclose(learned.taps, LINE, atol=1e-3)


def test_the_same_seed_gives_the_same_filter() -> None:
    def learned(seed: int) -> LearnedFilter:
        return learn(make_examples(NOISE, convolve(NOISE, LINE)), seed=seed, steps=50)

    np.testing.assert_array_equal(learned(1).taps, learned(1).taps)
    assert not np.array_equal(learned(1).taps, learned(2).taps)


def test_history_and_watch() -> None:
    seen: list[tuple[int, float]] = []
    learned = learn(
        make_examples(NOISE, convolve(NOISE, LINE)),
        steps=250,
        watch=lambda step, loss: seen.append((step, loss)),
    )
    assert [step.number for step in learned.history] == [1, 10, 30, 100, 200, 250]
    assert seen == [(step.number, step.loss) for step in learned.history[3:]]
    assert seen[-1][1] < 1e-3 * learned.history[0].loss
    np.testing.assert_array_equal(learned.history[-1].taps[..., 0], learned.taps)


@pytest.mark.parametrize("absolute", [False, True])
def test_the_gradient_is_that_of_the_loss(absolute: bool) -> None:
    examples = make_examples(NOISE, np.abs(convolve(NOISE, LINE)))
    scaling = ScaledProblem.from_examples(examples, absolute=absolute)
    scaled = [scaling.apply(one) for one in examples]

    def loss_at(weights: Array) -> tuple[float, Array]:
        run = _Training(scaled, scaling, "adam", 0.1, 3, absolute=absolute)  # type: ignore[arg-type] # not used
        run.weights = weights
        return run.gradient()

    weights = np.random.default_rng(4).standard_normal(10)
    _, gradient = loss_at(weights)
    for place in range(10):
        step = 1e-6 * (np.arange(10) == place)
        slope = (loss_at(weights + step)[0] - loss_at(weights - step)[0]) / 2e-6
        assert gradient[place] == pytest.approx(slope, rel=1e-4, abs=1e-6)


def test_clipped_pixels_teach_nothing() -> None:
    clipped = np.clip(convolve(NOISE, LINE), -300, 255)
    target = np.where(clipped < 0, 255, clipped).astype(np.uint8)  # what is no clipped pixel is right
    example = make_examples(NOISE, target)[0]
    assert not example.usable[example.target == 255].any()
    np.testing.assert_allclose(fit_least_squares([example]).taps, LINE, atol=0.05)


@pytest.mark.parametrize("f", [(3, 3), (2, 5), (4, 1)])
def test_targets_with_and_without_padding_mean_the_same(f: tuple[int, int]) -> None:
    taps = np.random.default_rng(6).standard_normal(f)
    for padding in ("same", "valid"):
        example = make_examples(NOISE, convolve(NOISE, taps, padding=padding), f)[0]
        np.testing.assert_allclose(example.target, convolve(NOISE, taps, padding="valid"), atol=1e-3)


# Nearest filters ------------------------------------------------------------------------------------------


def test_every_named_filter_is_its_own_nearest() -> None:
    for name, entry in CATALOG.items():
        if entry.combination == Combination.SINGLE:
            one = get_filter(name)
            nearest = nearest_filter(one.kernels[0] * 2.5)
            assert nearest is not None
            assert nearest.similarity == pytest.approx(1)
            again = get_filter(nearest.name, angle=nearest.angle).kernels[0] * nearest.scale
            np.testing.assert_allclose(again, one.kernels[0] * 2.5, atol=1e-9)


@pytest.mark.parametrize("angle", [-170, -45, 3, 20, 70, 135])
def test_directions_are_found(angle: float) -> None:
    nearest = nearest_filter(kernel("prewitt-x", angle=angle, size=5) * 3)
    assert nearest is not None
    assert nearest.name == "prewitt-x:size=5"
    assert nearest.angle == pytest.approx(angle, abs=1e-6)
    assert nearest.scale == pytest.approx(3)


def test_no_filter_is_near() -> None:
    assert nearest_filter(np.ones((4, 9))) is None
    assert nearest_filter(np.zeros((3, 3))) is None


# Bad input ------------------------------------------------------------------------------------------------

FLAT = np.full((40, 40), 7.0)


def bad(place: float) -> Array:
    image = NOISE.astype(float)
    image[5, 5] = place
    return image


@pytest.mark.parametrize(
    ("image", "target", "how", "expected"),
    [
        (FLAT, NOISE[:40, :40], {}, "input: is constant"),
        (NOISE, np.full(NOISE.shape, 3.0), {}, "target: is constant"),
        (
            NOISE[:5, :5],
            NOISE[:5, :5],
            {"absolute": True},
            "only 6 patches for 9 weights: use a larger picture or a smaller filter",
        ),
        (bad(np.nan), NOISE, {}, "not finite"),
        (NOISE, bad(np.inf), {}, "not finite"),
        (bad(1e200), NOISE, {}, "values above 1e+100, whose squares overflow; scale them down"),
        (NOISE * 1e-200, NOISE, {}, "no value above 1e-100, so their squares underflow; scale them up"),
        (
            NOISE,
            convolve(NOISE, LINE),
            {"absolute": True},
            "has negative values, so it does not hold absolute values",
        ),
        (
            NOISE,
            convolve(NOISE, LINE),
            {"optimizer": "sgd", "rate": 1e6},
            "diverged at a learning rate of 1e+06",
        ),
    ],
)
def test_errors_name_what_cannot_be_learned_from(
    image: Array, target: Array, how: dict[str, Any], expected: str
) -> None:
    with pytest.raises(LearningError) as raised:
        learn(make_examples(image, target), **how)
    assert expected in str(raised.value)


def test_few_patches_give_the_smallest_filter_that_fits() -> None:
    rng = np.random.default_rng(4)
    image, taps = rng.integers(-9, 10, (5, 6)), rng.integers(-3, 4, (3, 3))
    target = convolve(image, taps)  # 12 patches, of which 9 are independent
    learned = learn(make_examples(image, target))
    assert (learned.free, learned.few_patches, learned.steps) == (0, 12, 0)
    np.testing.assert_allclose(learned.taps, taps, atol=1e-9)
    larger = learn(make_examples(image, convolve(image, np.ones((4, 4))), 4))  # 6 patches for 16 weights
    assert (larger.free, larger.few_patches) == (10, 6)
    # The smallest solution is a combination of patches: it is orthogonal to whatever no patch contains.
    patches = np.lib.stride_tricks.sliding_window_view(image, (4, 4)).reshape(6, 16)
    _, _, directions = np.linalg.svd(patches)
    np.testing.assert_allclose(directions[6:] @ larger.taps.ravel(), 0, atol=1e-9)
    np.testing.assert_allclose(patches @ larger.taps.ravel(), patches.sum(1), atol=1e-9)


def test_few_patches_and_a_bias() -> None:
    image = np.random.default_rng(5).integers(0, 9, (6, 6))
    target = convolve(image, [[1, 0, -2]]) + 7
    learned = fit_least_squares(make_examples(image, target, (1, 3)), bias=True)
    np.testing.assert_allclose([*learned.taps[0], learned.bias], [1, 0, -2, 7], atol=1e-9)


def test_few_patches_that_no_filter_fits_are_fitted_best() -> None:
    rng = np.random.default_rng(6)
    image, target = rng.normal(size=(5, 6)), rng.normal(size=(3, 4))
    learned = learn(make_examples(image, target))
    patches = np.lib.stride_tricks.sliding_window_view(image, (3, 3)).reshape(12, 9)
    expected, squares, _, _ = np.linalg.lstsq(patches, target.ravel(), rcond=None)
    np.testing.assert_allclose(learned.taps.ravel(), expected, atol=1e-9)
    np.testing.assert_allclose(12 * learned.error**2, squares[0])


def test_pictures_that_leave_directions_open_give_the_smallest_filter() -> None:
    half = np.repeat([[10] * 20 + [0] * 20], 40, axis=0)
    examples = make_examples(half, convolve(half, kernel("sobel-x")))
    for learned in (learn(examples), fit_least_squares(examples)):
        assert learned.free == 6
        np.testing.assert_allclose(learned.taps, [[-4 / 3, 0, 4 / 3]] * 3, atol=1e-5)


@pytest.mark.parametrize("fit", [learn, fit_least_squares])
def test_patches_whose_sum_is_constant_need_no_bias(fit: Any) -> None:
    # A checkerboard has two patches, each the other's complement: the smallest filter has 1/4 beside the center.
    board = np.indices((8, 8)).sum(0) % 2 * 10
    target = 10 - board[1:-1, 1:-1]
    learned = fit(make_examples(board, target))
    cross = [[0, 0.25, 0], [0.25, 0, 0.25], [0, 0.25, 0]]
    np.testing.assert_allclose(learned.taps, cross, atol=1e-6)
    assert (learned.free, learned.offset) == (7, 0)
    assert learned.error < 1e-6
    biased = fit(make_examples(board, target), bias=True)
    assert (biased.free, round(biased.bias, 6)) == (8, round(50 / 9, 6))


def test_a_constant_channel_can_stand_for_a_bias() -> None:
    image = np.stack((NOISE, np.full(NOISE.shape, 2)), axis=2)
    learned = fit_least_squares(
        make_examples(image, convolve(NOISE, [[1, 0, -2]]) + 12, (1, 3), channels="sum")
    )
    np.testing.assert_allclose(learned.taps[0].T, [[1, 0, -2], [2, 2, 2]], atol=1e-9)
    assert (learned.free, learned.offset) == (2, 0)


@pytest.mark.parametrize("scale", [1, 1e-9, 1e9])
def test_contradictory_examples_give_no_filter_at_all(scale: float) -> None:
    half, target = np.repeat([[10, 10, 0, 0]], 4, axis=0), scale * np.array([[30, 30], [30, 29]])
    learned = learn([*make_examples(half, target), *make_examples(half, -target)])
    assert learned.taps.tolist() == [[0, 0, 0]] * 3
    assert learned.relative_error == pytest.approx(1)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((50, 42), "target 50x42: does not fit the input 48x40: a filter of 3x3 gives 48x40 with padding same, "
                   "46x38 with padding valid; padding 2 gives it"),
        ((24, 20), "46x38 with padding valid"),
        ((48, 40, 3), "has 3 channels, but the input has 1; use a target with 1 channel"),
    ],
)  # fmt: skip
def test_targets_of_other_sizes_are_explained(shape: tuple[int, ...], expected: str) -> None:
    with pytest.raises(SizeError) as raised:
        make_examples(NOISE, np.zeros(shape))
    assert expected in str(raised.value)


@pytest.mark.parametrize(
    "call",
    [
        lambda: learn([]),
        lambda: learn(make_examples(NOISE, NOISE), rate=0),
        lambda: learn(make_examples(NOISE, NOISE), rate=float("nan")),
        lambda: learn(make_examples(NOISE, NOISE), steps=0),
        lambda: learn(make_examples(NOISE, NOISE), optimizer="newton"),
        lambda: learn(make_examples(NOISE, NOISE) + make_examples(NOISE, NOISE, 5)),
        lambda: make_examples(NOISE, NOISE, 99),
        lambda: make_examples(NOISE, NOISE, channels="most"),
        lambda: learn([Example(np.zeros((99, 99, 1)), np.zeros((20, 20)), np.ones((20, 20), bool))]),
    ],
)
def test_wrong_requests_are_refused(call: Any) -> None:
    with pytest.raises(UsageError) as raised:
        call()
    assert isinstance(raised.value, ConvcliError)


def test_seeds_are_checked() -> None:
    examples = make_examples(NOISE, NOISE[1:-1, 1:-1])
    for call in (learn, fit_least_squares):
        with pytest.raises(UsageError, match="seed -1: must be a whole number, at least 0"):
            call(examples, seed=-1)


@pytest.mark.parametrize("steps", [1, 10, 100])
def test_the_history_has_each_step_once(steps: int) -> None:
    learned = learn(make_examples(NOISE, convolve(NOISE, LINE)), steps=steps)
    numbers = [step.number for step in learned.history]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == learned.steps <= steps


def test_pixels_that_were_clipped_at_either_end_do_not_count() -> None:
    image = np.random.default_rng(5).integers(0, 64, (60, 60)).astype(np.uint8)
    edges = convolve(image, kernel("sobel-x"))
    for target in (np.clip(edges, 0, 255), np.clip(edges.astype(int) + 128, 0, 255)):
        learned = fit_least_squares(make_examples(image, target.astype(np.uint8)), bias=True)
        np.testing.assert_allclose(learned.taps, kernel("sobel-x"), atol=1e-9)


def test_there_are_patches_enough_for_many_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("convcli.learning.problem.MAX_LEAST_SQUARES_ELEMENTS", 81 * 50)
    monkeypatch.setattr("convcli.learning.problem.MAX_COVARIANCE_ELEMENTS", 81 * 50)
    image = np.random.default_rng(6).standard_normal((60, 60))
    taps = np.random.default_rng(7).standard_normal((9, 9))
    solved = fit_least_squares(make_examples(image, convolve(image, taps), 9))
    np.testing.assert_allclose(solved.taps, taps, atol=1e-6)


def test_taps_that_are_not_finite_are_near_nothing() -> None:
    assert nearest_filter(np.full((3, 3), np.nan)) is None
