"""Reads weights of trained networks as kernels, from ``.npz`` and ``.safetensors`` files."""

from __future__ import annotations

import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from convcli.errors import KernelError, MatrixError, describe_os_error, parse_choice, suggestion
from convcli.files.opening import open_input
from convcli.kernels.filter import MAX_TAPS, kernel_array
from convcli.kernels.parsing import KERNEL_FILES, read_kernel
from convcli.pictures.npy import read_npy
from convcli.sizes.text import format_size

__all__ = ["WEIGHT_FILES", "Order", "read_weights", "split_weights"]

Array = NDArray[Any]


class Order(StrEnum):
    """The order of the axes of weights: height (h), width (w), input channels (i), output channels (o)."""

    HWIO = "hwio"
    OIHW = "oihw"


MAX_LISTED = 8
WEIGHT_FILES = (*KERNEL_FILES, ".npz", ".safetensors")  # extensions of the files that `read_weights` reads
ARCHIVES = re.compile(r"(.*?\.(?:npz|safetensors))(?::(.*))?", re.IGNORECASE | re.DOTALL)


def split_weights(text: str) -> tuple[str, str | None]:
    """Split ``FILE:TENSOR``, as in ``weights.npz:conv1.weight``; other kinds of files hold one tensor.

    Examples
    --------
    >>> split_weights("weights.npz:conv1/kernel:0")
    ('weights.npz', 'conv1/kernel:0')
    >>> split_weights("kernel.json")
    ('kernel.json', None)
    """
    match = ARCHIVES.fullmatch(text)
    return (match[1], match[2]) if match else (text, None)


def read_weights(path: str | Path, tensor: str | None = None, *, order: str | None = None) -> Array:
    """Read a kernel, a volume or a bank of volumes from a file.

    Parameters
    ----------
    path : str or Path
        ``.npz`` or ``.safetensors``, or what `read_kernel` reads.
    tensor : str, optional
        The name of the tensor, if the file holds several.
    order : str, optional
        ``hwio``: (f_h, f_w, C, F), as here and in TensorFlow. ``oihw``: (F, C, f_h, f_w), as in PyTorch, or
        (C, f_h, f_w). Required for ``.npz`` and ``.safetensors`` files if the weights have more than two
        axes, because their shape does not reveal the order; ``hwio`` is the default for other files.

    Returns
    -------
    array (f_h, f_w), (f_h, f_w, C) or (f_h, f_w, C, F)
        int64 if the file holds integers, else float64.

    Raises
    ------
    KernelError
        The file cannot be read, does not hold that tensor, or the tensor is not a kernel of finite numbers.
    UsageError
        `order` is unknown.

    Source: the format of safetensors files, github.com/huggingface/safetensors.
    """
    layout = None if order is None else parse_choice(order, Order, "order")
    match = ARCHIVES.fullmatch(str(path))
    if match is None:
        return _in_order(read_kernel(path, axes=4), layout or Order.HWIO)
    reader = _from_npz if str(path).lower().endswith(".npz") else _from_safetensors
    try:
        with open_input(path) as stream:
            name, values = reader(stream, str(path), tensor)
    except OSError as error:
        raise KernelError(str(path), describe_os_error(error)) from None
    except MatrixError as error:
        raise KernelError(error.what, error.why) from None
    taps = kernel_array(values, f"{path}:{name}", axes=4)
    if layout is None and taps.ndim > 2:
        raise KernelError(
            f"{path}:{name}",
            f"is {format_size(taps.shape)}; give the order of its axes: --order oihw (F, C, f, f, as in "
            "PyTorch) or hwio (f, f, C, F)",
        )
    return _in_order(taps, layout or Order.HWIO)


def _in_order(taps: Array, order: Order) -> Array:
    """Return the taps as (f_h, f_w, C, F), or fewer axes."""
    if order == Order.HWIO or taps.ndim == 2:
        return taps
    axes = (2, 3, 1, 0) if taps.ndim == 4 else (1, 2, 0)
    return np.ascontiguousarray(taps.transpose(axes))


def _picked(name: str, tensor: str | None, names: list[str]) -> str:
    """Return the name of the requested tensor, or of the only one."""
    if not names:
        raise KernelError(name, "holds no tensors")
    if tensor is None and len(names) == 1:
        return names[0]
    if tensor is None:
        listed = ", ".join(names[:MAX_LISTED]) + ", ..." * (len(names) > MAX_LISTED)
        raise KernelError(name, f"holds {len(names)} tensors; name one, as in {name}:{names[0]} ({listed})")
    if tensor not in names:
        near = suggestion(tensor, names) if len(names) < 1000 else f"the file holds {len(names)} others"
        raise KernelError(f"{name}:{tensor[:100]}", f"there is no such tensor; {near}")
    return tensor


# .npz ---------------------------------------------------------------------------------------------------


