"""Layers and networks as JSON records, and the answers for a single layer given by options."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from convcli.cli.reports.table_formats import TableFormat, print_table
from convcli.cli.terminal.output import labeled_text, message, write, write_json
from convcli.networks.layer_types.base import AnyAxis, Size, rank_of, sum_if_known
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.pooling import Pooling
from convcli.networks.network import Network, Port, single_layer
from convcli.networks.rows import Row
from convcli.networks.stages import ReceptiveFields, Stage
from convcli.sizes.axes import size_formulas
from convcli.sizes.per_axis import axis_names
from convcli.sizes.text import channels_last, format_padding, format_size
from convcli.sizes.transposed import TransposedAxis
from convcli.sizes.windowed import Axis

__all__ = [
    "dense_record",
    "groups_record",
    "network_record",
    "note_channels_first",
    "report_size",
    "unsized_record",
]

MAX_RANGES = 1000  # ranges of unread pixels listed in JSON
MAX_SHOWN = 4  # and on a terminal
UNREAD_PARTS = {1: ("position",), 2: ("row", "column"), 3: ("slice", "row", "column")}
ALL_PARTS = {1: "position", 2: "row and column", 3: "slice, row and column"}
UNREAD_KEYS = {  # by the number of axes
    1: ("unread_rows",),
    2: ("unread_rows", "unread_columns"),
    3: ("unread_slices", "unread_rows", "unread_columns"),
}
SIZE_DEPENDENT_KEYS = (
    "input", "output", "macs", "activations", "peak_activations", "padding", "unread_rows", "unread_columns",
    "unread_slices",
    "batch_macs", "batch_flops", "batch_activations", "batch_peak_activations",
)  # fmt: skip


def report_size(layer: Convolution | Pooling, size: Size, output_format: TableFormat) -> Network:
    """Print the output size: as JSON, as a table, explained on a terminal, or alone; return the network."""
    network = single_layer(layer, size)
    text = f"{format_size(network.output)}\n"
    if output_format == TableFormat.JSON:
        write_json(network_record(network))
    elif output_format in (TableFormat.CSV, TableFormat.MARKDOWN):
        from convcli.networks.tables import shape_table  # late: most answers are no tables

        print_table(shape_table(network), output_format)
    elif output_format == TableFormat.TEXT:
        write(f"{text}\n{_explanation(layer.for_input(network.input), network.input)}")
    else:
        write(text)
    note_channels_first(size)
    return network


def note_channels_first(size: Size) -> None:
    """Print a note about an input that looks as if its channels came first."""
    swapped = channels_last(size)
    if swapped is not None:
        *sides, channels = size
        described = ", ".join(
            f"{name} {side}" for name, side in zip(axis_names(len(sides)), sides, strict=True)
        )
        message(
            "note",
            f"input {format_size(size)} has {described} and {channels} channels; if its "
            f"channels come first, give {format_size(swapped)}",
        )


# JSON -----------------------------------------------------------------------------------------------------


def network_record(network: Network) -> dict[str, Any]:
    """Return the JSON record of a network."""
    return {
        "input": _size(network.input),
        "layers": [_layer_record(stage) for stage in network.layers],
        "output": _size(network.output),
        "params": network.params,
        "statistics": network.statistics,
        "macs": network.macs,
        "activations": network.activations,
        "peak_activations": network.peak_activations,
        **_fields_record(network.fields),
        **(_file_record(network) if network.model_file else {}),
        **({"inputs": _ports(network.inputs)} if network.inputs else {}),
        **({"outputs": _ports(network.outputs)} if network.outputs else {}),
    }


def _file_record(network: Network) -> dict[str, Any]:
    """Return the JSON entries about a model file: what was counted, and what was not."""
    unknown = [{"type": name, "count": count} for name, count in network.unknown.items()]
    at_least = {"params": network.known_params, "macs": network.known_macs}
    return {
        "counts": "stored" if network.is_stored else "learned",
        "file_batch": network.batch,
        "unknown": unknown,
        **({"unused_params": network.unused_params} if network.unused_params else {}),
        **({"at_least": at_least} if unknown else {}),
    }


def _ports(ports: Sequence[Port]) -> list[dict[str, Any]]:
    return [{"name": port.name or None, "size": _size(port.size)} for port in ports]


def _size(size: Size) -> str | None:
    """Return a size as text; None if it is unknown."""
    return format_size(size) if size else None


def unsized_record(record: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a network of unknown input size: null for all that depends on it."""
    for part in (record, *record["layers"]):
        part.update({key: None for key in SIZE_DEPENDENT_KEYS if key in part})
    return record


def _layer_record(stage: Stage) -> dict[str, Any]:
    """Return the JSON record of a layer: null for what does not apply to it."""
    position = stage.position
    return {
        "text": stage.text,
        "type": str(stage.layer.type),
        "line": None if position is None else position.line,
        "column": None if position is None else position.column,
        "input": _size(stage.input),
        "output": _size(stage.output),
        "params": stage.params,
        "statistics": stage.statistics,
        "macs": stage.macs,
        "activations": stage.activations,
        "weights": None if stage.weights is None else format_size(stage.weights),
        "bias": None if stage.biases is None else format_size(stage.biases),
        "connections": stage.connections,
        **_geometry_record(stage),
        **_fields_record(stage.fields),
        "misaligned": stage.misaligned or None,
        "depth": stage.depth,
        "tags": stage.tags,
        "reads": stage.input_tensors,
        "writes": stage.output_tensor,
        "name": stage.name or None,
    }


