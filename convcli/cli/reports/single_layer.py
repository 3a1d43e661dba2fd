"""The parameters of a single layer given by options: the formula, and the cost of a dense layer instead."""

from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.cli.reports.layers import dense_record, network_record, unsized_record
from convcli.cli.reports.summaries import CostUnits, cost_lines
from convcli.cli.reports.table_formats import TableFormat, print_table
from convcli.cli.terminal.output import labeled_text, wrapped, write, write_json
from convcli.errors import UsageError
from convcli.networks.costs.units import FLOPS_PER_MAC
from convcli.networks.layer_types.base import Sides, Size, sides_of
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.network import Network, single_layer
from convcli.networks.stages import Stage
from convcli.networks.tables import Table, params_table
from convcli.sizes.per_axis import axis_names
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from convcli.cli.diagram_files import DiagramFile


__all__ = ["report_convolution", "report_dense"]

Lines = list[tuple[str, str]]
SIZE_DEPENDENT_COLUMNS = ("output", "MACs", "activations")


def report_dense(
    layer: Dense, size: Size, costs: CostUnits | None, file: "DiagramFile | None", output_format: TableFormat
) -> Network:
    """Print the parameters of a dense layer over all values of its input; return its network.

    `costs` None: neither bytes nor a mini-batch are asked for.
    """
    network = single_layer(layer, (prod(size),))
    stage = network.layers[0]
    symbols = _sum_with_bias("·".join(_size_symbols(size)), bias=layer.bias)
    numbers = _sum_with_bias(_product(size), bias=layer.bias)
    formula = f"{symbols}·units = {numbers}·{layer.units} = {network.params:,}"
    lines = [
        *_shapes(stage),
        *_batch_lines(stage, costs),
        *_cost_lines(network, costs),
        ("connections", f"each output value depends on all {stage.connections:,} inputs"),
    ]
    if file is not None:
        file.draw(network, costs or CostUnits())
    record = network_record(network) | {"input": format_size(size)} | (costs.record(network) if costs else {})
    _print_report(_LayerReport(record, formula, lines, params_table(network)), file, output_format)
    return network


def report_convolution(
    layer: Convolution,
    channels: int,
    size: Size | None,
    costs: CostUnits | None,
    file: "DiagramFile | None",
    output_format: TableFormat,
) -> Network:
    """Print the parameters of a convolution, and its costs if the input size is known.

    `costs` None: neither bytes nor a mini-batch are asked for.

    Returns
    -------
    Network
        The layer on its input; on one as large as the filter if the input size is not known.
    """
    layer = layer.for_input(size or Sides((1,) * max(2, len(layer.window))))
    extent = tuple(d * (f - 1) + 1 for f, d in zip(layer.window, layer.dilation, strict=True))
    network = single_layer(layer, size or (*extent, channels))
    stage = network.layers[0]
    terms = _product((*layer.window, channels)) + (f"/{layer.groups}" if layer.groups > 1 else "")
    numbers = f"{_sum_with_bias(terms, bias=layer.bias)}·{layer.filters}"
    formula = f"{_weight_symbols(layer)} = {numbers} = {network.params:,}"
    record, lines, table = network_record(network), _shapes(stage), params_table(network)
    record |= costs.record(network) if costs else {}
    if size is not None:
        record["layers"][0]["dense"] = dense_record(stage)
        costs_text = [*_batch_lines(stage, costs), *_cost_lines(network, costs)]
        lines += _dense_comparison(stage, costs_text)
    else:
        record, table = unsized_record(record), _unsized_table(table)
        lines += cost_lines(network, costs)[:1] if costs else []
    if file is not None:
        if size is None:
            raise UsageError("-o", "a diagram needs the input size: --n")
        file.draw(network, costs or CostUnits())
    _print_report(_LayerReport(record, formula, lines, table), file, output_format)
    return network


def _weight_symbols(layer: Convolution) -> str:
    """Return the formula of the parameters in symbols."""
    sides = ["f"] * len(layer.window)
    if len(set(layer.window)) > 1:
        sides = [f"f_{name[0]}" for name in axis_names(len(layer.window))]
    terms = "·".join([*sides, "c_in"]) + "/g" * (layer.groups > 1)
    return f"{_sum_with_bias(terms, bias=layer.bias)}·c_out"


