"""The answers of ``convcli params`` for files of weights: what they hold, and whether they fit a network."""

from collections.abc import Mapping, Sequence
from typing import Any

from convcli.cli.options.declarations import check_exclusive
from convcli.cli.reports.expectations import Checks
from convcli.cli.reports.networks import build_source, check_has_channels, open_source
from convcli.cli.reports.summaries import format_bytes
from convcli.cli.reports.table_formats import TableFormat, print_table
from convcli.cli.terminal.output import write, write_json
from convcli.errors import ConvcliError, SpecError, UsageError
from convcli.networks.models.reading import ModelFile, is_state_dict
from convcli.networks.models.state_dicts.fitting import (
    Fit,
    Mismatch,
    fit_weights,
    needed_by_file,
    needed_by_layers,
)
from convcli.networks.models.state_dicts.loading import read_state_dict
from convcli.networks.models.state_dicts.tensors import StateDict, TensorGroup
from convcli.networks.network import Network
from convcli.networks.tables import Column, Table
from convcli.sizes.text import format_size, parse_count

__all__ = ["report_weights"]

MAX_LINES = 30  # of what does not fit, on a terminal


def report_weights(
    network: str,
    sizes: Sequence[str],
    weights: str | None,
    output_format: TableFormat,
    checks: Checks,
    depth: str | None,
    unsuited: Mapping[str, object],
) -> int:
    """Print what a file of weights holds, or with `weights` whether that file fits the network; return 0.

    Parameters
    ----------
    unsuited : mapping
        Options that go with neither, and their values.

    Raises
    ------
    UsageError
        An option makes no sense here.
    ConvcliError
        The weights do not fit, or a check fails.
    """
    if is_state_dict(network):
        also = {"--weights": weights, "--n": sizes, "--expect": checks.expect}
        for option, value in (*unsuited.items(), *also.items()):
            if value:
                raise UsageError(option, f"needs a network; {network[:100]} holds weights, but no graph")
        _report_state_dict(network, output_format, depth, checks)
        return 0
    forms = {"--csv": output_format == TableFormat.CSV, "--md": output_format == TableFormat.MARKDOWN}
    for option, value in (*unsuited.items(), ("--depth", depth), *forms.items()):
        check_exclusive({"--weights": weights, option: value})
    if len(sizes) > 1:
        raise UsageError("--weights", "needs one input size, not several")
    checks.check(_report_fit(network, sizes[0] if sizes else None, f"{weights}", output_format))
    return 0


def _report_state_dict(path: str, output_format: TableFormat, depth: str | None, checks: Checks) -> None:
    """Print what a file of weights holds: one row per tensor, or per module down to a depth."""
    parts = None if depth is None else parse_count(depth, "--depth")
    state_dict = read_state_dict(path)
    groups = state_dict.groups(parts)
    total = state_dict.total
    if output_format == TableFormat.JSON:
        write_json(_record(state_dict, None if parts is None else groups))
    else:
        print_table(
            _table(groups, total, is_grouped=parts is not None), output_format, lambda: _summary(state_dict)
        )
    if checks.max_params is not None and total.params > checks.params:
        raise ConvcliError(
            f"{total.params:,} parameters", f"more than the limit of --max-params {checks.max_params}"
        )


def _table(groups: Sequence[TensorGroup], total: TensorGroup, *, is_grouped: bool) -> Table:
    if is_grouped:
        second = Column("tensors", [len(group.tensors) for group in groups], len(total.tensors))
    else:
        second = Column("shape", [format_size(group.tensors[0].shape) for group in groups])
    columns = (
        Column("name", [group.name for group in groups], "total"),
        second,
        Column("dtype", [" ".join(group.dtypes) for group in groups]),
        Column("params", [group.params for group in groups], total.params),
        Column("buffers", [group.buffers for group in groups], total.buffers, 1),
        Column("bytes", [group.size for group in groups], total.size),
    )
    return Table(columns, [0] * len(groups), has_total=True)


