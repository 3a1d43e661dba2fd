"""Reads tensors from ``.safetensors`` files.

Source: the format of safetensors files, github.com/huggingface/safetensors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError
from convcli.kernels.filter import MAX_TAPS
from convcli.sizes.text import format_size

__all__ = ["read_safetensors"]

MAX_HEADER = 10_000_000
MAX_AXES = 32
DTYPES = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


@dataclass(frozen=True)
class _Tensor:
    """A tensor's type and shape, and where it lies in the file, in bytes from the end of the header."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


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
    size = os.fstat(stream.fileno()).st_size
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > size - 8:
        raise KernelError(
            name, f"is truncated, or not a .safetensors file: a header of {length} bytes in a file of {size}"
        )
    if length > MAX_HEADER:
        raise KernelError(name, f"has a header of {length} bytes; at most {MAX_HEADER} are supported")
    tensors = _parse_header(stream.read(length), name)
    _check_offsets(tensors, size - 8 - length, name)
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
    stream.seek(8 + length + tensor.begin)
    values = np.frombuffer(stream.read(tensor.end - tensor.begin), DTYPES[tensor.kind])
    if tensor.kind == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return selected, values.reshape(tensor.shape)


def _parse_header(text: bytes, name: str) -> dict[str, _Tensor]:
    """Parse the header: a JSON object of tensors and optional metadata."""
    try:
        entries = json.loads(text.decode(), object_pairs_hook=_refuse_repeated_names)
    except RecursionError:
        raise KernelError(name, "has an invalid header: it is nested too deeply") from None
    except ValueError as error:
        raise KernelError(name, f"has an invalid header: {str(error)[:100]}") from None
    if not isinstance(entries, dict):
        raise KernelError(name, "has an invalid header: it is not a JSON object")
    entries.pop("__metadata__", None)
    return {key: _parse_tensor(entry, f"{name}:{key}") for key, entry in entries.items()}


def _refuse_repeated_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a name occurs twice")
    return entries


def _parse_tensor(entry: object, name: str) -> _Tensor:
    """Check an entry of the header: no negative size or offset, and as many bytes as its shape needs."""
    if not isinstance(entry, dict):
        raise KernelError(name, "has no dtype, shape and data_offsets")
    kind, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    sizes, positions = _nonnegative_integers(shape), _nonnegative_integers(offsets)
    if sizes is not None and len(sizes) > MAX_AXES:
        raise KernelError(name, f"has {len(sizes)} axes; at most {MAX_AXES} are supported")
    if not isinstance(kind, str) or sizes is None or positions is None or len(positions) != 2:
        raise KernelError(name, "must have a dtype, a shape and two data_offsets, all integers of at least 0")
    begin, end = positions
    if begin > end:
        raise KernelError(name, f"ends at byte {end}, before it begins at byte {begin}")
    needed = prod(sizes) * np.dtype(DTYPES[kind]).itemsize if kind in DTYPES else end - begin
    if end - begin != needed:
        raise KernelError(name, f"has {end - begin} bytes, but {kind} of shape {sizes} needs {needed}")
    return _Tensor(kind, sizes, begin, end)


def _nonnegative_integers(value: object) -> tuple[int, ...] | None:
    """Return a JSON list of integers of at least 0 as a tuple; None for anything else, even booleans."""
    if not isinstance(value, list) or not all(type(item) is int and 0 <= item < 2**63 for item in value):
        return None
    return tuple(value)


def _check_offsets(tensors: Mapping[str, _Tensor], size: int, name: str) -> None:
    """Check that the tensors fill the file without gaps or overlaps."""
    in_order = sorted(tensors.items(), key=lambda entry: (entry[1].begin, entry[1].end))
    for (first_name, first), (second_name, second) in pairwise(in_order):
        if second.begin < first.end:
            raise KernelError(name, f"has overlapping tensors: {first_name} and {second_name}")
        if second.begin > first.end:
            raise KernelError(name, f"has a gap of {second.begin - first.end} bytes before {second_name}")
    begin, end = (in_order[0][1].begin, in_order[-1][1].end) if in_order else (0, 0)
    if begin != 0 or end != size:
        raise KernelError(
            name,
            f"is truncated or damaged: it holds {size} bytes of values, its header lists {begin} to {end}",
        )
