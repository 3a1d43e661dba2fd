"""Output formats of tables, and the units of costs: number type and mini-batch."""

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from convcli.cli.terminal.output import answer_is_shown
from convcli.errors import UsageError

if TYPE_CHECKING:
    from convcli.networks.network import Network


__all__ = ["Costs", "Dtype", "OutputFormat", "output_format"]


class OutputFormat(StrEnum):
    """Output format of a table; SHOWN is laid out for a terminal."""

    SHOWN = "shown"
    TSV = "tsv"
    CSV = "csv"
    MARKDOWN = "md"
    JSON = "json"


def output_format(*, json: bool, csv: bool, markdown: bool) -> OutputFormat:
    """Return the format requested; by default a table on a terminal, tab-separated values elsewhere.

    Raises
    ------
    UsageError
        Two formats are requested.
    """
    asked = [
        form
        for form, is_asked in (
            (OutputFormat.JSON, json),
            (OutputFormat.CSV, csv),
            (OutputFormat.MARKDOWN, markdown),
        )
        if is_asked
    ]
    if len(asked) > 1:
        raise UsageError(f"--{asked[0]}", f"cannot be combined with --{asked[1]}; choose one")
    if asked:
        return asked[0]
    return OutputFormat.SHOWN if answer_is_shown() else OutputFormat.TSV


class Dtype(StrEnum):
    """Number type of weights and activations."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"

    @property
    def size(self) -> int:
        """Bytes per number."""
        return {Dtype.FP32: 4, Dtype.FP16: 2, Dtype.INT8: 1}[self]


class Costs(NamedTuple):
    """The units in which costs are given: number type and mini-batch size."""

    dtype: Dtype = Dtype.FP32
    batch: int = 1

    def record(self, network: "Network") -> dict[str, object]:
        """Return the costs of a network as JSON has them."""
        params, activations = network.params or 0, network.activations or 0
        return {
            "dtype": str(self.dtype),
            "batch": self.batch,
            "weight_bytes": params * self.dtype.size,
            "batch_macs": (network.macs or 0) * self.batch,
            "batch_activations": activations * self.batch,
            "batch_peak_activations": (network.peak_activations or 0) * self.batch,
        }
