"""The engine against the naive loop, golden figures, numpy's padding and the algebra of convolution."""

import math
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, cast
from unittest import mock

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from convcli.convolution.algorithms import strategy as strategy_module
from convcli.convolution.borders import Border, BorderKind, border_sources, parse_border
from convcli.convolution.engine import apply_filter, center_pixels, convolve, plan
from convcli.convolution.pooling import pool
from convcli.errors import ImageError, KernelError, SizeError, UsageError
from convcli.kernels.filter import Filter, custom_filter
from convcli.kernels.lookup import get_filter, kernel
from convcli.sizes.axes import window_axes
from tests.support import oracles as reference
from tests.support.sampling import examples

Array = NDArray[Any]

SAMPLES = Path(__file__).parents[2] / "sample_images"
BORDERS = ["zero", "constant:7", "edge", "reflect", "symmetric", "wrap"]
ASYMMETRIC = np.array([[1, 2, 3], [4, 5, 6], [7, 8, 10]])


def sample(name: str) -> Array:
    return np.loadtxt(SAMPLES / name, delimiter=",", dtype=np.int64)


def whole_numbers(size: tuple[int, ...], seed: int, dtype: Any = np.uint8) -> Array:
    limits = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(limits.min, limits.max, size, dtype, endpoint=True)


# Worked examples ------------------------------------------------------------------------------------------


def test_the_textbooks_vertical_edge() -> None:
    result = convolve(sample("vertical-edge.csv"), kernel("vertical"), padding="valid")
    assert result.tolist() == [[0, 30, 30, 0]] * 4


def test_the_textbooks_mirrored_edge_is_negative() -> None:
    result = convolve(sample("vertical-edge-mirrored.csv"), kernel("vertical"), padding="valid")
    assert result.tolist() == [[0, -30, -30, 0]] * 4
    assert np.abs(result).tolist() == [[0, 30, 30, 0]] * 4


def test_the_textbooks_checkerboard() -> None:
    result = convolve(sample("checkerboard.csv"), kernel("horizontal"), padding="valid")
    assert result.tolist() == [[0, 0, 0, 0], [30, 10, -10, -30], [30, 10, -10, -30], [0, 0, 0, 0]]


# The naive loop -------------------------------------------------------------------------------------------


class Case(NamedTuple):
    """What is convolved, in convcli's words and in the reference's."""

    image: Array
    kernel: Array
    stride: tuple[int, int]
    padding: Any
    amounts: reference.PaddingAmounts
    border: str
    dilation: tuple[int, int]
    flip: bool
    strip_bytes: int

    def convolve(self) -> Array:
        with mock.patch.object(strategy_module, "STRIP_BYTES", self.strip_bytes):
            return convolve(
                self.image,
                self.kernel,
                stride=self.stride,
                padding=self.padding,
                border=self.border,
                dilation=self.dilation,
                flip=self.flip,
            )

    def fits(self) -> bool:
        places = zip(self.image.shape, self.kernel.shape, self.amounts, self.dilation)  # noqa: B905 -- channels
        return all(n + sum(amounts) > d * (f - 1) for n, f, amounts, d in places)

    def expected(self) -> Array:
        return reference.convolve(
            self.image,
            self.kernel,
            amounts=self.amounts,
            border=self.border,
            stride=self.stride,
            dilation=self.dilation,
            flip=self.flip,
        )


INTEGERS = [np.bool_, *(np.dtype(f"{kind}{size}") for kind in "ui" for size in (1, 2, 4, 8))]
FLOATS = [np.dtype(np.float16), np.dtype(np.float32), np.dtype(np.float64)]


def integer_images(shape: tuple[int, ...], dtype: Any) -> st.SearchStrategy[Array]:
    elements: st.SearchStrategy[Any] | None = None
    if np.dtype(dtype).itemsize == 8:
        limit = 2**40
        elements = st.integers(0 if np.dtype(dtype).kind == "u" else -limit, limit)
    return hnp.arrays(dtype, shape, elements=elements)


def float_arrays(shape: tuple[int, ...], dtype: Any) -> st.SearchStrategy[Array]:
    """Draw numbers of some ten binary digits, neither so small nor so large that products leave the type."""
    return hnp.arrays(np.int64, shape, elements=st.integers(-2000, 2000)).map(
        lambda numbers: (numbers / 64).astype(dtype)
    )


@st.composite
def integer_kernels(draw: st.DrawFn) -> Array:
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    taps = st.integers(-9, 9) | st.sampled_from([0, 1, -1])
    if draw(st.booleans()):
        column, row = (draw(hnp.arrays(np.int64, side, elements=taps)) for side in (height, width))
        return np.outer(column, row)
    return draw(hnp.arrays(np.int64, (height, width), elements=taps))


@st.composite
def float_kernels(draw: st.DrawFn) -> Array:
    height, width = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    if draw(st.booleans()):
        column, row = (draw(float_arrays((side,), np.float64)) for side in (height, width))
        return np.outer(column, row)
    return np.divide(draw(float_arrays((height, width), np.float64)), 3)