def dense_record(stage: Stage) -> dict[str, Any] | None:
    """Return the JSON record of the dense layer that could replace a convolution; None for other layers."""
    dense = stage.dense_equivalent
    if dense is None:
        return None
    return {
        "text": dense.text,
        "params": dense.params,
        "macs": dense.macs,
        "connections": dense.connections,
        "params_ratio": _ratio(dense.params or 0, stage.params or 0),
        "macs_ratio": _ratio(dense.macs or 0, stage.macs or 0),
    }


def groups_record(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return a JSON record for each row of a table whose rows stand for several layers."""
    return [
        {
            "text": row.label if len(row.stages) > 1 else row.stages[0].text,
            "name": row.module or None,
            "layers": len(row.stages),
            "output": _size(row.stages[-1].output),
            **{
                key: sum_if_known(getattr(stage, key) for stage in row.stages)
                for key in ("params", "statistics", "macs", "activations")
            },
        }
        for row in rows
    ]


def _ratio(large: int, small: int) -> float | None:
    try:
        return large / small
    except (OverflowError, ZeroDivisionError):
        return None


def _geometry_record(stage: Stage) -> dict[str, Any]:
    axes = stage.axes
    if axes is None:
        return dict.fromkeys(("filter", "padding", "stride", "dilation", "unread_rows", "unread_columns"))
    windows = [axis if isinstance(axis, Axis | TransposedAxis) else None for axis in axes]
    filters, strides, dilations = (
        None if None in windows else format_size([getattr(axis, name) for axis in windows])
        for name in ("window", "stride", "dilation")
    )
    amounts: Any = tuple((axis.before, axis.after) for axis in axes)
    unread = dict(zip(UNREAD_KEYS[len(axes)], map(_unread_record, axes), strict=True))
    return {
        "filter": filters,
        "padding": format_padding(amounts),
        "stride": strides,
        "dilation": dilations,
        "unread_rows": unread.pop("unread_rows"),
        "unread_columns": unread.pop("unread_columns", None),
        **unread,
    }


def _unread_record(axis: AnyAxis) -> dict[str, Any]:
    return {"count": axis.unread_count(), "ranges": list(islice(axis.unread_ranges(), MAX_RANGES))}


def _fields_record(fields: ReceptiveFields | None) -> dict[str, Any]:
    """Return receptive field, jump and centre, each as [vertical, horizontal], or a number per axis."""
    if fields is None:
        return {"receptive_field": None, "jump": None, "centre": None}
    return {
        "receptive_field": [field.size for field in fields],
        "jump": [_number(field.jump) for field in fields],
        "centre": [_number(field.center) for field in fields],
    }


def _number(number: Any) -> int | float:
    """Return a fraction as a float, or as an int if it is beyond the range of floats."""
    try:
        return number if isinstance(number, int | float) else float(number)
    except OverflowError:
        return int(number)


# For a person ---------------------------------------------------------------------------------------------


def _explanation(layer: Convolution | Pooling, size: Size) -> str:
    axes, rank = layer.axes(size), rank_of(size)
    sides = axis_names(rank)
    lines = size_formulas(axes)
    if isinstance(layer, Pooling):
        lines.append(("params", "none: pooling learns nothing, and pools each channel separately"))
    elif layer.filters is not None:
        label = "depth" if rank == 2 else "channels"  # depth is a side of a volume
        one = "the filter" if layer.filters == 1 else f"each of the {layer.filters} filters"
        lines.append((label, f"one feature map for {one}"))
    parts = UNREAD_PARTS[rank]
    if all(axis.unread_count() == 0 for axis in axes):
        lines.append(("unread", f"none: every input {ALL_PARTS[rank]} is read"))
    else:
        texts = [_unread(axis, part, side) for axis, part, side in zip(axes, parts, sides, strict=True)]
        lines += zip(["unread"] + [""] * (rank - 1), texts, strict=True)
    return labeled_text(lines)


def _unread(axis: Axis, name: str, side: str) -> str:
    count = axis.unread_count()
    if count is None:
        return f"{name}s not counted: the filter is too large"
    if count == 0:
        return f"no {name}"
    ranges = [
        f"{first}" if first == last else f"{first}..{last}"
        for first, last in islice(axis.unread_ranges(), MAX_SHOWN + 1)
    ]
    listed = ", ".join(ranges[:MAX_SHOWN]) + (", ..." if len(ranges) > MAX_SHOWN else "")
    leaves_gaps = axis.stride > axis.extent
    from convcli.sizes.searching import fully_read_sides  # late: only for a person, and unread pixels

    lossless = [f"{nearest}" for nearest in fully_read_sides(axis) if nearest and not leaves_gaps]
    if lossless:
        advice = f"input {side}s with no unread {name}s: {', '.join(lossless)}"
    else:
        advice = f"the windows leave gaps at every {side} near {axis.side}"
    return f"{name}{'s'[: count != 1]} {listed}, counted from 0 ({count} of {axis.side}); {advice}"
