"""Reads weights of trained networks as kernels, from ``.npz`` and ``.safetensors`` files."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO

from convcli.errors import KernelError, MatrixError, describe_os_error, parse_choice, suggestion
from convcli.files.opening import open_input
from convcli.kernels.filter import MAX_TAPS, kernel_array
from convcli.kernels.parsing import KERNEL_FILES, read_kernel
from convcli.late_numpy import np
from convcli.pictures.npy import read_npy
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = ["WEIGHT_FILES", "AxisOrder", "read_weights", "split_weights"]


class AxisOrder(StrEnum):
    """The order of the axes of weights: height (h), width (w), input channels (i), output channels (o)."""

    HWIO = "hwio"
    OIHW = "oihw"


MAX_LISTED = 8
WEIGHT_FILES = (*KERNEL_FILES, ".npz", ".safetensors")  # extensions of the files that `read_weights` reads
ARCHIVE_PATTERN = re.compile(r"(.*?\.(?:npz|safetensors))(?::(.*))?", re.IGNORECASE | re.DOTALL)


def split_weights(text: str) -> tuple[str, str | None]:
    """Split ``FILE:TENSOR``, as in ``weights.npz:conv1.weight``; other kinds of files hold one tensor.

    Examples
    --------
    >>> split_weights("weights.npz:conv1/kernel:0")
    ('weights.npz', 'conv1/kernel:0')
    >>> split_weights("kernel.json")
    ('kernel.json', None)
    """
    match = ARCHIVE_PATTERN.fullmatch(text)
    return (match[1], match[2]) if match else (text, None)


def read_weights(
    path: str | os.PathLike[str], tensor: str | None = None, *, order: str | None = None
) -> Array:
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
    """
    layout = None if order is None else parse_choice(order, AxisOrder, "order")
    path = os.fsdecode(path)
    match = ARCHIVE_PATTERN.fullmatch(path)
    if match is None:
        return _to_hwio(read_kernel(path, axes=4), layout or AxisOrder.HWIO)
    if path.lower().endswith(".npz"):
        reader = _read_npz
    else:
        from convcli.kernels.safetensors import read_safetensors as reader  # late: most kernels are typed
    try:
        with open_input(path) as stream:
            name, values = reader(stream, path, partial(_select_tensor, path, tensor))
    except OSError as error:
        raise KernelError(path, describe_os_error(error)) from None
    except MatrixError as error:
        raise KernelError(error.what, error.why) from None
    taps = kernel_array(values, f"{path}:{name}", axes=4)
    if layout is None and taps.ndim > 2:
        raise KernelError(
            f"{path}:{name}",
            f"is {format_size(taps.shape)}; give the order of its axes: --order oihw (F, C, f, f, as in "
            "PyTorch) or hwio (f, f, C, F)",
        )
    return _to_hwio(taps, layout or AxisOrder.HWIO)


def _to_hwio(taps: Array, order: AxisOrder) -> Array:
    """Return the taps as (f_h, f_w, C, F), or fewer axes."""
    if order == AxisOrder.HWIO or taps.ndim == 2:
        return taps
    axes = (2, 3, 1, 0) if taps.ndim == 4 else (1, 2, 0)
    return np.ascontiguousarray(taps.transpose(axes))


def _select_tensor(name: str, tensor: str | None, names: list[str]) -> str:
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


def _read_npz(stream: BinaryIO, name: str, select: Callable[[list[str]], str]) -> tuple[str, Array]:
    import zipfile  # late, too

    try:
        with zipfile.ZipFile(stream) as archive:
            members = [
                member.removesuffix(".npy") for member in archive.namelist() if member.endswith(".npy")
            ]
            selected = select(members)
            with archive.open(f"{selected}.npy") as member:
                values = read_npy(member, f"{name}:{selected}", max_values=MAX_TAPS)
                member.read(1)  # reading to the end verifies the checksum
                return selected, values
    except (KernelError, MatrixError, OSError):
        raise
    except Exception as error:  # each compression method has exceptions of its own
        why = f"is damaged, or not a .npz file: {str(error)[:100] or 'truncated'}"
        raise KernelError(name, why) from None
