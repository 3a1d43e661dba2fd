"""Dask arrays: a lazy result, of which each block reads the pixels under its windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, product
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.convolution.parts.axis_parts import AxisPart, axis_part, split_outputs
from convcli.convolution.parts.operation import Operation, run_part
from convcli.errors import ImageError
from convcli.late_numpy import np
from convcli.pictures.arrays import check_unmasked

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from convcli.sizes.windowed import Axis

__all__ = ["lazy_result"]


class _Piece(NamedTuple):
    """Pixels of one chunk along an axis that a part reads: `start` to before `stop`, counted in the chunk."""

    chunk: int
    start: int
    stop: int
    is_whole: bool


def lazy_result(image: Any, operation: Operation, jobs: int | None) -> Any:
    """Return the result of an operation on a Dask array as a Dask array; nothing is computed.

    A block of the result lies where a chunk of the image lies. Of the chunks around, its task gets only the
    rows and columns that it reads.

    Parameters
    ----------
    image : dask.array.Array
    operation : Operation
    jobs : int, optional
        Maximum number of threads of each task (default: 1, as Dask runs several tasks at once).

    Raises
    ------
    ImageError
        The chunks are not numpy's.
    """
    import dask.array  # late: most arrays are not Dask's
    from dask.base import tokenize
    from dask.highlevelgraph import HighLevelGraph

    meta = getattr(image, "_meta", None)
    if type(meta) is not np.ndarray:
        kind = f"{type(meta).__module__.partition('.')[0]}.{type(meta).__name__}"
        raise ImageError(f"chunks of {kind}", "must be plain numpy arrays; convert them first")
    if operation.joins_channels and image.ndim == 3:
        image = image.rechunk({2: -1})
    token = tokenize(image.name, operation, jobs)
    name, cut = f"{operation.name}-{token}", f"{operation.name}-cut-{token}"
    # A value of its own in the graph: each worker gets it once, however many large filters it holds.
    planned = f"{operation.name}-plan-{token}"
    rows, columns = (
        _parts(axis, operation, chunks)
        for axis, chunks in zip((operation.rows, operation.columns), image.chunks, strict=False)
    )
    graph: dict[Any, Any] = {planned: operation}

    def key_of(row: _Piece, column: _Piece, depth: tuple[int, ...]) -> tuple[Any, ...]:
        whole = (image.name, row.chunk, column.chunk, *depth)
        if row.is_whole and column.is_whole:
            return whole
        bounds = row.start, row.stop, column.start, column.stop
        key = (cut, *whole[1:], *bounds)
        graph[key] = (_cut, whole, *bounds)
        return key

    for (i, (down, row_pieces)), (j, (across, column_pieces)) in product(enumerate(rows), enumerate(columns)):
        for depth in np.ndindex(tuple(map(len, image.chunks[2:]))):
            pieces = [[key_of(row, column, depth) for column in column_pieces] for row in row_pieces]
            channels = [chunks[number] for chunks, number in zip(image.chunks[2:], depth, strict=True)]
            place = (i, j, *depth)[: len(operation.shape)]
            graph[name, *place, *[0] * (len(operation.shape) - len(place))] = (
                _compute, planned, down, across, pieces, channels, jobs or 1,
            )  # fmt: skip
    depths = [(side,) for side in operation.shape[2:]] if operation.joins_channels else image.chunks[2:]
    array: Any = dask.array.Array
    return array(
        HighLevelGraph.from_collections(name, graph, dependencies=[image]),
        name,
        (*[tuple([part.count for part, _ in parts]) for parts in (rows, columns)], *depths),
        meta=np.empty((0,) * len(operation.shape), operation.dtype),
    )


def _parts(axis: Axis, operation: Operation, chunks: Sequence[int]) -> list[tuple[AxisPart, list[_Piece]]]:
    """Return the parts of an axis, one for each chunk with outputs, and the pieces that each reads."""
    starts = [0, *accumulate(chunks)][:-1]
    found = []
    for outputs in split_outputs(axis, chunks):
        part = axis_part(axis, operation.border, *outputs)
        pieces = [piece for low, high in part.reads for piece in _pieces(low, high, starts, chunks)]
        found.append((part, pieces))
    return found


def _pieces(low: int, high: int, starts: Sequence[int], chunks: Sequence[int]) -> list[_Piece]:
    first, last = int(np.searchsorted(starts, low, "right")) - 1, int(np.searchsorted(starts, high))
    found = []
    for number in range(first, last):
        start, stop = max(low - starts[number], 0), min(high - starts[number], chunks[number])
        if start < stop:
            found.append(_Piece(number, start, stop, stop - start == chunks[number]))
    return found


def _cut(chunk: NDArray[Any], top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
    """Return part of a chunk: a copy, so that the chunk need not stay in memory for a few of its rows."""
    return chunk[top:bottom, left:right].copy()


def _compute(
    operation: Operation,
    rows: AxisPart,
    columns: AxisPart,
    pieces: list[list[NDArray[Any]]],
    channels: list[int],
    jobs: int,
) -> NDArray[Any]:
    """Return a block of the result, from the pieces of chunks that it reads."""
    check_unmasked([piece for line in pieces for piece in line], "array", ImageError)
    lines = [line[0] if len(line) == 1 else np.concatenate(line, 1) for line in pieces if line]
    block = np.concatenate(lines) if len(lines) > 1 else lines[0] if lines else np.empty((0, 0, *channels))
    return run_part(operation, block, rows, columns, jobs)