@st.composite
def cases(draw: st.DrawFn, images: Any, kernels: st.SearchStrategy[Array], dtypes: list[Any]) -> Case:
    shape = (draw(st.integers(1, 9)), draw(st.integers(1, 9)), *draw(st.sampled_from([(), (1,), (3,)])))
    image, taps = draw(images(shape, draw(st.sampled_from(dtypes)))), draw(kernels)
    stride, dilation = (
        draw(st.tuples(st.integers(1, top), st.integers(1, top))) if draw(st.booleans()) else (1, 1)
        for top in (4, 3)
    )
    padding, amounts = draw(paddings(shape, taps, stride, dilation))
    return Case(
        image,
        taps,
        stride,
        padding,
        amounts,
        draw(st.sampled_from([*BORDERS, "constant:-300"])),
        dilation,
        draw(st.booleans()),
        draw(st.sampled_from([1, 60, 1 << 18])),
    )


@st.composite
def paddings(
    draw: st.DrawFn, shape: tuple[int, ...], taps: Array, stride: tuple[int, int], dilation: tuple[int, int]
) -> tuple[Any, reference.PaddingAmounts]:
    some = st.integers(0, 4)
    kind = draw(st.sampled_from(["valid", "same", "number", "pair", "asymmetric"]))
    if kind == "valid":
        return draw(st.sampled_from(["valid", 0])), ((0, 0), (0, 0))
    if kind == "same":
        sides = [reference.same_padding(*numbers) for numbers in zip(shape, taps.shape, stride, dilation)]  # noqa: B905 -- channels are not padded
        return "same", (sides[0], sides[1])
    if kind == "number":
        number = draw(some)
        return draw(st.sampled_from([number, str(number)])), ((number, number), (number, number))
    if kind == "pair":
        vertical, horizontal = draw(some), draw(some)
        forms = [(vertical, horizontal), f"{vertical}x{horizontal}"]
        return draw(st.sampled_from(forms)), ((vertical, vertical), (horizontal, horizontal))
    top, bottom, left, right = (draw(some) for _ in range(4))
    forms = [((top, bottom), (left, right)), f"{top}:{bottom}x{left}:{right}"]
    return draw(st.sampled_from(forms)), ((top, bottom), (left, right))


def border_value(border: str) -> int:
    return int(border.partition(":")[2] or 0)


@given(cases(integer_images, integer_kernels(), INTEGERS))
@settings(max_examples=examples(300), deadline=None)
def test_integers_are_exactly_those_of_the_naive_loop(case: Case) -> None:
    if not case.fits():
        with pytest.raises(SizeError, match="larger than the padded input"):
            case.convolve()
        return
    result, expected = case.convolve(), case.expected()
    assert result.shape == expected.shape
    assert result.tolist() == expected.tolist()


@given(cases(integer_images, integer_kernels(), INTEGERS))
@settings(max_examples=examples(150), deadline=None)
def test_integers_come_in_the_smallest_type_that_holds_every_possible_value(case: Case) -> None:
    assume(case.fits())
    assume(case.image.any() and case.kernel.any())
    assert case.convolve().dtype == reference.integer_type(case.image, case.kernel, border_value(case.border))


def tolerance(case: Case, dtype: Any) -> Fraction:
    """Return what the docstring promises: (f_h f_w + 8) eps sum|taps| max|image|."""
    pixels = [abs(Fraction(value)) for value in case.image.astype(np.float64).ravel().tolist()]
    largest = max([*pixels, Fraction(abs(border_value(case.border)))])
    total = sum(abs(Fraction(tap)) for tap in case.kernel.ravel().tolist())
    return (case.kernel.size + 8) * Fraction(float(np.finfo(dtype).eps)) * total * largest


def assert_within_tolerance(case: Case, dtype: Any) -> None:
    result, expected = case.convolve(), case.expected()
    assert result.dtype == dtype
    assert result.shape == expected.shape
    errors = [
        abs(Fraction(value) - exact)
        for value, exact in zip(result.ravel().tolist(), expected.ravel(), strict=True)
    ]
    assert max(errors) <= tolerance(case, dtype)


@given(cases(float_arrays, float_kernels() | integer_kernels(), FLOATS))
@settings(max_examples=examples(180), deadline=None)
def test_floats_are_those_of_the_naive_loop_within_the_promised_tolerance(case: Case) -> None:
    assume(case.fits())
    assert_within_tolerance(case, np.float64 if case.image.dtype == np.float64 else np.float32)


@given(cases(integer_images, float_kernels(), INTEGERS))
@settings(max_examples=examples(150), deadline=None)
def test_integers_by_a_kernel_of_fractions_are_float32_within_the_promised_tolerance(case: Case) -> None:
    assume(case.fits())
    assert_within_tolerance(case, np.float32)


def test_a_kernel_of_almost_rank_one_keeps_the_promised_tolerance() -> None:
    almost = np.outer([1.0, 2.0, 1.0], [1.0, 0.5, 0.25])
    almost[0, 2] += 9e-14
    case = Case(np.eye(3), almost, (1, 1), 2, ((2, 2), (2, 2)), "zero", (1, 1), False, 1 << 18)
    assert_within_tolerance(case, np.float64)


def test_a_fractional_border_value_makes_floats() -> None:
    result = convolve(np.array([[4]], np.uint8), [[1, 2, 4]], border="constant:0.5")
    assert result.dtype == np.float32
    assert result.tolist() == [[10.5]]


# Orientation and anchor -----------------------------------------------------------------------------------


