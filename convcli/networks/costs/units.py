"""The units of costs: number types, and floating-point operations."""

from enum import StrEnum

__all__ = ["FLOPS_PER_MAC", "Dtype"]

FLOPS_PER_MAC = 2  # a multiplication and an addition


class Dtype(StrEnum):
    """Number type of weights and activations.

    Examples
    --------
    >>> Dtype.BF16.size, Dtype.FP8.size
    (2, 1)
    """

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"
    FP8 = "fp8"
    INT8 = "int8"

    @property
    def size(self) -> int:
        """Bytes per number."""
        return {Dtype.FP32: 4, Dtype.BF16: 2, Dtype.FP16: 2, Dtype.FP8: 1, Dtype.INT8: 1}[self]
