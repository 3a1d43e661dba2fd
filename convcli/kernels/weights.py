"""Reads weights of trained networks as kernels, from ``.npz`` and ``.safetensors`` files."""

from __future__ import annotations

import os
import re
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from convcli.errors import KernelError, MatrixError, describe_os_error, parse_choice, suggestion
from convcli.files.opening import open_input
from convcli.kernels.filter import MAX_TAPS, kernel_array
from convcli.kernels.parsing import KERNEL_FILES, load_kernel
from convcli.late_numpy import np
from convcli.pictures.npy import read_npy
from convcli.sizes.text import format_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Array = NDArray[Any]

__all__ = [
    "WEIGHT_FILES",
    "AxisOrder",
    "Weights",
    "load_weights",
    "read_bias",
    "read_weights",
    "split_weights",
]


class AxisOrder(StrEnum):
    """The order of the axes of weights: height (h), width (w), input channels (i), output channels (o)."""

    HWIO = "hwio"
    OIHW = "oihw"


class Weights(NamedTuple):
    """Weights from a file.

    Attributes
    ----------
    taps : array (f_h, f_w), (f_h, f_w, C) or (f_h, f_w, C, F)
    order : AxisOrder or None
        The order of the axes in the file, as it is given or as the file states it; None if hwio is assumed.
    """

    taps: Array
    order: AxisOrder | None

    @property
    def is_ambiguous(self) -> bool:
        """Whether the order is assumed, and the other would give other filters, as deep and square as these.

        Examples
        --------
        >>> taps = np.arange(27).reshape(3, 3, 3)
        >>> Weights(taps, None).is_ambiguous, Weights(taps, AxisOrder.HWIO).is_ambiguous
        (True, False)
        """
        if self.order is not None or self.taps.ndim == 2:
            return False
        other = _to_hwio(self.taps, AxisOrder.OIHW)
        are_square = all(taps.shape[0] == taps.shape[1] for taps in (other, self.taps))
        has_same_depth = other.shape[2] == self.taps.shape[2]
        return are_square and has_same_depth and not np.array_equal(other, self.taps)


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
        axes, because their shape does not reveal the order. For other files, the default is what ``"order"``
        in a JSON object states, and ``hwio`` otherwise.

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
    return load_weights(path, tensor, order=order).taps


def load_weights(
    path: str | os.PathLike[str], tensor: str | None = None, *, order: str | None = None
) -> Weights:
    """Read weights as `read_weights` does, with the order of their axes in the file."""
    layout = None if order is None else parse_choice(order, AxisOrder, "order")
    path = os.fsdecode(path)
    match = ARCHIVE_PATTERN.fullmatch(path)
    if match is None:
        file = load_kernel(path, axes=4)
        stated = file.fields.get("order")
        if layout is None and stated is not None:
            layout = parse_choice(str(stated), AxisOrder, f'{path}: "order"')
        return Weights(_to_hwio(file.taps, layout or AxisOrder.HWIO), layout)
    name, values = _read_archive(path, partial(_select_tensor, path, tensor))
    taps = kernel_array(values, f"{path}:{name}", axes=4)
    if layout is None and taps.ndim > 2:
        raise KernelError(
            f"{path}:{name}",
            f"is {format_size(taps.shape)}; give the order of its axes: --order oihw (F, C, f, f, as in "
            "PyTorch) or hwio (f, f, C, F)",
        )
    return Weights(_to_hwio(taps, layout or AxisOrder.HWIO), layout)


def read_bias(path: str | os.PathLike[str], tensor: str | None = None) -> tuple[str, list[float]] | None:
    """Read the bias that a file has beside weights: one number per filter.

    In an archive, it is the tensor of the same layer: ``conv1.bias`` for ``conv1.weight``, ``conv1/bias:0``
    for ``conv1/kernel:0``. In a JSON object, it is ``"bias"``: a number, or a list of numbers.

    Returns
    -------
    (name, numbers) or None
        The name of the tensor, or of the field; None if there is none.

    Raises
    ------
    KernelError
        The file cannot be read, or its bias does not consist of finite numbers.
    """
    path = os.fsdecode(path)
    if ARCHIVE_PATTERN.fullmatch(path) is None:
        name, values = "bias", load_kernel(path, axes=4).fields.get("bias")
        if values is None:
            return None
    else:
        chosen = list[str]()

        def select(found: list[str]) -> str:
            weights = _select_tensor(path, tensor, found)
            chosen.append(weights)
            wanted = re.sub(r"(weight|kernel)(?=(:\d+)?$)", "bias", weights)
            return wanted if wanted in found else weights

        name, values = _read_archive(path, select)
        if name in chosen:
            return None
    try:
        numbers = np.asarray(values, np.float64).reshape(-1)
    except (TypeError, ValueError):
        numbers = np.array([np.nan])
    if not np.isfinite(numbers).all():
        raise KernelError(f"{path}: {name}", "must hold finite numbers, one per filter")
    return name, numbers.tolist()


def _read_archive(path: str, select: Callable[[list[str]], str]) -> tuple[str, Array]:
    """Read one tensor of a ``.npz`` or ``.safetensors`` file."""
    if path.lower().endswith(".npz"):
        reader = _read_npz
    else:
        from convcli.kernels.safetensors import read_safetensors as reader  # late: most kernels are typed
    try:
        with open_input(path) as stream:
            return reader(stream, path, select)
    except OSError as error:
        raise KernelError(path, describe_os_error(error)) from None
    except MatrixError as error:
        raise KernelError(error.what, error.why) from None


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
