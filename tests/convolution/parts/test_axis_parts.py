"""Parts of an axis: what they read, and how outputs are divided."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from convcli.convolution.borders import BorderKind, border_positions
from convcli.convolution.parts import axis_parts
from convcli.convolution.parts.axis_parts import AxisPart, axis_part, split_outputs
from convcli.sizes.windowed import Axis


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    axis = Axis(
        side=draw(st.integers(1, 30)),
        window=draw(st.integers(1, 6)),
        before=draw(st.integers(0, 40)),
        after=draw(st.integers(0, 40)),
        stride=draw(st.integers(1, 8)),
        dilation=draw(st.integers(1, 9)),
    )
    assume(axis.output > 0)
    return axis


def shown(part: AxisPart) -> list[int]:
    """Return the source of each position under the windows of a part, -1 where the border's value is."""
    read = np.array([*chain.from_iterable(range(*run) for run in part.reads)], int)
    sources = read if part.picks is None else read[part.picks]
    if not part.reads:
        assert (part.axis.side, part.axis.after) == (1, 0)
        return [-1] * part.axis.before
    assert len(sources) == part.axis.side
    numbers: list[int] = sources.tolist()
    return [-1] * part.axis.before + numbers + [-1] * part.axis.after


@given(axes(), st.sampled_from(BorderKind), st.sampled_from([0, 2, 32]), st.data())
def test_taps_read_what_they_read_of_the_whole_axis(
    axis: Axis, kind: BorderKind, gap: int, data: st.DataObject
) -> None:
    start = data.draw(st.integers(0, axis.output - 1))
    stop = data.draw(st.integers(start + 1, axis.output))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(axis_parts, "MIN_GAP", gap)
        part = axis_part(axis, kind, start, stop)
    assert part.count == stop - start
    assert part.axis.output in ([part.count] if part.reads else [part.count, part.count + 1])
    found, whole = shown(part), border_positions(axis, kind)
    for output in range(part.count):
        for tap in range(axis.window):
            position = output * axis.stride + tap * axis.dilation
            assert found[position] == whole[start * axis.stride + position]
    needed = {
        whole[output * axis.stride + tap * axis.dilation]
        for output in range(start, stop)
        for tap in range(axis.window)
    } - {-1}
    read = [*chain.from_iterable(range(*run) for run in part.reads)]
    assert needed <= set(read)
    assert read == sorted(set(read))
    assert gap or set(read) == needed


@given(axes(), st.data())
def test_each_output_belongs_to_the_chunk_of_its_center(axis: Axis, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, axis.side), max_size=5).map(sorted))
    chunks = np.diff([0, *cuts, axis.side]).tolist()
    parts = split_outputs(axis, chunks)
    assert [*chain.from_iterable(range(*part) for part in parts)] == [*range(axis.output)]
    bounds = np.cumsum(chunks)
    for start, stop in parts:
        assert start < stop
        centers = [
            output * axis.stride - axis.before + (axis.extent - 1) // 2 for output in range(start, stop)
        ]
        owners = {
            int(np.searchsorted(bounds, min(max(center, 0), axis.side - 1), "right")) for center in centers
        }
        assert len(owners) == 1
        assert centers[-1] - centers[0] < max(3 * max(chunks), 1)


def test_chunks_of_a_filter_stay_where_they_are() -> None:
    axis = Axis(side=100, window=5, before=2, after=2)
    assert split_outputs(axis, (30, 30, 40)) == [(0, 30), (30, 60), (60, 100)]
