"""The answers of ``convcli params`` about the memory of training, memory traffic, and time on a device."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from convcli.cli.reports.summaries import CostUnits, format_bytes
from convcli.errors import UsageError
from convcli.networks.costs.tables import traffic_table, training_table
from convcli.networks.costs.traffic import Device, Traffic, traffic
from convcli.networks.costs.training import Optimizer, TrainingMemory, training_memory
from convcli.networks.costs.units import FLOPS_PER_MAC, Dtype
from convcli.networks.network import Network
from convcli.networks.rows import Row
from convcli.networks.tables import Table
from convcli.sizes.text import counted

__all__ = ["CostReport", "TrafficReport", "TrainingReport"]

NANOSECONDS_PER_UNIT = ((10**9, "s"), (10**6, "ms"), (10**3, "µs"))


class TrainingReport(NamedTuple):
    """The memory that training needs, with a given optimizer."""

    units: CostUnits
    optimizer: Optimizer

    @classmethod
    def of(cls, units: CostUnits, optimizer: Optimizer) -> "TrainingReport":
        """Return the report for a number type that can be trained with.

        Raises
        ------
        UsageError
            The number type is an integer.
        """
        if units.dtype == Dtype.INT8:
            raise UsageError(
                "--train", "needs gradients, which int8 cannot hold; use --dtype fp32, bf16, fp16 or fp8"
            )
        return cls(units, optimizer)

    def table(self, network: Network, rows: Sequence[Row]) -> Table:
        """Return the table."""
        return training_table(
            network,
            rows,
            batch=self.units.batch,
            optimizer=self.optimizer,
            dtype=self.units.dtype,
        )

    def _memory(self, network: Network) -> list[TrainingMemory]:
        dtype, batch = self.units
        return training_memory(network, batch=batch, optimizer=self.optimizer, dtype=dtype)

    def summary(self, network: Network) -> list[tuple[str, str]]:
        """Return the lines below the table."""
        dtype, batch = self.units
        memory = self._memory(network)
        total = TrainingMemory.sum(memory)
        uncounted = sum(layer.kept is None for layer in memory)
        unknown = f", of all but {counted(uncounted, 'layer')}" if uncounted else ""
        return [
            (
                "train",
                f"a mini-batch of {batch} with {self.optimizer} in {dtype} needs at least "
                f"{format_bytes(total.known_total)}",
            ),
            ("weights", f"{format_bytes(total.parameters)}; the gradients need as much"),
            (
                "optimizer",
                f"{format_bytes(total.optimizer)}: {self.optimizer} keeps "
                f"{counted(self.optimizer.states, 'number')} per parameter",
            ),
            (
                "kept",
                f"{format_bytes(total.kept or 0)} from the forward pass until the backward pass{unknown}; "
                "gradients of activations and workspaces come on top",
            ),
        ]

    def add_to(self, record: dict[str, Any], network: Network) -> None:
        """Add the numbers to the JSON record of a network."""
        memory = self._memory(network)
        total = TrainingMemory.sum(memory)
        record["training"] = {"optimizer": str(self.optimizer), **_training_record(total)}
        for layer, needed in zip(record["layers"], memory, strict=True):
            layer["training"] = _training_record(needed)


def _training_record(memory: TrainingMemory) -> dict[str, int | None]:
    return {
        "weight_bytes": memory.parameters,
        "gradient_bytes": memory.gradients,
        "optimizer_bytes": memory.optimizer,
        "kept_bytes": memory.kept,
        "total_bytes": memory.total,
    }


class TrafficReport(NamedTuple):
    """Memory traffic, and times on a device if there is one."""

    units: CostUnits
    device: Device | None

    def table(self, network: Network, rows: Sequence[Row]) -> Table:
        """Return the table."""
        dtype, batch = self.units
        return traffic_table(network, self.device, rows, batch=batch, dtype=dtype)

    def summary(self, network: Network) -> list[tuple[str, str]]:
        """Return the lines below the table."""
        dtype, batch = self.units
        layers = traffic(network, batch=batch, dtype=dtype)
        total = Traffic.sum(layers)
        per_batch = f" for a mini-batch of {batch}" if batch > 1 else ""
        lines = [
            ("FLOPs", f"{FLOPS_PER_MAC} for each multiply-accumulate{per_batch}"),
            (
                "bytes",
                f"read and written in {dtype} if each layer runs by itself: its inputs and weights once, "
                "its output once",
            ),
        ]
        if self.device is not None and total.macs is not None and total.bytes is not None:
            bounds = [layer.bound(self.device) for layer in layers]
            counts = {bound: bounds.count(bound) for bound in bounds if bound is not None}
            limits = ", ".join(f"{bound} limits {counted(count, 'layer')}" for bound, count in counts.items())
            nanoseconds = sum(layer.nanoseconds(self.device) or 0 for layer in layers)
            lines.append(("time", f"at least {_format_time(nanoseconds)}; {limits}"))
        return lines

    def add_to(self, record: dict[str, Any], network: Network) -> None:
        """Add the numbers to the JSON record of a network."""
        dtype, batch = self.units
        layers = traffic(network, batch=batch, dtype=dtype)
        record["traffic"] = self._record(Traffic.sum(layers))
        if self.device is not None:
            times = [layer.nanoseconds(self.device) for layer in layers]
            record["traffic"]["nanoseconds"] = None if None in times else sum(time or 0 for time in times)
            del record["traffic"]["bound"]
            record["device"] = {
                "flops_per_second": self.device.peak,
                "bytes_per_second": self.device.bandwidth,
            }
        for layer, moved in zip(record["layers"], layers, strict=True):
            layer["traffic"] = self._record(moved)

    def _record(self, moved: Traffic) -> dict[str, Any]:
        record: dict[str, Any] = {
            "read_bytes": moved.read,
            "written_bytes": moved.written,
            "macs_per_byte": moved.macs_per_byte,
        }
        if self.device is not None:
            bound = moved.bound(self.device)
            record |= {"nanoseconds": moved.nanoseconds(self.device), "bound": bound and str(bound)}
        return record


CostReport = TrainingReport | TrafficReport


def _format_time(nanoseconds: int) -> str:
    """Write a time with three digits.

    Examples
    --------
    >>> _format_time(1_234_567), _format_time(12)
    ('1.23 ms', '12 ns')
    """
    for size, unit in NANOSECONDS_PER_UNIT:
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}"
    return f"{nanoseconds} ns"