def test_the_kernel_is_not_turned_round() -> None:
    assert convolve(np.array([[1, 10, 100]]), [[1, 2, 3]], padding="valid").tolist() == [[321]]


def test_flip_turns_the_kernel_half_round() -> None:
    image = np.array([[1, 10], [100, 1000]])
    assert convolve(image, [[1, 2], [3, 4]], padding="valid").tolist() == [[4321]]
    assert convolve(image, [[1, 2], [3, 4]], padding="valid", flip=True).tolist() == [[1234]]


def test_an_impulse_shows_the_kernel_turned_round_and_flip_shows_it_as_it_is() -> None:
    impulse = np.zeros((5, 5), np.uint8)
    impulse[2, 2] = 1
    assert convolve(impulse, ASYMMETRIC)[1:4, 1:4].tolist() == ASYMMETRIC[::-1, ::-1].tolist()
    assert convolve(impulse, ASYMMETRIC, flip=True)[1:4, 1:4].tolist() == ASYMMETRIC.tolist()


@pytest.mark.parametrize(("side", "anchor"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (6, 2)])
def test_an_output_pixel_of_same_padding_stands_under_the_anchor(side: int, anchor: int) -> None:
    image = np.arange(1, 50).reshape(7, 7)
    taps = np.zeros((side, side), np.int64)
    taps[anchor, anchor] = 1
    assert convolve(image, taps).tolist() == image.tolist()


def test_an_even_kernel_reaches_further_to_the_right_and_down() -> None:
    assert convolve(np.array([[1, 2, 3]]), [[0, 1]], border="zero").tolist() == [[2, 3, 0]]
    assert convolve(np.array([[1], [2], [3]]), [[0], [1]], border="zero").tolist() == [[2], [3], [0]]


def test_rows_of_the_kernel_go_down_the_image() -> None:
    image = np.array([[0, 0, 0], [5, 5, 5]])
    assert convolve(image, [[-1], [1]], padding="valid").tolist() == [[5, 5, 5]]


# Borders --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("border", "row"),
    [
        ("zero", [0, 0, 0, 0, 1, 2, 3, 4, 0, 0, 0, 0]),
        ("constant:9", [9, 9, 9, 9, 1, 2, 3, 4, 9, 9, 9, 9]),
        ("edge", [1, 1, 1, 1, 1, 2, 3, 4, 4, 4, 4, 4]),
        ("reflect", [3, 4, 3, 2, 1, 2, 3, 4, 3, 2, 1, 2]),
        ("symmetric", [4, 3, 2, 1, 1, 2, 3, 4, 4, 3, 2, 1]),
        ("wrap", [1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4]),
    ],
)
def test_a_border_is_as_it_is_drawn(border: str, row: list[int]) -> None:
    image = np.array([[1, 2, 3, 4]])
    assert convolve(image, [[1]], padding=(0, 4), border=border).tolist() == [row]
    assert convolve(image.T, [[1]], padding=(4, 0), border=border).ravel().tolist() == row


@pytest.mark.parametrize("border", BORDERS)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (2, 2), (2, 3, 2), (4, 7), (9, 8, 3)])
def test_borders_are_numpys_even_where_they_are_wider_than_the_image(
    border: str, shape: tuple[int, ...]
) -> None:
    image = whole_numbers(shape, seed=len(shape))
    amounts = ((2, 11), (13, 3))
    kind, _, value = border.partition(":")
    options: dict[str, Any] = {"mode": kind}
    if kind in ("zero", "constant"):
        options = {"mode": "constant", "constant_values": int(value or 0)}
    padded = np.pad(image, [*amounts, (0, 0)][: image.ndim], **options)
    assert convolve(image, [[1]], padding=amounts, border=border).tolist() == padded.tolist()


def test_every_kind_of_border_is_compared_with_numpy() -> None:
    assert [border.partition(":")[0] for border in BORDERS] == [*BorderKind]


def test_a_kind_of_border_without_sources_is_an_error_not_zeros() -> None:
    rows, _ = window_axes((4, 4), 3, padding=1)
    assert border_sources(rows, BorderKind.ZERO).tolist() == [-1, 0, 1, 2, 3, -1]
    with pytest.raises(AssertionError, match="mirror"):
        border_sources(rows, cast("BorderKind", "mirror"))


def test_zero_and_constant_zero_are_the_same_border() -> None:
    image = whole_numbers((6, 5), seed=1)
    by_name = convolve(image, ASYMMETRIC, border="zero")
    assert by_name.tolist() == convolve(image, ASYMMETRIC, border="constant:0").tolist()


def test_border_edge_and_padding_same_are_the_defaults() -> None:
    image = whole_numbers((6, 5), seed=2)
    expected = convolve(image, ASYMMETRIC, padding="same", border="edge")
    assert convolve(image, ASYMMETRIC).tolist() == expected.tolist()


@pytest.mark.parametrize(
    ("text", "border"),
    [
        ("zero", Border(BorderKind.ZERO)),
        (" Edge ", Border(BorderKind.EDGE)),
        ("constant:128", Border(BorderKind.CONSTANT, 128)),
        ("constant:-3", Border(BorderKind.CONSTANT, -3)),
        ("constant:0.25", Border(BorderKind.CONSTANT, 0.25)),
        ("constant:1e3", Border(BorderKind.CONSTANT, 1000.0)),
    ],
)
def test_a_border_is_read(text: str, border: Border) -> None:
    assert parse_border(text) == border
    assert parse_border(str(border)) == border


