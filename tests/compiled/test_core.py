"""The compiled core: what its stub promises, exact results on each instruction set, and arguments that do not fit."""

import ast
import contextlib
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.compiled.calls import CALLS, Call
from tests.support.engines import INSTRUCTION_SETS, NEEDS_CORE, use_instruction_set

pytestmark = NEEDS_CORE

STUB = ast.parse((Path(__file__).parents[2] / "convcli" / "compiled" / "core.pyi").read_text("utf-8"))
FUNCTIONS = {node.name: node for node in STUB.body if isinstance(node, ast.FunctionDef)}
REFUSED = (TypeError, ValueError, OverflowError, BufferError, MemoryError)


@pytest.fixture
def core() -> Any:
    from convcli.compiled import core  # late: it may not be built

    return core


@pytest.fixture(params=INSTRUCTION_SETS)
def instruction_set(request: pytest.FixtureRequest) -> Any:
    with use_instruction_set(request.param):
        yield request.param


# The stub -------------------------------------------------------------------------------------------------


def test_the_stub_has_every_function_and_no_other(core: Any) -> None:
    assert {name for name in vars(core) if not name.startswith("_")} == set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_stub_documents_a_function(name: str) -> None:
    assert ast.get_docstring(FUNCTIONS[name])


def test_calls_of_every_function_that_takes_memory_are_damaged() -> None:
    takes_memory = {name for name, function in FUNCTIONS.items() if "Buffer" in ast.unparse(function.args)}
    assert set(CALLS) == takes_memory


# Instruction sets -----------------------------------------------------------------------------------------


def test_the_best_instruction_set_runs_and_any_can_be_selected(core: Any) -> None:
    names = core.instruction_sets()
    assert names[-1] == "baseline"
    assert set(names) <= {"avx512", "avx2", "baseline"}
    before = core.instruction_set()
    assert before == names[0]
    for name in names:
        with use_instruction_set(name):
            assert core.instruction_set() == name
    assert core.instruction_set() == before


