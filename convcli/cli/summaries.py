"""What a person is told below the tables of networks."""

from convcli.cli.forms import Costs
from convcli.network.networks import Network
from convcli.network.tables import field_texts
from convcli.size_texts import format_size

__all__ = ["bytes_text", "comparison_summary", "params_summary", "shape_summary"]


def shape_summary(network: Network) -> list[tuple[str, str]]:
    """Return what a person is told below the sizes."""
    lines = [("output", format_size(network.output)), *_features(network)]
    unread = [stage for stage in network.layers if stage.axes and any(a.unread_count() for a in stage.axes)]
    if unread:
        lines.append(("unread", "rows x columns of a layer's input that none of its windows reads"))
    lines += [
        ("misaligned", f"{stage.text} ({stage.place}): its branches' first units are at {stage.misaligned}")
        for stage in network.layers
        if stage.misaligned
    ]
    return lines


def _features(network: Network) -> list[tuple[str, str]]:
    if network.fields is None:
        return []
    size, jump, centre = field_texts(network.fields)
    seen = "all of the image" if size == "all" else f"{size} pixels" + " each way" * size.isdecimal()
    return [("features", f"a unit sees {seen}; units are {jump} apart, the first is centred on {centre}")]


def params_summary(network: Network, costs: Costs) -> list[tuple[str, str]]:
    """Return what a person is told below the parameters."""
    dtype, batch = costs.dtype, costs.batch
    params, macs, peak = network.params or 0, network.macs or 0, network.peak_activations or 0
    statistics = f", and {network.statistics:,} running statistics" if network.statistics else ""
    of_batch = f" for a mini-batch of {batch}" if batch > 1 else ""
    activations = (network.activations or 0) * batch
    return [
        ("params", f"{params:,}{statistics}; {bytes_text(params * dtype.size)} as {dtype}"),
        ("MACs", f"{macs * batch:,}{of_batch}: multiply-accumulates, no bias, normalisation or activation"),
        (
            "activations",
            f"{activations:,}{of_batch}, {bytes_text(activations * dtype.size)}; at inference at most "
            f"{peak * batch:,} at once, {bytes_text(peak * batch * dtype.size)}",
        ),
        *_features(network),
    ]


def comparison_summary(first: Network, second: Network) -> list[tuple[str, str]]:
    """Return what a person is told below two networks."""
    return [
        ("params", _change(first.params or 0, second.params or 0)),
        ("MACs", _change(first.macs or 0, second.macs or 0)),
        ("marks", "< and > only in the one or in the other; ! another output, other parameters or MACs"),
    ]


def _change(first: int, second: int) -> str:
    ratio = f", {second / first:.2f} times as many" if first and max(first, second) < 1 << 500 else ""
    return f"{first:,} and {second:,}: {second - first:+,}{ratio}"


def bytes_text(count: int) -> str:
    """Write a number of bytes.

    Examples
    --------
    >>> bytes_text(46_758_048), bytes_text(300)
    ('46,758,048 bytes (44.5 MiB)', '300 bytes')
    """
    for unit, size in (("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= size:
            return f"{count:,} bytes ({count // size:,}.{count % size * 10 // size} {unit})"
    return f"{count} bytes"
