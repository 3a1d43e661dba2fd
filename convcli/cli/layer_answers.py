"""What is told of a layer: as JSON, explained to a person, or as the bare size."""

from itertools import islice
from typing import Any

from convcli.cli.output import answer_is_shown, shown, write, write_json
from convcli.network.layers import Convolution, Pooling, Size
from convcli.sizes import Axis, format_padding, format_size, lossless_sides

__all__ = ["answer_size", "layer_record", "network_record"]

MOST_RANGES = 1000  # ranges of unread pixels that JSON lists
MOST_SHOWN = 4  # and that a person is shown


def answer_size(layer: Convolution | Pooling, size: Size, *, json: bool) -> None:
    """Print the output size in the form that fits: JSON, explained, or the bare size."""
    if json:
        write_json(network_record(size, layer_record(layer, size)))
        return
    text = f"{format_size(layer.output(size))}\n"
    write(f"{text}\n{_explanation(layer, size)}" if answer_is_shown() else text)


def network_record(size: Size | None, layer: dict[str, Any]) -> dict[str, Any]:
    """Return what JSON has of a network of a single layer; its totals are that layer's."""
    totals = {key: layer[key] for key in ("output", "params", "macs")}
    return {"input": None if size is None else format_size(size), "layers": [layer]} | totals


def layer_record(layer: Convolution | Pooling, size: Size) -> dict[str, Any]:
    """Return what is known of a layer on an input of that size, as JSON has it."""
    rows, columns = layer.axes(size)
    channels = size[2] if len(size) > 2 else None
    params = 0 if isinstance(layer, Pooling) else None if channels is None else layer.params(channels)
    return {
        "text": layer.text,
        "type": layer.type,
        "output": format_size(layer.output(size)),
        "params": params,
        "macs": layer.macs(size),
        "filter": format_size(layer.window),
        "padding": format_padding(((rows.before, rows.after), (columns.before, columns.after))),
        "stride": format_size((rows.stride, columns.stride)),
        "dilation": format_size((rows.dilation, columns.dilation)),
        "unread_rows": _unread_record(rows),
        "unread_columns": _unread_record(columns),
    }


def _unread_record(axis: Axis) -> dict[str, Any]:
    return {"count": axis.unread_count(), "ranges": list(islice(axis.unread_ranges(), MOST_RANGES))}


def _explanation(layer: Convolution | Pooling, size: Size) -> str:
    rows, columns = layer.axes(size)
    lines = [("height", rows.formula()), ("width", columns.formula())]
    if isinstance(layer, Pooling):
        lines.append(("params", "none: pooling has nothing to learn, and every channel is pooled on its own"))
    elif layer.filters is not None:
        lines.append(("depth", f"one map for each of the {layer.filters} filters"))
    if rows.unread_count() == columns.unread_count() == 0:
        lines.append(("unread", "none: every input row and column is read"))
    else:
        lines += [("unread", _unread(rows, "row", "height")), ("", _unread(columns, "column", "width"))]
    return shown(lines)


def _unread(axis: Axis, name: str, side: str) -> str:
    count = axis.unread_count()
    if count is None:
        return f"{name}s not counted: the filter is too large"
    if count == 0:
        return f"no {name}"
    ranges = [
        f"{first}" if first == last else f"{first}..{last}"
        for first, last in islice(axis.unread_ranges(), MOST_SHOWN + 1)
    ]
    listed = ", ".join(ranges[:MOST_SHOWN]) + (", ..." if len(ranges) > MOST_SHOWN else "")
    near = [f"{nearest}" for nearest in lossless_sides(axis) if nearest]
    if near:
        advice = f"{side}s that lose none: {', '.join(near)}"
    else:
        advice = f"so at every {side} near {axis.side}: the windows leave gaps"
    return f"{name}{'s'[: count != 1]} {listed}, counted from 0 ({count} of {axis.side}); {advice}"