def _size_symbols(size: Size) -> list[str]:
    """Return the symbols of the sides and channels of an image, a sound or a volume; n of a vector."""
    if len(size) == 1:
        return ["n"]
    sides = ["n"] if len(size) == 2 else [f"n_{name[0]}" for name in axis_names(len(size) - 1)]
    return [*sides, "n_c"]


def _batch_lines(stage: Stage, costs: CostUnits | None) -> Lines:
    """Return the line of the activations of a mini-batch, in symbols and in numbers."""
    if costs is None or costs.batch == 1:
        return []
    symbols = ["m", *(_size_symbols(stage.output) if len(stage.output) > 1 else ["units"])]
    numbers = map(str, (costs.batch, *stage.output))
    return [("A", f"{' x '.join(symbols)} = {' x '.join(numbers)}")]


def _shapes(stage: Stage) -> Lines:
    return [
        ("weights", format_size(stage.weights or ())),
        ("bias", format_size(stage.biases) if stage.biases else "none"),
    ]


def _cost_lines(network: Network, costs: CostUnits | None) -> Lines:
    """Return the line of the MACs; if costs are asked for, those of parameters and activations, too."""
    if costs is None:
        flops = f"{FLOPS_PER_MAC * (network.macs or 0):,} FLOPs, {FLOPS_PER_MAC} each"
        return [("MACs", f"{network.macs:,} multiply-accumulates (bias and activation not counted); {flops}")]
    return cost_lines(network, costs)


def _unsized_table(table: Table) -> Table:
    """Return a table without the cells that depend on the input size."""
    columns = (
        column._replace(cells=[None]) if column.name in SIZE_DEPENDENT_COLUMNS else column
        for column in table.columns
    )
    return table._replace(columns=tuple(columns))


class _LayerReport(NamedTuple):
    """The parameters of a layer, in every form."""

    record: dict[str, Any]
    formula: str
    lines: Lines
    table: Table


def _print_report(report: _LayerReport, file: "DiagramFile | None", output_format: TableFormat) -> None:
    """Print the parameters: as JSON, as a table, explained on a terminal, or alone; or the file drawn."""
    if output_format == TableFormat.JSON:
        write_json(report.record | ({} if file is None else file.record()))
    elif output_format in (TableFormat.CSV, TableFormat.MARKDOWN):
        print_table(report.table._replace(has_total=False), output_format)
    elif output_format == TableFormat.TEXT:
        lines = report.lines + ([] if file is None else file.summary_lines())
        write(f"{wrapped(report.formula)}\n{labeled_text(lines)}")
    elif file is not None:
        file.print_name()
    else:
        write(f"{report.record['params']}\n")


def _dense_comparison(stage: Stage, costs: Lines) -> Lines:
    """Compare a convolution with the dense layer between the same sizes."""
    dense = stage.dense_equivalent
    assert dense is not None, "a convolution on an image has a dense twin"
    params, params_of_dense = stage.params or 0, dense.params or 0
    macs, macs_of_dense = stage.macs or 0, dense.macs or 0
    sum_text = _sum_with_bias(_product(stage.input), bias=stage.biases is not None)
    return [
        ("output", f"{format_size(stage.output)}: {stage.activations:,} values"),
        *costs,
        (
            "connections",
            f"each output value depends on {stage.connections:,} of {dense.connections:,} inputs",
        ),
        ("sharing", f"each weight is used at {prod(sides_of(stage.output)):,} positions"),
        ("dense layer", f"{sum_text}·({_product(stage.output)}) = {params_of_dense:,} parameters"),
        ("", f"{_ratio(params_of_dense, params)} the parameters, {_ratio(macs_of_dense, macs)} the MACs"),
    ]


def _product(size: Size) -> str:
    return "·".join(map(str, size))


def _sum_with_bias(terms: str, *, bias: bool) -> str:
    return f"({terms} + 1)" if bias else terms


def _ratio(large: int, small: int) -> str:
    """Write a multiple, rounded to three digits, or to a whole number from 100 on.

    Examples
    --------
    >>> _ratio(3072, 75), _ratio(1024, 9), _ratio(20, 3)
    ('41.0 times', '114 times', '6.67 times')
    """
    if large >= 100 * small:  # too large, perhaps, for a float
        return f"{(2 * large + small) // (2 * small):,} times"
    return f"{large / small:.{1 if large >= 10 * small else 2}f} times"
