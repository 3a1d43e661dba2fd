"""The shapes that all readers of model files compute are those of numpy."""

from itertools import product

import numpy as np
import pytest

from convcli.networks.models.einsum import read_einsum
from convcli.networks.models.shapes import (
    broadcast_shape,
    fitted_shape,
    matmul_shape,
    shape_in_file,
    size_without_batch,
)

SHAPES = [(), (1,), (3,), (0,), (2, 1), (1, 3), (2, 3), (4, 1, 3), (4, 2, 1)]
TARGETS = [(-1,), (6,), (2, -1), (-1, -1), (0, 5), (4, -1), ()]


@pytest.mark.parametrize("shapes", [*product(SHAPES, SHAPES), ((4, 1, 1), (2, 1), (3,))])
def test_broadcasting(shapes: tuple[tuple[int, ...], ...]) -> None:
    try:
        expected = np.broadcast_shapes(*shapes)
    except ValueError:
        expected = None
    assert broadcast_shape(*shapes) == expected


@pytest.mark.parametrize(("first", "second"), [*product([*SHAPES, (3, 5), (7, 3, 5)], repeat=2)])
def test_products(first: tuple[int, ...], second: tuple[int, ...]) -> None:
    try:
        expected = np.matmul(np.zeros(first), np.zeros(second)).shape
    except ValueError:
        with pytest.raises(ValueError, match="multipl"):
            matmul_shape(first, second)
    else:
        assert matmul_shape(first, second) == expected


@pytest.mark.parametrize(("shape", "sides"), [*product(SHAPES, TARGETS)])
def test_reshaping(shape: tuple[int, ...], sides: tuple[int, ...]) -> None:
    try:
        expected = np.zeros(shape).reshape(sides).shape
    except ValueError:
        expected = None
    assert fitted_shape(shape, sides) == expected


@pytest.mark.parametrize(
    ("equation", "shapes", "macs", "units"),
    [
        ("bij,bjk->bik", [(8, 2, 3), (8, 3, 4)], 8 * 2 * 3 * 4, None),
        ("...ij, ...jk -> ...ik", [(5, 1, 2, 3), (6, 3, 4)], 5 * 6 * 2 * 3 * 4, None),
        ("ij,jk", [(2, 3), (3, 4)], 2 * 3 * 4, 4),
        ("...c,dc->...d", [(1, 7, 7, 64), (10, 64)], 7 * 7 * 64 * 10, 10),
        ("ji,jk", [(3, 2), (3, 4)], 2 * 3 * 4, None),
        ("ba", [(2, 3)], 0, None),
        ("...ii->...i", [(5, 3, 3)], 0, None),
        ("ij,kj->", [(2, 3), (4, 3)], 3, None),  # i and k are summed first
        ("ab,bc,cd->ad", [(2, 3), (3, 4), (4, 5)], 2 * 3 * 4 + 2 * 4 * 5, None),
        ("i,i", [(3,), (1,)], 3, None),
    ],
)
def test_einsum(equation: str, shapes: list[tuple[int, ...]], macs: int, units: int | None) -> None:
    einsum = read_einsum(equation, shapes)
    assert einsum.shape == np.einsum(equation, *map(np.zeros, shapes)).shape
    assert (einsum.macs, einsum.units) == (macs, units)


@pytest.mark.parametrize(
    ("equation", "shapes"), [("i,j", [(2,)]), ("ij", [(2,)]), ("i->j", [(2,)]), ("ij,jk", [(2, 3), (4, 5)])]
)
def test_equations_that_do_not_fit(equation: str, shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match="equation"):
        read_einsum(equation, shapes)


@pytest.mark.parametrize("axis", range(4))
def test_channels_move_last_and_back(axis: int) -> None:
    shape = (1, 3, 5, 7)
    batch = min(axis, 1)
    size = size_without_batch(shape, axis)
    assert size == np.moveaxis(np.zeros(shape), axis, -1).shape[batch:]
    assert shape_in_file(size, axis, shape) == shape
