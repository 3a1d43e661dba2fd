"""Summaries of networks: the lines below their tables on a terminal, and their costs in bytes."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

from convcli.cli.terminal.output import escaped
from convcli.networks.costs.units import FLOPS_PER_MAC, Dtype
from convcli.networks.layer_types.dense import Dense
from convcli.networks.network import Network, Port
from convcli.networks.stages import Stage
from convcli.networks.tables import receptive_field_texts
from convcli.sizes.text import counted, format_size

__all__ = [
    "CostUnits",
    "comparison_summary",
    "cost_lines",
    "dense_on_images",
    "format_bytes",
    "params_summary",
    "shape_summary",
    "uncounted",
]

FOLDED = "exporters may fold normalization into convolutions"
MAX_NAMED = 5  # types of operations in a message


class CostUnits(NamedTuple):
    """Number type and mini-batch size for which costs are given."""

    dtype: Dtype = Dtype.FP32
    batch: int = 1

    def record(self, network: Network) -> dict[str, object]:
        """Return the JSON entries about the costs of a network."""
        return {
            "dtype": str(self.dtype),
            "batch": self.batch,
            "weight_bytes": _times(network.params, self.dtype.size),
            "batch_macs": _times(network.macs, self.batch),
            "batch_flops": _times(network.macs, FLOPS_PER_MAC * self.batch),
            "batch_activations": _times(network.activations, self.batch),
            "batch_peak_activations": _times(network.peak_activations, self.batch),
        }


def _times(count: int | None, factor: int) -> int | None:
    return None if count is None else count * factor


READ_PARTS = {1: "positions", 2: "rows and columns", 3: "slices, rows and columns"}  # by the number of axes


def shape_summary(network: Network) -> list[tuple[str, str]]:
    """Return the lines below a table of sizes."""
    outputs = _ports("outputs", network.outputs) or [("output", format_size(network.output))]
    lines = [*_ports("inputs", network.inputs), *outputs]
    lines += [*_receptive_field(network), *dense_on_images(network)]
    unread = [stage for stage in network.layers if stage.axes and any(a.unread_count() for a in stage.axes)]
    if unread:
        rank = max(len(stage.axes or ()) for stage in unread)
        lines.append(("unread", f"{READ_PARTS[rank]} of a layer's input that no window reads"))
    lines += [
        (
            "misaligned",
            f"{_place(stage)}: the first units of its branches are centered at {stage.misaligned}",
        )
        for stage in network.layers
        if stage.misaligned
    ]
    return lines + _unused(network)


def _unused(network: Network) -> list[tuple[str, str]]:
    """Point out layers of a text whose output nothing reads, which is seldom intended."""
    stages = () if network.model_file else network.unused[:MAX_NAMED]
    remedy = "write out { } after it to make its output one of the network"
    return [("unused", f"{_place(stage)}: no layer reads it; {remedy}") for stage in stages]


def _place(stage: Stage) -> str:
    """Return the text of a layer, and where it stands."""
    return escaped(f"{stage.text} ({stage.place})" if stage.place else stage.text)


def _receptive_field(network: Network) -> list[tuple[str, str]]:
    if network.fields is None:
        return []
    size, jump, center = receptive_field_texts(network.fields)
    if size == "all":
        extent = "the whole image" if len(network.fields) == 2 else "the whole input"
    else:
        extent = "x".join([size] * len(network.fields)) if size.isdecimal() else size
    return [("field", f"receptive field {extent}, stride (jump) {jump}, first unit centered at {center}")]


def dense_on_images(network: Network) -> list[tuple[str, str]]:
    """Point out a dense layer of a text that is applied at each pixel, which is seldom intended."""
    for stage in () if network.model_file else network.layers:
        if isinstance(stage.layer, Dense) and prod(stage.input[:-1]) > 1:
            size, places = format_size(stage.input[:-1]), "positions" if len(stage.input) == 2 else "pixels"
            return [
                (
                    stage.text,
                    f"is applied at each of {size} {places}; put flatten before it to get one vector",
                )
            ]
    return []


def params_summary(network: Network, costs: CostUnits) -> list[tuple[str, str]]:
    """Return the lines below a table of parameters."""
    ports = [*_ports("inputs", network.inputs), *_ports("outputs", network.outputs)]
    if network.batch > 1:
        ports.append(
            ("batch", f"the file computes {network.batch:,} inputs at once; counts are for one of them")
        )
    if network.unused_params:
        count = network.unused_params
        ports.append(("unused", f"{count:,} of the parameters, which no layer needs to compute the output"))
    lines = [*cost_lines(network, costs), *ports, *_receptive_field(network), *dense_on_images(network)]
    return lines + _unused(network)


def _ports(label: str, ports: Sequence[Port]) -> list[tuple[str, str]]:
    """Return a line with the names and sizes of several inputs or outputs."""
    texts = [f"{escaped(port.name)} {format_size(port.size)}".lstrip() for port in ports]
    return [(label, ", ".join(texts))] if texts else []


def uncounted(network: Network) -> str:
    """Say which operations of a model file are not counted.

    Examples
    --------
    >>> from convcli.networks.layer_types.file_operation import FileOperation
    >>> from convcli.networks.network import single_layer
    >>> foo = FileOperation(type="com.acme.Foo", size=(4,), parameters=None, products=None, is_known=False)
    >>> uncounted(single_layer(foo, (4,)))
    '1 operation not counted: com.acme.Foo'
    """
    count, names = sum(network.unknown.values()), list(network.unknown)
    listed = ", ".join(map(escaped, names[:MAX_NAMED]))
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{counted(count, 'operation')} not counted: {listed}{more}"


def _at_least(known: int, count: int | None) -> str:
    """Return a count, or what is known of it."""
    return f"at least {known:,}" if count is None else f"{count:,}"


def cost_lines(network: Network, costs: CostUnits) -> list[tuple[str, str]]:
    """Return the lines of parameters, MACs and activations, with their bytes and for a mini-batch."""
    dtype, batch, per_mac = costs.dtype, costs.batch, FLOPS_PER_MAC * costs.batch
    params = _at_least(network.known_params, network.params)
    macs = _at_least(network.known_macs * batch, _times(network.macs, batch))
    flops = _at_least(network.known_macs * per_mac, _times(network.macs, per_mac))
    unknown = [uncounted(network)] if network.params is None or network.macs is None else []
    stored = [FOLDED] if network.is_stored else []
    params_notes = " stored" * network.is_stored + _in_parentheses(unknown + stored)
    statistics = f", and {network.statistics:,} running statistics" if network.statistics else ""
    per_batch = f" for a mini-batch of {batch}" if batch > 1 else ""
    lines = [
        (
            "params",
            f"{params}{params_notes}{statistics}; "
            f"{format_bytes(network.known_params * dtype.size)} as {dtype}",
        ),
        (
            "MACs",
            f"{macs}{_in_parentheses(unknown)}{per_batch}: multiply-accumulates "
            "(bias, normalization and activation not counted); "
            f"{flops} FLOPs, {FLOPS_PER_MAC} each",
        ),
    ]
    if network.activations is not None and network.peak_activations is not None:
        activations, peak = network.activations * batch, network.peak_activations * batch
        lines.append(
            (
                "activations",
                f"{activations:,} values{per_batch}, {format_bytes(activations * dtype.size)}; during "
                f"inference, at least {peak:,} values, {format_bytes(peak * dtype.size)}, are held at once",
            )
        )
    return lines


def _in_parentheses(notes: Sequence[str]) -> str:
    return f" ({'; '.join(notes)})" if notes else ""


def comparison_summary(first: Network, second: Network) -> list[tuple[str, str]]:
    """Return the lines below a comparison of two networks."""
    return [
        *_notes("first", first),
        *_notes("second", second),
        ("params", _difference(first.known_params, second.known_params)),
        ("MACs", _difference(first.known_macs, second.known_macs)),
        ("marks", "< only in the first, > only in the second, ! output, parameters or MACs differ"),
    ]


def _notes(label: str, network: Network) -> list[tuple[str, str]]:
    """Return a line about a model file whose counts are not those of the learned network."""
    stored = [f"parameters are those stored: {FOLDED}"] * network.is_stored
    notes = [*stored, *([uncounted(network)] if network.unknown else [])]
    return [(label, "; ".join(notes))] if notes else []


def _difference(first: int, second: int) -> str:
    ratio = f", {second / first:.2f} times as many" if first and max(first, second) < 1 << 500 else ""
    return f"{first:,} and {second:,}: {second - first:+,}{ratio}"


def format_bytes(count: int) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> format_bytes(46_758_048), format_bytes(300)
    ('46,758,048 bytes (44.6 MiB)', '300 bytes')
    """
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        tenths = (20 * count + size) // (2 * size)
        if tenths >= 10:
            return f"{count:,} bytes ({tenths // 10:,}.{tenths % 10} {unit})"
    return f"{count} bytes"
