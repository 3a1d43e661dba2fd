"""What the names in pickles of tensors stand for: tensors without values, storages, and placeholders."""

from dataclasses import dataclass
from math import prod
from typing import NamedTuple

from convcli.networks.models.state_dicts.tensors import BITS

__all__ = [
    "Mapped",
    "Name",
    "Placeholder",
    "Rebuilt",
    "Storage",
    "call_name",
    "checked_name",
    "persistent_storage",
]

# torch's names of data types, and of its classes of storages.
TORCH_DTYPES = {
    "float": "float32", "double": "float64", "half": "float16", "long": "int64", "int": "int32",
    "short": "int16", "chalf": "complex32", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip
TORCH_DTYPES |= {name: name for name in BITS}
STORAGES = {
    "FloatStorage": "float32", "DoubleStorage": "float64", "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16", "LongStorage": "int64", "IntStorage": "int32", "ShortStorage": "int16",
    "CharStorage": "int8", "ByteStorage": "uint8", "BoolStorage": "bool", "ComplexFloatStorage": "complex64",
    "ComplexDoubleStorage": "complex128", "QInt8Storage": "qint8", "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32", "QUInt4x2Storage": "quint4x2", "QUInt2x4Storage": "quint2x4",
    "UntypedStorage": "uint8", "TypedStorage": "float32", "_TypedStorage": "float32",
    "_UntypedStorage": "uint8",
}  # fmt: skip
TENSORS = {
    "_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3", "_rebuild_parameter",
    "_rebuild_parameter_with_state", "_rebuild_meta_tensor_no_storage", "_rebuild_qtensor",
    "_rebuild_from_type_v2", "_rebuild_from_type",
}  # fmt: skip
MAPPINGS = {("collections", "OrderedDict"), ("collections", "defaultdict"), ("collections", "Counter"),
            ("builtins", "dict")}  # fmt: skip
LISTS = {("builtins", name) for name in ("set", "frozenset", "list", "tuple")}
# Harmless in every position: what they would return is not looked at.
PLACEHOLDERS = {
    ("torch", "device"), ("torch", "Tensor"), ("torch._tensor", "Tensor"), ("torch", "Generator"),
    ("torch.nn.parameter", "Parameter"), ("torch.nn.parameter", "Buffer"),
    ("torch.serialization", "_get_layout"), ("torch.torch_version", "TorchVersion"),
    ("torch", "per_tensor_affine"), ("torch", "per_channel_affine"), ("torch", "per_tensor_symmetric"),
    ("torch", "per_channel_symmetric"), ("torch", "per_channel_affine_float_qparams"),
    ("_codecs", "encode"), ("builtins", "bytearray"), ("builtins", "complex"), ("builtins", "slice"),
    ("builtins", "int"), ("builtins", "float"), ("builtins", "str"), ("builtins", "bool"),
    ("builtins", "object"), ("numpy", "dtype"), ("numpy", "ndarray"), ("numpy.core.multiarray", "scalar"),
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"), ("argparse", "Namespace"), ("copyreg", "_reconstructor"),
    ("datetime", "datetime"), ("datetime", "timedelta"),
}  # fmt: skip
MAX_AXES = 64


class Name(NamedTuple):
    """The name of a function or class."""

    module: str
    name: str


class Mapped(NamedTuple):
    """A dictionary, as pairs in order: keys need not be hashable, and may be chosen to collide."""

    pairs: list[tuple[object, object]]


@dataclass(eq=False)
class Placeholder:
    """An object that is not looked at."""

    what: str


class Storage(NamedTuple):
    """Where the values of tensors are: data type, name within the archive, number of values."""

    dtype: str
    key: str
    elements: int


class Rebuilt(NamedTuple):
    """A tensor without its values.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
    storage : Storage or None
    offset, reach : int
        The first value in its storage, and the position after the last that it reads.
    """

    shape: tuple[int, ...]
    dtype: str
    storage: Storage | None
    offset: int = 0
    reach: int = 0


def checked_name(module: str, name: str) -> bool:
    """Whether a name may be in a pickle of tensors.

    Examples
    --------
    >>> checked_name("torch._utils", "_rebuild_tensor_v2"), checked_name("os", "system")
    (True, False)
    """
    if module in ("torch._utils", "torch._tensor") and name in TENSORS:
        return True
    if module in ("torch", "torch.storage", "torch.cuda") and name in STORAGES:
        return True
    if module == "torch" and (name in TORCH_DTYPES or name == "Size"):
        return True
    return (module, name) in MAPPINGS | LISTS | PLACEHOLDERS


def call_name(function: Name, arguments: tuple[object, ...]) -> object:
    """Return what an allowed function returns: a tensor without values, a list, or a placeholder."""
    if function.name in TENSORS:
        return _rebuilt(function.name, arguments)
    if function in MAPPINGS:
        first = arguments[0] if arguments else None
        if isinstance(first, Mapped):
            return Mapped([*first.pairs])
        pairs = first if isinstance(first, list) else []
        return Mapped(
            [(pair[0], pair[1]) for pair in pairs if isinstance(pair, tuple | list) and len(pair) == 2]
        )
    if function in LISTS:
        return list(arguments[0]) if arguments and isinstance(arguments[0], list | tuple) else []
    if function == ("torch", "Size"):
        return tuple(arguments[0]) if arguments and isinstance(arguments[0], list | tuple) else ()
    return Placeholder(function.name)


def persistent_storage(key: object) -> object:
    """Return the storage that an identifier describes: ``("storage", class, key, location, elements)``."""
    if not isinstance(key, tuple) or len(key) < 5 or key[0] != "storage":
        return Placeholder("storage")
    kind, name, elements = key[1], key[2], key[4]
    dtype = STORAGES.get(kind.name, "") if isinstance(kind, Name) else ""
    if not dtype or not isinstance(name, str) or not _is_size(elements):
        return Placeholder("storage")
    return Storage(dtype, name, elements)


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _sizes(value: object) -> tuple[int, ...] | None:
    """Return a shape; None for anything else."""
    if not isinstance(value, tuple | list) or len(value) > MAX_AXES or not all(map(_is_size, value)):
        return None
    return tuple(value)


def _rebuilt(name: str, arguments: tuple[object, ...]) -> object:
    """Return the tensor that one of torch's functions makes; a placeholder for other arguments."""
    if name.startswith("_rebuild_from_type"):
        function = arguments[0] if arguments else None
        inner = arguments[2] if len(arguments) > 2 else None
        if isinstance(function, Name) and function.name in TENSORS and isinstance(inner, tuple):
            is_nested = function.name.startswith("_rebuild_from_type")
            return Placeholder(name) if is_nested else _rebuilt(function.name, inner)
        return Placeholder(name)
    if name.startswith("_rebuild_parameter"):
        return arguments[0] if arguments and isinstance(arguments[0], Rebuilt) else Placeholder(name)
    if name == "_rebuild_meta_tensor_no_storage":
        shape = _sizes(arguments[1]) if len(arguments) > 1 else None
        dtype = arguments[0]
        if shape is None or not isinstance(dtype, Name):
            return Placeholder(name)
        return Rebuilt(shape, TORCH_DTYPES.get(dtype.name, ""), None)
    if len(arguments) < 4 or not isinstance(arguments[0], Storage) or not _is_size(arguments[1]):
        return Placeholder(name)
    storage, offset, shape, stride = arguments[0], arguments[1], _sizes(arguments[2]), _sizes(arguments[3])
    if shape is None or stride is None or len(shape) != len(stride) or not isinstance(offset, int):
        return Placeholder(name)
    given = arguments[6] if name == "_rebuild_tensor_v3" and len(arguments) > 6 else None
    dtype = TORCH_DTYPES.get(given.name, "") if isinstance(given, Name) else storage.dtype
    reach = offset + sum((side - 1) * step for side, step in zip(shape, stride, strict=True)) + 1
    return Rebuilt(shape, dtype, storage, offset, reach if prod(shape) else offset)