def test_a_whole_border_value_stays_an_integer() -> None:
    assert type(parse_border("constant:128").value) is int


@pytest.mark.parametrize(
    "text", ["constant", "constant:", "constant:x", "constant:nan", "constant:inf", "constant:1e999"]
)
def test_a_constant_border_takes_a_finite_number(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_border(text)
    assert str(caught.value) == f"border {text!r}: constant takes a finite number, as in constant:128"


def test_only_a_constant_border_takes_a_value() -> None:
    with pytest.raises(UsageError, match="only constant takes a value"):
        parse_border("edge:3")


@pytest.mark.parametrize(
    ("text", "suggested"),
    [("edgee", "edge"), ("mirror", "reflect"), ("cloud", "choose from zero"), ("wrapped", "wrap")],
)
def test_an_unknown_border_suggests_the_nearest(text: str, suggested: str) -> None:
    with pytest.raises(UsageError) as caught:
        convolve(np.ones((2, 2)), [[1]], border=text)
    assert text in caught.value.what
    assert suggested in caught.value.why


# Strips ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "taps", [ASYMMETRIC, np.outer([1, 4, 6, 4, 1], [-1, 0, 1])], ids=["rank 3", "rank 1"]
)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (3, 2), (1, 3), (7, 1)])
@pytest.mark.parametrize("border", BORDERS)
def test_the_height_of_a_strip_never_changes_a_bit(
    taps: Array, stride: int, dilation: int, border: str
) -> None:
    image = whole_numbers((83, 7, 2), seed=3)
    results = []
    for strip_bytes in (1, 500, 3001, 1 << 24):
        with mock.patch.object(strategy_module, "STRIP_BYTES", strip_bytes):
            results.append(
                convolve(image, taps, stride=stride, dilation=dilation, padding=5, border=border).tobytes()
            )
    assert len(set(results)) == 1


def test_an_image_higher_than_one_strip_is_convolved_whole() -> None:
    image = whole_numbers((700, 3000), seed=4)
    result = convolve(image, ASYMMETRIC, padding="valid")
    wide = image.astype(np.int64)
    expected = sum(ASYMMETRIC[i, j] * wide[i : i + 698, j : j + 2998] for i in range(3) for j in range(3))
    assert plan(image, ASYMMETRIC, padding="valid").strip_rows < len(result)
    assert np.array_equal(result, expected)


# Algebra --------------------------------------------------------------------------------------------------


@given(st.integers(-5, 5), st.integers(-5, 5), integer_kernels(), integer_kernels())
@settings(max_examples=examples(60), deadline=None)
def test_convolution_is_linear_in_the_image(a: int, b: int, taps: Array, seeds: Array) -> None:
    first, second = (whole_numbers((8, 7), seed=abs(int(seeds.sum())) + n, dtype=np.int16) for n in (0, 1))
    first, second = first.astype(np.int64), second.astype(np.int64)
    joined = convolve(a * first + b * second, taps, border="reflect").astype(np.int64)
    apart = a * convolve(first, taps, border="reflect").astype(np.int64) + b * convolve(
        second, taps, border="reflect"
    ).astype(np.int64)
    assert joined.tolist() == apart.tolist()


@given(st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 4), st.integers(1, 4), st.data())
@settings(max_examples=examples(60), deadline=None)
def test_convolution_is_linear_in_the_kernel(
    a: int, b: int, height: int, width: int, data: st.DataObject
) -> None:
    first, second = (
        data.draw(hnp.arrays(np.int64, (height, width), elements=st.integers(-9, 9))) for _ in range(2)
    )
    image = whole_numbers((8, 7), seed=5)
    joined = convolve(image, a * first + b * second).astype(np.int64)
    apart = a * convolve(image, first).astype(np.int64) + b * convolve(image, second).astype(np.int64)
    assert joined.tolist() == apart.tolist()


@given(integer_kernels(), st.integers(-9, 9), st.integers(-9, 9))
@settings(max_examples=examples(60), deadline=None)
def test_a_shifted_image_gives_the_shifted_result_where_borders_wrap(
    taps: Array, down: int, right: int
) -> None:
    image = whole_numbers((9, 8), seed=6)
    shifted = convolve(np.roll(image, (down, right), (0, 1)), taps, border="wrap")
    assert shifted.tolist() == np.roll(convolve(image, taps, border="wrap"), (down, right), (0, 1)).tolist()


@given(integer_kernels(), integer_kernels())
@settings(max_examples=examples(60), deadline=None)
def test_two_kernels_one_after_the_other_are_their_full_convolution(first: Array, second: Array) -> None:
    image = whole_numbers((12, 11), seed=7).astype(np.int64)
    full = [(side - 1, side - 1) for side in second.shape]
    joined = convolve(first, second, padding=(full[0], full[1]), border="zero", flip=True)
    apart = convolve(convolve(image, first, padding="valid").astype(np.int64), second, padding="valid")
    assert convolve(image, joined, padding="valid").tolist() == apart.tolist()


