"""Tables of the memory of training, and of memory traffic and times on a device."""

from collections.abc import Sequence
from typing import TypeVar

from convcli.networks.costs.traffic import Device, Traffic, traffic
from convcli.networks.costs.training import Optimizer, TrainingMemory, training_memory
from convcli.networks.costs.units import FLOPS_PER_MAC, Dtype
from convcli.networks.layer_types.base import sum_if_known
from convcli.networks.network import Network
from convcli.networks.rows import Row, table_rows
from convcli.networks.tables import Cell, Column, Table, module_columns, network_table
from convcli.sizes.text import format_size

__all__ = ["traffic_table", "training_table"]

PerLayer = TypeVar("PerLayer", Traffic, TrainingMemory)


def training_table(
    network: Network,
    rows: Sequence[Row] | None = None,
    *,
    batch: int = 1,
    optimizer: Optimizer = Optimizer.SGD,
    dtype: Dtype = Dtype.FP32,
) -> Table:
    """Return a table of what training keeps in memory, in bytes.

    Columns: ``layer``, ``output``; ``weights``, ``gradients`` and ``optimizer`` states; ``kept`` from the
    forward to the backward pass; ``total``.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("conv 6 f5, relu, flatten, fc 10", (32, 32, 3))
    >>> print(training_table(net, optimizer=Optimizer.ADAM).as_text(), end="")
    layer       output  weights  gradients  optimizer    kept    total
    conv 6 f5  28x28x6    1,824      1,824      3,648  12,288   19,584
    relu       28x28x6        0          0          0  18,816   18,816
    flatten       4704        0          0          0       0        0
    fc 10           10  188,200    188,200    376,400       0  752,800
    total           10  190,024    190,024    380,048  31,104  791,200
    """
    rows = table_rows(network) if rows is None else rows
    memory = training_memory(network, batch=batch, optimizer=optimizer, dtype=dtype)
    parts = _by_row(memory, network, rows)
    columns = [
        Column("weights", [sum(layer.parameters for layer in part) for part in parts], rank=2),
        Column("gradients", [sum(layer.gradients for layer in part) for part in parts], rank=4),
        Column("optimizer", [sum(layer.optimizer for layer in part) for part in parts], rank=3),
        Column("kept", [sum_if_known(layer.kept for layer in part) for part in parts]),
        Column("total", [sum_if_known(layer.total for layer in part) for part in parts], rank=1),
    ]
    return _table(network, rows, [_with_sum(column, rows) for column in columns])


def traffic_table(
    network: Network,
    device: Device | None = None,
    rows: Sequence[Row] | None = None,
    *,
    batch: int = 1,
    dtype: Dtype = Dtype.FP32,
) -> Table:
    """Return a table of arithmetic and memory traffic, and of the least times on a device.

    Columns: ``layer``, ``output``, ``FLOPs``; ``read`` and ``written``: bytes; ``MACs/byte``; with a device,
    ``time ns``: nanoseconds, and ``bound``: by ``compute`` or by ``memory``.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> net = network("conv 6 f5, relu", (32, 32, 3))
    >>> print(traffic_table(net, Device.parse("1T,100G")).as_text(), end="")
    layer       output    FLOPs    read  written  MACs/byte  time ns  bound
    conv 6 f5  28x28x6  705,600  14,112   18,816  10.7           706  compute
    relu       28x28x6        0  18,816   18,816  0.0            377  memory
    total      28x28x6  705,600  32,928   37,632  5.0          1,083
    """
    rows = table_rows(network) if rows is None else rows
    layers = traffic(network, batch=batch, dtype=dtype)
    parts = _by_row(layers, network, rows)
    sums, total = [Traffic.sum(part) for part in parts], Traffic.sum(layers)
    flops: list[Cell] = [None if part.macs is None else FLOPS_PER_MAC * part.macs for part in sums]
    columns = [
        _with_sum(Column("FLOPs", flops, rank=2), rows),
        _with_sum(Column("read", [part.read for part in sums], rank=3), rows),
        _with_sum(Column("written", [part.written for part in sums], rank=4), rows),
        Column("MACs/byte", [_intensity(part) for part in sums], _intensity(total), rank=1),
    ]
    if device is not None:
        times = [sum_if_known(layer.nanoseconds(device) for layer in part) for part in parts]
        bounds = [part[0].bound(device) if len(part) == 1 else None for part in parts]
        columns += [_with_sum(Column("time ns", [*times]), rows), Column("bound", [*bounds])]
    return _table(network, rows, columns)


def _by_row(layers: Sequence[PerLayer], network: Network, rows: Sequence[Row]) -> list[list[PerLayer]]:
    """Return what was computed for each layer, row by row."""
    of_layer = {id(stage): layer for stage, layer in zip(network.layers, layers, strict=True)}
    return [[of_layer[id(stage)] for stage in row.stages] for row in rows]


def _table(network: Network, rows: Sequence[Row], columns: Sequence[Column]) -> Table:
    outputs: list[Cell] = [format_size(row.stages[-1].output) for row in rows]
    first = (
        Column("layer", [row.label for row in rows], "total"),
        Column("output", outputs, format_size(network.output), 1),
    )
    return network_table([*first, *columns, *module_columns(rows)], rows, has_total=True)


def _with_sum(column: Column, rows: Sequence[Row]) -> Column:
    """Return a column with its sum, in which headings do not count: their layers have rows."""
    cells = [cell for row, cell in zip(rows, column.cells, strict=True) if not row.is_heading]
    numbers = [cell if isinstance(cell, int) else None for cell in cells]
    return column._replace(total=sum_if_known(numbers))


def _intensity(part: Traffic) -> str | None:
    return None if part.macs_per_byte is None else f"{part.macs_per_byte:.1f}"