def _summary(state_dict: StateDict) -> list[tuple[str, str]]:
    """Return the lines below the table."""
    total = state_dict.total
    learned = sum(tensor.is_learned for tensor in total.tensors)
    lines = [("parameters", f"{total.params:,} in {learned:,} tensors")]
    if total.buffers:
        others = len(total.tensors) - learned
        lines.append(("buffers", f"{total.buffers:,} in {others:,} tensors: running statistics and integers"))
    lines.append(("bytes", format_bytes(total.size)))
    shared = sum(bool(tensor.shared) for tensor in total.tensors)
    if shared:
        lines.append(("shared", f"{shared:,} of them use the values of an earlier tensor, which counts them"))
    entries = [f"these are the tensors of {state_dict.entry}"] * bool(state_dict.entry)
    if state_dict.others:
        entries.append(f"{state_dict.others:,} tensors are in other entries")
    if entries:
        lines.append(("file", "; ".join(entries)))
    return lines


def _record(state_dict: StateDict, groups: Sequence[TensorGroup] | None) -> dict[str, Any]:
    total = state_dict.total
    record: dict[str, Any] = {
        "params": total.params,
        "buffers": total.buffers,
        "bytes": total.size,
        "entry": state_dict.entry or None,
        "other_tensors": state_dict.others,
        "tensors": [
            {
                "name": tensor.name,
                "shape": format_size(tensor.shape),
                "dtype": tensor.dtype,
                "params": tensor.params,
                "buffers": tensor.buffers,
                "bytes": tensor.size,
                "shared": tensor.shared or None,
            }
            for tensor in state_dict.tensors
        ],
    }
    if groups is not None:
        record["groups"] = [
            {
                "name": group.name,
                "tensors": len(group.tensors),
                "dtypes": list(group.dtypes),
                "params": group.params,
                "buffers": group.buffers,
                "bytes": group.size,
            }
            for group in groups
        ]
    return record


def _report_fit(text: str, size: str | None, weights: str, output_format: TableFormat) -> Network:
    """Print whether the weights of a file fit a network, and what does not; return the network."""
    source = open_source(text)
    network = build_source(source, size, text)
    check_has_channels(network)
    if not is_state_dict(weights):
        raise SpecError(
            f"--weights {weights}", "is not a file of weights: .safetensors, .pth, .pt, .bin or .ckpt"
        )
    folded = network.is_stored
    if isinstance(source, ModelFile):
        needed = needed_by_file(source.weights(size), kernels_only=folded)
    else:
        needed = needed_by_layers(network)
    fit = fit_weights(needed, read_state_dict(weights), kernels_only=folded)
    if output_format == TableFormat.JSON:
        write_json(_fit_record(fit) | {"kernels_only": folded})
    elif fit.fits:
        only = ", without biases and normalization, which the export has folded" * folded
        layers = f"{len(fit.matches):,} layer{'s'[: len(fit.matches) != 1]}"
        write(f"{weights} fits {text}: the weights of {layers}{only}\n")
    else:
        lines = [str(mismatch) for mismatch in fit.mismatches]
        if output_format == TableFormat.TEXT and len(lines) > MAX_LINES:
            lines[MAX_LINES:] = [f"... and {len(lines) - MAX_LINES:,} more; --json lists all"]
        write("".join(f"{line}\n" for line in lines))
    if not fit.fits:
        counts = [
            f"{len(found):,} {what}"
            for found, what in (
                (fit.wrong, "of another shape"), (fit.missing, "missing"), (fit.left_over, "left over")
            )
            if found
        ]  # fmt: skip
        raise ConvcliError(weights, f"does not fit {text[:100]}: {', '.join(counts)}")
    return network


def _fit_record(fit: Fit) -> dict[str, Any]:
    return {
        "fits": fit.fits,
        "matches": [{"layer": match.needed.label, "module": match.module} for match in fit.matches],
        "wrong": [_mismatch_record(mismatch) for mismatch in fit.wrong],
        "missing": [_mismatch_record(mismatch) for mismatch in fit.missing],
        "left_over": [_mismatch_record(mismatch) for mismatch in fit.left_over],
    }


def _mismatch_record(mismatch: Mismatch) -> dict[str, str | None]:
    return {
        "tensor": mismatch.tensor or None,
        "shape": None if mismatch.shape is None else format_size(mismatch.shape),
        "layer": mismatch.layer or None,
        "needed": None if mismatch.needed is None else format_size(mismatch.needed),
    }