@given(integer_kernels(), st.tuples(st.integers(1, 5), st.integers(1, 5)))
@settings(max_examples=examples(60), deadline=None)
def test_a_stride_takes_every_so_manieth_pixel(taps: Array, stride: tuple[int, int]) -> None:
    image = whole_numbers((13, 12), seed=8)
    every = convolve(image, taps, padding=((1, 2), (3, 0)), border="reflect")
    strided = convolve(image, taps, padding=((1, 2), (3, 0)), border="reflect", stride=stride)
    assert strided.tolist() == every[:: stride[0], :: stride[1]].tolist()


@given(integer_kernels(), st.tuples(st.integers(1, 3), st.integers(1, 3)), st.sampled_from(BORDERS))
@settings(max_examples=examples(60), deadline=None)
def test_dilation_puts_zeros_between_the_taps(taps: Array, dilation: tuple[int, int], border: str) -> None:
    image = whole_numbers((9, 10), seed=9)
    spread = np.zeros([d * (f - 1) + 1 for f, d in zip(taps.shape, dilation, strict=True)], np.int64)
    spread[:: dilation[0], :: dilation[1]] = taps
    dilated = convolve(image, taps, dilation=dilation, border=border)
    assert dilated.tolist() == convolve(image, spread, border=border).tolist()


@given(integer_kernels(), st.sampled_from(["zero", "edge", "reflect", "symmetric"]))
@settings(max_examples=examples(60), deadline=None)
def test_turning_image_and_kernel_over_turns_the_result_over(taps: Array, border: str) -> None:
    image = whole_numbers((7, 9), seed=10)
    turned = convolve(image.T, taps.T, border=border)
    assert turned.tolist() == convolve(image, taps, border=border).T.tolist()


@given(integer_kernels())
@settings(max_examples=examples(40), deadline=None)
def test_every_channel_is_filtered_on_its_own(taps: Array) -> None:
    image = whole_numbers((6, 7, 4), seed=11)
    apart = [convolve(image[:, :, channel], taps) for channel in range(4)]
    assert convolve(image, taps).tolist() == np.stack(apart, axis=2).tolist()


# Extremes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "taps", [[[7, -7, 7]], [[1000, -1000], [-999, 999]], [[3, 0, -5], [0, 4, 0], [-2, 0, 1]]]
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int8, np.int16, np.int32])
def test_nothing_overflows_at_the_extremes_of_a_type(dtype: Any, taps: list[list[int]]) -> None:
    matrix = np.array(taps)
    limits = np.iinfo(dtype)
    for sign in (1, -1):
        worst = np.where(sign * matrix > 0, limits.max, limits.min).astype(dtype)
        expected = sum(int(tap) * int(pixel) for tap, pixel in zip(matrix.flat, worst.flat, strict=True))
        assert convolve(worst, matrix, padding="valid").tolist() == [[expected]]