def _from_npz(stream: BinaryIO, name: str, tensor: str | None) -> tuple[str, Array]:
    try:
        with zipfile.ZipFile(stream) as archive:
            members = [
                member.removesuffix(".npy") for member in archive.namelist() if member.endswith(".npy")
            ]
            found = _picked(name, tensor, members)
            with archive.open(f"{found}.npy") as member:
                values = read_npy(member, f"{name}:{found}", max_values=MAX_TAPS)
                member.read(1)  # reading to the end verifies the checksum
                return found, values
    except (KernelError, MatrixError, OSError):
        raise
    except Exception as error:  # each compression method has exceptions of its own
        why = f"is damaged, or not a .npz file: {str(error)[:100] or 'truncated'}"
        raise KernelError(name, why) from None


# .safetensors -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Tensor:
    """A tensor's type and shape, and where it lies in the file, in bytes from the end of the header."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


MAX_HEADER = 10_000_000
MAX_AXES = 32
NUMBERS = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4",
    "U64": "<u8", "I64": "<i8", "F16": "<f2", "BF16": "<u2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


def _from_safetensors(stream: BinaryIO, name: str, tensor: str | None) -> tuple[str, Array]:
    size = os.fstat(stream.fileno()).st_size
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > size - 8:
        raise KernelError(
            name, f"is truncated, or not a .safetensors file: a header of {length} bytes in a file of {size}"
        )
    if length > MAX_HEADER:
        raise KernelError(name, f"has a header of {length} bytes; at most {MAX_HEADER} are supported")
    tensors = _header(stream.read(length), name)
    _check_places(tensors, size - 8 - length, name)
    found = _picked(name, tensor, list(tensors))
    one = tensors[found]
    if one.kind not in NUMBERS:
        raise KernelError(f"{name}:{found}", f"is {one.kind[:20]}, which is not supported; convert it to F32")
    if not 0 < prod(one.shape) <= MAX_TAPS:
        raise KernelError(f"{name}:{found}", f"is {format_size(one.shape)}; must have 1 to {MAX_TAPS} taps")
    stream.seek(8 + length + one.begin)
    values = np.frombuffer(stream.read(one.end - one.begin), NUMBERS[one.kind])
    if one.kind == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    return found, values.reshape(one.shape)


def _header(text: bytes, name: str) -> dict[str, _Tensor]:
    """Parse the header: a JSON object of tensors and optional metadata."""
    try:
        entries = json.loads(text.decode(), object_pairs_hook=_without_doubles)
    except RecursionError:
        raise KernelError(name, "has an invalid header: it is nested too deeply") from None
    except ValueError as error:
        raise KernelError(name, f"has an invalid header: {str(error)[:100]}") from None
    if not isinstance(entries, dict):
        raise KernelError(name, "has an invalid header: it is not a JSON object")
    entries.pop("__metadata__", None)
    return {key: _tensor(entry, f"{name}:{key}") for key, entry in entries.items()}


def _without_doubles(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a name occurs twice")
    return entries


def _tensor(entry: object, name: str) -> _Tensor:
    """Check an entry of the header: no negative size or offset, and as many bytes as its shape needs."""
    if not isinstance(entry, dict):
        raise KernelError(name, "has no dtype, shape and data_offsets")
    kind, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    sides, places = _counts(shape), _counts(offsets)
    if sides is not None and len(sides) > MAX_AXES:
        raise KernelError(name, f"has {len(sides)} axes; at most {MAX_AXES} are supported")
    if not isinstance(kind, str) or sides is None or places is None or len(places) != 2:
        raise KernelError(name, "must have a dtype, a shape and two data_offsets, all integers of at least 0")
    begin, end = places
    if begin > end:
        raise KernelError(name, f"ends at byte {end}, before it begins at byte {begin}")
    needed = prod(sides) * np.dtype(NUMBERS[kind]).itemsize if kind in NUMBERS else end - begin
    if end - begin != needed:
        raise KernelError(name, f"has {end - begin} bytes, but {kind} of shape {sides} needs {needed}")
    return _Tensor(kind, sides, begin, end)


def _counts(value: object) -> tuple[int, ...] | None:
    """Return a JSON list of integers of at least 0 as a tuple; None for anything else, even booleans."""
    if not isinstance(value, list) or not all(type(one) is int and 0 <= one < 2**63 for one in value):
        return None
    return tuple(value)


def _check_places(tensors: Mapping[str, _Tensor], size: int, name: str) -> None:
    """Check that the tensors fill the file without gaps or overlaps."""
    placed = sorted(tensors.items(), key=lambda entry: (entry[1].begin, entry[1].end))
    for (first, one), (second, other) in pairwise(placed):
        if other.begin < one.end:
            raise KernelError(name, f"has overlapping tensors: {first} and {second}")
        if other.begin > one.end:
            raise KernelError(name, f"has a gap of {other.begin - one.end} bytes before {second}")
    begins, ends = (placed[0][1].begin, placed[-1][1].end) if placed else (0, 0)
    if begins != 0 or ends != size:
        raise KernelError(
            name,
            f"is truncated or damaged: it holds {size} bytes of values, its header lists {begins} to {ends}",
        )