@pytest.mark.parametrize("name", ["", "avx", 512, None])
def test_other_instruction_sets_are_refused(core: Any, name: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        core.use_instruction_set(name)


# Statistics -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (2, 64), (7, 129), (4, 31, 3), (1, 200, 4), (300, 2, 1)])
def test_statistics_are_those_of_numpy(core: Any, instruction_set: str, dtype: Any, shape: Any) -> None:
    random = np.random.default_rng(sum(shape))
    for low, high in ((0, 256), (7, 8), (100, 140)):
        image = random.integers(low, high, shape).astype(dtype) * (257 if dtype == np.uint16 else 1)
        for view in (image, image[::-1], image[:, ::-1], image[::2, ::-3], np.swapaxes(image, 0, 1)):
            assert core.measure(view) == (view.min(), view.max(), view.sum()), instruction_set


def test_a_native_order_may_be_stated(core: Any) -> None:
    image = np.arange(6, dtype=np.uint16).reshape(2, 3)
    swapped = image.dtype.newbyteorder()
    stated = image.view(swapped.newbyteorder("S"))  # numpy exports it with its byte order
    assert stated.data.format in ("<H", ">H")
    assert core.measure(stated) == (0, 5, 15)
    with pytest.raises(ValueError, match="has a dtype that is not supported here"):
        core.measure(image.view(swapped))


# Arguments that do not fit --------------------------------------------------------------------------------


def test_the_reason_is_reported(core: Any) -> None:
    image = np.zeros((4, 6, 3), np.uint8)
    misaligned = np.zeros(41, np.uint8)[1:].view(np.uint16).reshape(4, 5)
    for given, reason in (
        (image[0, 0], "image must have two or three axes"),
        (image[None], "image must have two or three axes"),
        (image[:0], "image is empty"),
        (image.astype(np.int64), "image has a dtype that is not supported here"),
        (image.astype(">u2"), "image has a dtype that is not supported here"),
        (image[..., ::-1], "image must have contiguous channels"),
        (misaligned, "image must be aligned"),
    ):
        with pytest.raises(ValueError, match=f"^{reason}$"):
            core.measure(given)
    with pytest.raises(TypeError):
        core.measure([[1, 2], [3, 4]])


def hostile_values(good: Any) -> list[Any]:
    """Return what a caller might pass by mistake or on purpose in place of an argument."""
    numbers: list[Any] = [0, -1, 1, 2, 7, 2**31 - 1, 2**31, 2**62, 2**63 - 1, 2**64, 2**70, -(2**63), 1.5]
    objects: list[Any] = [
        None,
        object(),
        "text",
        b"",
        b"bytes",
        bytearray(3),
        (),
        (1,),
        [[1]],
        {},
        float("nan"),
    ]
    if not isinstance(good, np.ndarray):
        tuples = [(number,) * len(good) for number in numbers] if isinstance(good, tuple) else []
        return [*numbers, *objects, *tuples, float("inf"), -float("inf"), "zero", np.zeros((3, 3))]
    read_only = good.copy()
    read_only.setflags(write=False)
    shifted = np.zeros(good.nbytes + 1, np.uint8)[1:].view(good.dtype).reshape(good.shape)
    wide = np.zeros((*good.shape[:-1], 2 * good.shape[-1]), good.dtype)
    return [
        *numbers[:3],
        *objects,
        *(good.astype(dtype) for dtype in "?bBhHiIqQefdgFO"),
        *(good.astype(dtype) for dtype in (">u2", ">f4", "<M8[s]", "V3", "S2")),
        *(good[:rows] for rows in range(good.shape[0])),
        *(good[:, :columns] for columns in range(1, good.shape[-1] if good.ndim == 2 else 1)),
        good[::-1], good[..., ::-1], good[::2], wide[..., ::2], good.T, good[None], good[0], good.ravel(),
        np.concatenate([good, good]), np.repeat(good, 2, axis=-1), np.asfortranarray(good), read_only, shifted,
        np.broadcast_to(good[:1], good.shape), np.lib.stride_tricks.as_strided(good, good.shape, (0,) * good.ndim),
        good.data, good.copy().data.cast("B"), np.zeros((0,) * good.ndim, good.dtype),
    ]  # fmt: skip


DAMAGED = [
    pytest.param(name, number, place, id=f"{name}-{number}-{place}")
    for name, calls in CALLS.items()
    for number, call in enumerate(calls)
    for place in call.places
]


def copied(call: Call) -> tuple[Call, list[tuple[Any, int, int]]]:
    """Return the call with each array in the middle of a larger one, and where they are in these."""
    homes = []
    for place in call.places:
        array = call.argument(place)
        if isinstance(array, np.ndarray):
            margin = 4096
            home = np.full(array.nbytes + 2 * margin, 0xA5, np.uint8)
            inside = home[margin : margin + array.nbytes].view(array.dtype).reshape(array.shape)
            inside[...] = array
            homes.append((home, margin, margin + array.nbytes))
            call = call.replaced(place, inside)
    return call, homes


@pytest.mark.usefixtures("instruction_set")
@pytest.mark.parametrize(("name", "number", "place"), DAMAGED)
def test_an_argument_that_does_not_fit_is_refused_and_nothing_else_is_written(
    core: Any, name: str, number: int, place: int | str
) -> None:
    """Some of them fit; none may crash, or write outside of what it was given."""
    function, good = getattr(core, name), CALLS[name][number]
    for value in hostile_values(good.argument(place)):
        call, homes = copied(good)
        call = call.replaced(place, value)
        with contextlib.suppress(*REFUSED):
            function(*call.positional, **call.named)
        for home, start, end in homes:
            assert (home[:start] == 0xA5).all(), value
            assert (home[end:] == 0xA5).all(), value


@pytest.mark.parametrize(("name", "number", "place"), DAMAGED)
def test_outputs_do_not_overlap_inputs(core: Any, name: str, number: int, place: int | str) -> None:
    """Where one argument's memory is another's, either neither is written, or the call is refused."""
    function, good = getattr(core, name), CALLS[name][number]
    array = good.argument(place)
    if not isinstance(array, np.ndarray):
        return
    for other in good.places:
        if other == place or not isinstance(good.argument(other), np.ndarray):
            continue
        call, _ = copied(good)
        second = good.argument(other)
        memory = np.zeros(array.nbytes + second.nbytes, np.uint8)
        start, end = second.itemsize, second.itemsize + second.nbytes
        overlapping = memory[start:end].view(second.dtype).reshape(second.shape)
        call = call.replaced(place, memory[: array.nbytes].view(array.dtype).reshape(array.shape))
        call = call.replaced(other, overlapping)
        before = memory.copy()
        try:
            function(*call.positional, **call.named)
        except REFUSED:
            assert np.array_equal(memory, before)
            continue
        assert np.array_equal(memory, before), (place, other)


def test_wrong_numbers_of_arguments_are_refused(core: Any) -> None:
    for name, calls in CALLS.items():
        for call in calls:
            for positional, named in (
                ((), {}),
                ((*call.positional, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), call.named),
                (call.positional, {**call.named, "surprise": 1}),
            ):
                with pytest.raises(TypeError):
                    getattr(core, name)(*positional, **named)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_data_of_a_png_is_refused_or_decoded(core: Any, seed: int) -> None:
    random = np.random.default_rng(seed)
    pixels = np.cumsum(random.integers(-9, 10, (40, 90)), axis=1).astype(np.uint8)
    rows = np.column_stack([random.integers(0, 5, 40).astype(np.uint8), pixels]).tobytes()
    data = bytearray(zlib.compress(rows, seed % 10) + bytes(8))
    for position in random.integers(0, len(data), seed % 4 + 1):
        data[position] ^= 1 << int(random.integers(8))
    home = np.full((42, 90), 0xA5, np.uint8)
    with contextlib.suppress(*REFUSED):
        decoder = core.png_decoder(bytes(data[: None if seed % 5 else len(data) // 2]), home[1:-1], 1)
        while not core.png_decode(decoder, 1):
            pass
    assert (home[[0, -1]] == 0xA5).all()