@pytest.mark.parametrize(
    ("dtype", "tap", "result"),
    [
        (np.bool_, 128, np.int16),
        (np.uint8, 128, np.int16),
        (np.uint8, 129, np.int32),
        (np.int8, 255, np.int16),
        (np.int8, 256, np.int32),
        (np.int16, 1, np.int32),
        (np.int16, 65535, np.int32),
        (np.int16, 65536, np.int64),
        (np.uint16, 1, np.int32),
        (np.uint16, 32768, np.int32),
        (np.uint16, 32769, np.int64),
        (np.int32, 1, np.int64),
        (np.uint32, 1, np.int64),
        (np.uint32, 2**31, np.int64),
        (np.int32, 2**32 - 1, np.int64),
    ],
)
def test_the_result_widens_where_the_bound_passes_a_type(dtype: Any, tap: int, result: Any) -> None:
    image = np.ones((1, 1), dtype)
    for taps in ([[tap]], [[-tap]], [[tap // 2, tap - tap // 2]]):
        answer = convolve(image, taps)
        assert answer.dtype == result
        assert answer.tolist() == [[int(np.sum(taps))]]


@pytest.mark.parametrize(
    ("image", "tap", "bound"),
    [
        (np.zeros((1, 1), np.uint8), 2**56, 255 * 2**56),
        (np.zeros((1, 1), np.int8), 2**56, 2**63),
        (np.zeros((1, 1), np.int32), 2**32, 2**63),
        (np.zeros((1, 1), np.uint32), 2**31 + 1, (2**31 + 1) * (2**32 - 1)),
        (np.full((1, 1), 2**62, np.int64), 2, 2**63),
        (np.full((1, 1), -(2**63), np.int64), 1, 2**63),
        (np.full((1, 1), 2**63, np.uint64), 1, 2**63),
        (np.full((1, 1), 2**64 - 1, np.uint64), -3, 3 * (2**64 - 1)),
    ],
)
def test_beyond_int64_the_bound_is_named(image: Array, tap: int, bound: int) -> None:
    with pytest.raises(KernelError) as caught:
        convolve(image, [[tap]])
    assert str(bound) in caught.value.why
    assert str(2**63 - 1) in caught.value.why


@pytest.mark.parametrize("dtype", [np.int64, np.uint64])
@pytest.mark.parametrize(
    ("value", "result"), [(100, np.int16), (2**15, np.int32), (2**31, np.int64), (2**63 - 1, np.int64)]
)
def test_images_of_64_bits_are_bounded_by_the_largest_value_that_is_there(
    dtype: Any, value: int, result: Any
) -> None:
    answer = convolve(np.full((1, 2), value, dtype), [[1]])
    assert answer.dtype == result
    assert answer.tolist() == [[value, value]]


def test_a_border_value_counts_among_the_largest() -> None:
    image = np.zeros((1, 1), np.uint8)
    result = convolve(image, [[1, 1, 1]], border="constant:20000")
    assert result.dtype == np.int32
    assert result.tolist() == [[40000]]


def test_a_border_value_beyond_int64_is_refused() -> None:
    with pytest.raises(KernelError, match="beyond int64"):
        convolve(np.zeros((1, 1), np.uint8), [[10, 1]], border="constant:999999999999999999")


def test_a_kernel_of_zeros_gives_zeros() -> None:
    result = convolve(whole_numbers((4, 5, 3), seed=12), np.zeros((3, 3), np.int64))
    assert result.tolist() == np.zeros((4, 5, 3)).tolist()


@pytest.mark.parametrize(
    ("image", "taps", "result"),
    [
        (np.float16, np.int64, np.float32),
        (np.float32, np.int64, np.float32),
        (np.float32, np.float64, np.float32),
        (np.float64, np.int64, np.float64),
        (np.float64, np.float32, np.float64),
        (np.uint8, np.float64, np.float32),
        (np.int64, np.float64, np.float32),
        (np.bool_, np.float32, np.float32),
    ],
)
def test_floats_have_the_documented_type(image: Any, taps: Any, result: Any) -> None:
    answer = convolve(np.ones((2, 2), image), np.ones((1, 1), taps))
    assert answer.dtype == result
    assert answer.tolist() == [[1, 1], [1, 1]]


# NaN and infinity -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "taps",
    [
        np.array([[1, 2, 0], [0, 5, 0], [3, 0, -1]]),
        np.outer([1, 0, 2], [-1, 0, 0, 1]),
        np.outer([0.5, 0.0, 0.25], [1.0, -1.0]),
        np.array([[0.5, 0.0], [0.0, 0.25]]),
    ],
    ids=["rank 3", "rank 1", "fractions of rank 1", "fractions of rank 2"],
)
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), ((3, 1), (2, 3))])
def test_what_is_not_finite_stays_within_the_kernels_reach(
    value: float, dtype: Any, taps: Array, stride: Any, dilation: Any
) -> None:
    image = np.ones((11, 12, 2), dtype)
    image[5:7, 6, 1] = value
    mark = np.zeros((11, 12, 2), np.uint8)
    mark[5:7, 6, 1] = 1
    reached = convolve(mark, (taps != 0).astype(np.int64), stride=stride, dilation=dilation, border="zero")
    result = convolve(image, taps, stride=stride, dilation=dilation, border="zero")
    assert reached.any()
    assert (~np.isfinite(result)).tolist() == (reached > 0).tolist()


def test_opposite_infinities_meet_in_nan() -> None:
    result = convolve(np.array([[math.inf, -math.inf, 1, 2]]), [[1, 1]], padding="valid")
    assert np.isnan(result[0, 0])
    assert result[0, 1:].tolist() == [-math.inf, 3]


def test_floats_beyond_their_type_become_infinite_without_a_warning() -> None:
    assert convolve(np.full((1, 1), 3e38, np.float32), [[2]]).tolist() == [[math.inf]]
    assert convolve(np.full((1, 1), 2, np.float32), [[3e38]]).tolist() == [[math.inf]]


# What goes in ---------------------------------------------------------------------------------------------


def test_nested_lists_are_images_and_kernels() -> None:
    assert convolve([[1, 2], [3, 4]], [[1, 1], [1, 1]], padding="valid").tolist() == [[10]]


def test_neither_the_image_nor_the_kernel_is_changed() -> None:
    image, taps = whole_numbers((6, 5, 3), seed=13), ASYMMETRIC.copy()
    before = image.copy()
    convolve(image, taps, flip=True, border="constant:3")
    assert image.tolist() == before.tolist()
    assert taps.tolist() == ASYMMETRIC.tolist()


def test_the_result_is_not_a_view_of_the_image() -> None:
    image = np.ones((3, 3))
    convolve(image, [[1]])[:] = 5
    assert image.tolist() == np.ones((3, 3)).tolist()


@pytest.mark.parametrize(
    "view",
    [
        lambda image: image[::-1, ::-1],
        lambda image: image[::2, ::3],
        lambda image: np.asfortranarray(image),
        lambda image: np.broadcast_to(image[:1], image.shape),
        lambda image: image.astype(image.dtype.newbyteorder(">")),
    ],
    ids=["reversed", "sliced", "fortran", "broadcast", "big-endian"],
)
def test_the_layout_of_an_image_does_not_matter(view: Any) -> None:
    image = view(whole_numbers((9, 8, 3), seed=14, dtype=np.int16))
    image.flags.writeable = False
    plain = np.array(image.tolist(), np.int16)
    result = convolve(image, ASYMMETRIC)
    assert result.dtype == np.int32
    assert result.dtype.isnative
    assert result.tolist() == convolve(plain, ASYMMETRIC).tolist()


