"""In what form a table is printed, and in what its costs are told."""

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from convcli.cli.output import answer_is_shown
from convcli.errors import UsageError

if TYPE_CHECKING:
    from convcli.network.networks import Network

__all__ = ["Costs", "Dtype", "Form", "form_of"]


class Form(StrEnum):
    """How a table is printed."""

    SHOWN = "shown"
    TSV = "tsv"
    CSV = "csv"
    MARKDOWN = "md"
    JSON = "json"


def form_of(*, json: bool, csv: bool, markdown: bool) -> Form:
    """Return the form that was asked for, or the one that fits where standard output goes.

    Raises
    ------
    UsageError
        Two were asked for.
    """
    asked = [
        form for form, is_asked in ((Form.JSON, json), (Form.CSV, csv), (Form.MARKDOWN, markdown)) if is_asked
    ]
    if len(asked) > 1:
        raise UsageError(f"--{asked[0]}", f"is another form than --{asked[1]}; choose one")
    if asked:
        return asked[0]
    return Form.SHOWN if answer_is_shown() else Form.TSV


class Dtype(StrEnum):
    """What weights and activations are kept in."""

    FP32 = "fp32"
    FP16 = "fp16"
    INT8 = "int8"

    @property
    def size(self) -> int:
        """Bytes of a number."""
        return {Dtype.FP32: 4, Dtype.FP16: 2, Dtype.INT8: 1}[self]


class Costs(NamedTuple):
    """In what the costs of a network are told: the type of its numbers, and the size of a mini-batch."""

    dtype: Dtype = Dtype.FP32
    batch: int = 1

    def record(self, network: "Network") -> dict[str, object]:
        """Return what JSON has of them."""
        params, activations = network.params or 0, network.activations or 0
        return {
            "dtype": str(self.dtype),
            "batch": self.batch,
            "weight_bytes": params * self.dtype.size,
            "batch_macs": (network.macs or 0) * self.batch,
            "batch_activations": activations * self.batch,
            "batch_peak_activations": (network.peak_activations or 0) * self.batch,
        }
