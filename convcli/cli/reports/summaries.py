"""Summaries of networks: the lines below their tables on a terminal, and their costs in bytes."""

from math import prod
from typing import NamedTuple

from convcli.networks.costs.units import FLOPS_PER_MAC, Dtype
from convcli.networks.layer_types.dense import Dense
from convcli.networks.network import Network
from convcli.networks.tables import receptive_field_texts
from convcli.sizes.text import format_size

__all__ = [
    "CostUnits",
    "comparison_summary",
    "cost_lines",
    "dense_on_images",
    "format_bytes",
    "params_summary",
    "shape_summary",
]


class CostUnits(NamedTuple):
    """Number type and mini-batch size for which costs are given."""

    dtype: Dtype = Dtype.FP32
    batch: int = 1

    def record(self, network: Network) -> dict[str, object]:
        """Return the JSON entries about the costs of a network."""
        params, activations = network.params or 0, network.activations or 0
        return {
            "dtype": str(self.dtype),
            "batch": self.batch,
            "weight_bytes": params * self.dtype.size,
            "batch_macs": (network.macs or 0) * self.batch,
            "batch_flops": FLOPS_PER_MAC * (network.macs or 0) * self.batch,
            "batch_activations": activations * self.batch,
            "batch_peak_activations": (network.peak_activations or 0) * self.batch,
        }


def shape_summary(network: Network) -> list[tuple[str, str]]:
    """Return the lines below a table of sizes."""
    lines = [("output", format_size(network.output)), *_receptive_field(network), *dense_on_images(network)]
    unread = [stage for stage in network.layers if stage.axes and any(a.unread_count() for a in stage.axes)]
    if unread:
        lines.append(("unread", "rows and columns of a layer's input that no window reads"))
    lines += [
        (
            "misaligned",
            f"{stage.text} ({stage.position}): the first units of its branches are centered at "
            f"{stage.misaligned}",
        )
        for stage in network.layers
        if stage.misaligned
    ]
    return lines


def _receptive_field(network: Network) -> list[tuple[str, str]]:
    if network.fields is None:
        return []
    size, jump, center = receptive_field_texts(network.fields)
    extent = "the whole image" if size == "all" else f"{size}x{size}" if size.isdecimal() else size
    return [("field", f"receptive field {extent}, stride (jump) {jump}, first unit centered at {center}")]


def dense_on_images(network: Network) -> list[tuple[str, str]]:
    """Point out a dense layer that is applied at each pixel, which is seldom intended."""
    for stage in network.layers:
        if isinstance(stage.layer, Dense) and prod(stage.input[:-1]) > 1:
            size = format_size(stage.input[:-1])
            return [
                (stage.text, f"is applied at each of {size} pixels; put flatten before it to get one vector")
            ]
    return []


def params_summary(network: Network, costs: CostUnits) -> list[tuple[str, str]]:
    """Return the lines below a table of parameters."""
    return [*cost_lines(network, costs), *_receptive_field(network), *dense_on_images(network)]


def cost_lines(network: Network, costs: CostUnits) -> list[tuple[str, str]]:
    """Return the lines of parameters, MACs and activations, with their bytes and for a mini-batch."""
    dtype, batch = costs.dtype, costs.batch
    params, macs = network.params or 0, network.macs or 0
    statistics = f", and {network.statistics:,} running statistics" if network.statistics else ""
    per_batch = f" for a mini-batch of {batch}" if batch > 1 else ""
    activations, peak = (network.activations or 0) * batch, (network.peak_activations or 0) * batch
    return [
        ("params", f"{params:,}{statistics}; {format_bytes(params * dtype.size)} as {dtype}"),
        (
            "MACs",
            f"{macs * batch:,}{per_batch}: multiply-accumulates "
            "(bias, normalization and activation not counted); "
            f"{FLOPS_PER_MAC * macs * batch:,} FLOPs, {FLOPS_PER_MAC} each",
        ),
        (
            "activations",
            f"{activations:,} values{per_batch}, {format_bytes(activations * dtype.size)}; during "
            f"inference, at least {peak:,} values, {format_bytes(peak * dtype.size)}, are held at once",
        ),
    ]


def comparison_summary(first: Network, second: Network) -> list[tuple[str, str]]:
    """Return the lines below a comparison of two networks."""
    return [
        ("params", _difference(first.params or 0, second.params or 0)),
        ("MACs", _difference(first.macs or 0, second.macs or 0)),
        ("marks", "< only in the first, > only in the second, ! output, parameters or MACs differ"),
    ]


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
