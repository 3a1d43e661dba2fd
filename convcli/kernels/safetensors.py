"""Reads tensors from ``.safetensors`` files as arrays."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any, BinaryIO

from convcli.errors import KernelError, SpecError
from convcli.kernels.filter import MAX_TAPS
from convcli.late_numpy import np
from convcli.networks.models.state_dicts.safetensors import read_header
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

__all__ = ["read_safetensors"]

MAX_HEADER = 10_000_000
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


def read_safetensors(
    stream: BinaryIO, name: str, select: Callable[[list[str]], str]
) -> tuple[str, NDArray[Any]]:
    """Read one tensor from a file; `select` chooses it from the names of all.

    Returns
    -------
    (name, values)

    Raises
    ------
    KernelError
        The file is damaged, or the tensor has too many values or an unsupported dtype.
    """
    try:
        tensors, start = read_header(stream, name, MAX_HEADER)
    except SpecError as error:
        raise KernelError(error.what, error.why) from None
    selected = select(list(tensors))
    tensor = tensors[selected]
    if tensor.kind not in DTYPES:
        raise KernelError(
            f"{name}:{selected}", f"is {tensor.kind[:20]}, which is not supported; convert it to F32"
        )
    if not 0 < prod(tensor.shape) <= MAX_TAPS:
        raise KernelError(
            f"{name}:{selected}", f"is {format_size(tensor.shape)}; must have 1 to {MAX_TAPS} coefficients"
        )
    stream.seek(start + tensor.begin)
    values = np.frombuffer(stream.read(tensor.end - tensor.begin), DTYPES[tensor.kind])
    if tensor.kind == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return selected, values.reshape(tensor.shape)