@pytest.mark.parametrize("shape", [(), (4,), (0, 4), (4, 0), (4, 4, 0), (1, 4, 4, 3)])
def test_what_is_no_image_is_refused_by_its_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageError) as caught:
        convolve(np.zeros(shape), [[1]])
    assert str(shape) in caught.value.what


@pytest.mark.parametrize("image", [np.ones((2, 2), complex), np.full((2, 2), "a"), np.full((2, 2), None)])
def test_what_is_no_number_is_no_image(image: Array) -> None:
    with pytest.raises(ImageError, match="an image holds"):
        convolve(image, [[1]])


def test_a_ragged_list_is_no_image() -> None:
    with pytest.raises(ImageError):
        convolve([[1, 2], [3]], [[1]])


@pytest.mark.parametrize(
    "taps", [[], [[]], [1, 2], [[[1]]], [[math.nan]], [["a"]], [[1], [1, 2]], "sobel-x", None]
)
def test_what_is_no_kernel_is_refused(taps: Any) -> None:
    with pytest.raises(KernelError, match="kernel"):
        convolve(np.ones((3, 3)), taps)


def test_a_kernel_that_does_not_fit_shows_the_arithmetic() -> None:
    with pytest.raises(SizeError, match=r"filter 5 on input 3: gives floor\(\(3 \+ 2·0 - 5\)/1\) \+ 1 = -1"):
        convolve(np.ones((3, 3)), np.ones((5, 5)), padding="valid")


def test_padding_beyond_all_measure_is_refused_before_it_is_made() -> None:
    with pytest.raises(SizeError, match="enlarges a 3x3 image to 40001200009 pixels; the limit is 268435456"):
        convolve(np.ones((3, 3)), [[1]], padding=10**5)


# Filters of several kernels -------------------------------------------------------------------------------


def test_a_filter_of_one_kernel_is_that_kernel() -> None:
    image = whole_numbers((7, 6), seed=15)
    applied = apply_filter(image, get_filter("sobel-x"), stride=2, padding=1, border="wrap", flip=True)
    plain = convolve(image, kernel("sobel-x"), stride=2, padding=1, border="wrap", flip=True)
    assert applied.dtype == plain.dtype
    assert applied.tolist() == plain.tolist()


@pytest.mark.parametrize("name", ["sobel", "prewitt", "scharr", "roberts"])
def test_a_magnitude_is_the_length_of_the_gradient(name: str) -> None:
    image = whole_numbers((7, 6, 2), seed=16)
    applied = apply_filter(image, get_filter(name), dilation=2)
    assert applied.dtype == np.float32
    x, y = (convolve(image, matrix, dilation=2).astype(np.int64) for matrix in get_filter(name).kernels)
    expected = [math.hypot(a, b) for a, b in zip(x.ravel().tolist(), y.ravel().tolist(), strict=True)]
    assert applied.ravel().tolist() == [float(np.float32(length)) for length in expected]


def test_a_magnitude_of_a_float64_image_is_float64() -> None:
    image = np.random.default_rng(17).normal(size=(7, 6))
    applied = apply_filter(image, get_filter("sobel"))
    assert applied.dtype == np.float64
    x, y = (convolve(image, kernel(name)) for name in ("sobel-x", "sobel-y"))
    assert np.allclose(applied, np.hypot(x, y), rtol=1e-15, atol=0)


def test_a_magnitude_of_huge_responses_is_exact_to_its_type() -> None:
    image = np.array([[0, 0, 0], [0, 0, 0], [2**40, 0, 2**40]])
    assert apply_filter(image, get_filter("sobel"), padding="valid").tolist() == [[2.0**41]]


@pytest.mark.parametrize("name", ["kirsch", "robinson"])
def test_the_strongest_of_several_is_the_largest_response(name: str) -> None:
    image = whole_numbers((7, 6, 2), seed=18)
    filter_ = get_filter(name)
    applied = apply_filter(image, filter_, border="reflect")
    responses = [convolve(image, matrix, border="reflect") for matrix in filter_.kernels]
    assert applied.dtype == responses[0].dtype
    assert applied.tolist() == np.max(responses, axis=0).tolist()


def test_a_filter_of_ones_own_is_its_kernel() -> None:
    image = whole_numbers((7, 6), seed=19)
    own: Filter = custom_filter("mine", ASYMMETRIC)
    assert apply_filter(image, own).tolist() == convolve(image, ASYMMETRIC).tolist()


# Pixels in step with a result -----------------------------------------------------------------------------


