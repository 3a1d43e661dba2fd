"""Convolution as it is computed part by part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convcli.convolution.borders import BorderKind
from convcli.convolution.parts.operation import part_settings
from convcli.convolution.planning import (
    ConvolutionSettings,
    ImageKind,
    Plan,
    parse_kernels,
    plan_pixels,
)
from convcli.convolution.strips import run_convolution
from convcli.kernels.filter import Combination, Filter, Matrix
from convcli.late_numpy import np
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Convolution"]


@dataclass(frozen=True, eq=False)
class Convolution:
    """A convolution of each channel, of which each part is planned as an image with padding of its own.

    Attributes
    ----------
    name, kind, rows, columns, border, shape, dtype, joins_channels, counts_padding
        See `Operation`.
    matrices : sequence of Matrix
    combination : Combination
    settings : ConvolutionSettings
    plan : Plan
        How the whole image would be computed.
    """

    kind: ImageKind
    rows: Axis
    columns: Axis
    border: BorderKind
    matrices: Sequence[Matrix]
    combination: Combination
    settings: ConvolutionSettings
    plan: Plan
    name: str = "convolve"
    joins_channels: bool = False
    counts_padding: bool = True

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""
        return self.plan.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the result."""
        return self.plan.dtype

    @classmethod
    def of(cls, kernel: ArrayLike | Filter, settings: ConvolutionSettings, kind: ImageKind) -> Convolution:
        """Plan the convolution of an image of a kind.

        Raises
        ------
        KernelError, SizeError, UsageError
            As `convolve` does.
        """
        matrices, combination = parse_kernels(kernel)
        planned = plan_pixels(None, kind, matrices, combination, settings)
        plan = planned.plan
        if kind.unbounded and plan.result_type.startswith("int"):
            plan = replace(plan, result_type="int64")
        return cls(
            kind, planned.rows, planned.columns, planned.border.kind, matrices, combination, settings, plan
        )  # fmt: skip

    def run(self, block: NDArray[Any], rows: Axis, columns: Axis, jobs: int | None) -> NDArray[Any]:
        """Return the result for a block, see `Operation`."""
        kind = ImageKind.of(block) if self.kind.unbounded else self.kind._replace(shape=block.shape)
        settings = part_settings(self.settings, rows, columns, jobs)
        return run_convolution(plan_pixels(block, kind, self.matrices, self.combination, settings))