@given(
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.sampled_from(["same", "valid", 1, (2, 0), ((0, 3), (2, 1))]),
)
@settings(max_examples=examples(100), deadline=None)
@example((2, 3), (2, 2), (1, 1), "same")
def test_pixels_under_a_result_are_those_that_the_anchor_tap_alone_would_take(
    window: tuple[int, int], stride: tuple[int, int], dilation: tuple[int, int], padding: Any
) -> None:
    image = whole_numbers((13, 14), seed=20)
    extents = [d * (f - 1) + 1 for f, d in zip(window, dilation, strict=True)]
    anchor = np.zeros(extents, np.int64)
    anchor[(extents[0] - 1) // 2, (extents[1] - 1) // 2] = 1
    under = center_pixels(image, window, stride=stride, padding=padding, dilation=dilation)
    assert under.dtype == image.dtype
    assert under.tolist() == convolve(image, anchor, stride=stride, padding=padding, border="edge").tolist()


# Where numbers end ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("rank", [1, 2, 3, 4])
def test_what_is_not_finite_stays_where_the_taps_are(value: float, rank: int) -> None:
    chooser = np.random.default_rng(rank)
    kernel = sum(np.outer(chooser.normal(size=7), chooser.normal(size=7)) for _ in range(rank))
    assert isinstance(kernel, np.ndarray)
    kernel[np.abs(kernel) < 0.3] = 0
    hole = np.ones((5, 5))
    hole[2, 2] = 0
    for taps in (kernel, hole):
        image = np.zeros((40, 40))
        image[20, 20] = value
        result = convolve(image, taps)
        assert np.count_nonzero(~np.isfinite(result)) == np.count_nonzero(taps)
        assert np.isinf(result).sum() == (0 if np.isnan(value) else np.count_nonzero(taps))


def test_values_near_the_end_of_their_type_spread_nothing() -> None:
    image = np.zeros((200, 200), np.float32)
    image[100:102, 100] = 3e38
    with np.errstate(over="ignore"):
        result = convolve(image, np.outer(np.linspace(1, 2, 15), np.linspace(1, 3, 15)))
    assert not np.isnan(result).any()
    assert np.count_nonzero(result) == 16 * 15
    large = np.full((31, 31), 1e305) * np.random.default_rng(1).uniform(0.5, 1, (31, 31))
    pixel = np.zeros((200, 200))
    pixel[100, 100] = 1e20
    assert np.count_nonzero(convolve(pixel, large)) == 31 * 31


def test_taps_beyond_float32_are_refused() -> None:
    with pytest.raises(KernelError) as caught:
        convolve(np.zeros((5, 5), np.uint8), [[1e39]])
    assert str(caught.value) == "kernel: has coefficients beyond float32; use smaller ones or a float64 image"
    assert convolve(np.ones((5, 5)), [[1e39]])[0, 0] == 1e39


def test_the_smallest_integer_as_a_tap() -> None:
    taps = np.array([[-(2**63), 0], [0, -(2**63)]])
    assert convolve(np.ones((4, 4)), taps, padding="valid").tolist() == [[-(2.0**64)] * 3] * 3


@pytest.mark.parametrize("stride", [2**62, 10**30])
@pytest.mark.parametrize("shape", [(9, 9), (31, 31), (3, 3), (1, 9), (9, 1)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64])
def test_steps_that_are_never_taken_may_be_of_any_length(
    stride: int, shape: tuple[int, int], dtype: type
) -> None:
    chooser = np.random.default_rng(3)
    image: Array = chooser.integers(0, 9, (60, 60)).astype(np.dtype(dtype))
    kernel = chooser.integers(-9, 9, shape)
    whole = convolve(image, kernel)
    for step, kept in ((stride, np.s_[:1, :1]), ((stride, 1), np.s_[:1]), ((1, stride), np.s_[:, :1])):
        strided = convolve(image, kernel, stride=step, padding=(shape[0] // 2, shape[1] // 2))
        assert np.allclose(strided, whole[kept])
    point = convolve(image, [[2]], dilation=stride)
    assert np.array_equal(point, image * 2)


# Where the result goes ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_out_may_share_memory_with_the_image(dtype: type) -> None:
    image: Array = np.random.default_rng(5).normal(size=(700, 500)).astype(np.dtype(dtype))
    kernel = np.ones((3, 3))
    expected = convolve(image, kernel)
    again = image.copy()
    assert convolve(again, kernel, out=again) is again
    assert np.array_equal(again, expected)
    pooled = pool(image, size=3, stride=1, padding=1)
    assert np.array_equal(pool(image, size=3, stride=1, padding=1, out=image), pooled)


def test_a_result_with_gaps_is_right() -> None:
    image = np.arange(12, dtype=np.int16).reshape(6, 2)
    out = np.empty((3, 3, 3), np.int32)[:, :1, 0]
    convolve(image, [[-2, -3, 3, -2]], stride=2, out=out)
    assert out.tolist() == convolve(image, [[-2, -3, 3, -2]], stride=2).tolist()


@pytest.mark.parametrize(
    ("out", "start"),
    [
        ([[0, 0], [0, 0]], "out list: must be a writable array of int16 (2, 2)"),
        (np.zeros((2, 2)), "out float64 (2, 2): must be"),
        (np.zeros((2, 3), np.int16), "out int16 (2, 3): must be"),
        (np.frombuffer(bytes(8), np.int16).reshape(2, 2), "out int16 (2, 2): must be"),
    ],
)
def test_no_place_for_the_result(out: Any, start: str) -> None:
    with pytest.raises(UsageError) as caught:
        convolve(np.zeros((2, 2), np.uint8), [[1]], out=out)
    assert str(caught.value).startswith(start)


def test_jobs_may_be_numpys_integers() -> None:
    image = np.zeros((9, 9), np.uint8)
    assert convolve(image, [[1]], jobs=np.int64(2)).shape == (9, 9)  # type: ignore[call-overload]
    for jobs in (0, -1, 1.5, True, "2"):
        with pytest.raises(UsageError, match="must be a whole number, at least 1"):
            convolve(image, [[1]], jobs=jobs)  # type: ignore[arg-type]
