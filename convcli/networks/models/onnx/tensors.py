"""Tensors of an ONNX file: names, types and shapes; values only of the small ones that sizes depend on."""

from math import prod
from struct import unpack_from
from typing import NamedTuple

from convcli.networks.models.onnx.wire import BYTES, FIXED64, VARINT, Span, WireReader
from convcli.networks.models.operations import Shape

__all__ = ["DTYPES", "MAX_RANK", "Number", "Tensor", "is_integer", "read_sparse_tensor", "read_tensor"]

Number = int | float
MAX_RANK = 64
MAX_SIDE = 1 << 62

DTYPES = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 8: "string",
    9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128",
    16: "bfloat16", 17: "float8_e4m3fn", 18: "float8_e4m3fnuz", 19: "float8_e5m2", 20: "float8_e5m2fnuz",
    21: "uint4", 22: "int4", 23: "float4_e2m1", 24: "float8_e8m0fnu", 25: "uint2", 26: "int2",
}  # fmt: skip
_FORMATS = {
    "float32": "f", "uint8": "B", "int8": "b", "uint16": "H", "int16": "h", "int32": "i", "int64": "q",
    "bool": "?", "float16": "e", "float64": "d", "uint32": "I", "uint64": "Q",
}  # fmt: skip
_SIZES = {"f": 4, "B": 1, "b": 1, "H": 2, "h": 2, "i": 4, "q": 8, "?": 1, "e": 2, "d": 8, "I": 4, "Q": 8}

# Fields of TensorProto; https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
DIMS, DATA_TYPE, FLOAT_DATA, INT32_DATA, INT64_DATA, NAME, RAW_DATA = 1, 2, 4, 5, 7, 8, 9
DOUBLE_DATA, UINT64_DATA, DATA_LOCATION = 10, 11, 14
EXTERNAL = 1


class Tensor(NamedTuple):
    """A tensor stored in the file, or beside it.

    Attributes
    ----------
    name : str
    shape : tuple of int
    dtype : str
    reader : WireReader
    data : list of (int, int, int, int)
        The fields that hold its values, see `WireReader.fields`; empty for external data.
    """

    name: str
    shape: Shape
    dtype: str
    reader: WireReader
    data: list[tuple[int, int, int, int]]

    def numbers(self, limit: int) -> tuple[Number, ...] | None:
        """Return the values in order; None if there are more than `limit`, or they are not here."""
        elements = prod(self.shape)
        code = _FORMATS.get(self.dtype)
        if elements > limit or code is None:
            return None
        if elements == 0:
            return ()
        found: list[Number] = []
        for number, wire, start, stop in self.data:
            if number == RAW_DATA:
                if wire != BYTES or stop - start < elements * _SIZES[code]:
                    self.reader.fail(
                        f"tensor {self.name!r} of {elements} values has {max(stop - start, 0)} bytes"
                    )
                return tuple(unpack_from(f"<{elements}{code}", self.reader.data, start))
            if number == FLOAT_DATA:
                found += self.reader.floats(start, stop, limit)
            elif number == DOUBLE_DATA:
                size = stop - start if wire in (BYTES, FIXED64) else 0
                found += unpack_from(f"<{min(size // 8, limit)}d", self.reader.data, start)
            elif code != "e":  # as bits
                found += self.reader.integers(wire, start, stop, limit)
        return tuple(found) if len(found) == elements else None


def is_integer(dtype: str) -> bool:
    """Return whether a type is one of whole numbers, or of truth values."""
    return dtype.startswith(("int", "uint", "bool"))


def read_tensor(reader: WireReader, span: Span) -> Tensor:
    """Read a TensorProto; its values stay unread."""
    name, dtype, external = "", 0, False
    shape: list[int] = []
    data: list[tuple[int, int, int, int]] = []
    for field in reader.fields(span):
        number, wire, start, stop = field
        if number == DIMS:
            shape += reader.integers(wire, start, stop, MAX_RANK)
        elif number == DATA_TYPE and wire == VARINT:
            dtype = start
        elif number == NAME and wire == BYTES:
            name = reader.text((start, stop))
        elif number == DATA_LOCATION and wire == VARINT:
            external = start == EXTERNAL
        elif number in (RAW_DATA, FLOAT_DATA, INT32_DATA, INT64_DATA, DOUBLE_DATA, UINT64_DATA):
            data.append(field)
            if len(data) > MAX_UNPACKED:
                data = [field]  # a large tensor, not packed: no one asks for its values
        if len(shape) > MAX_RANK:
            reader.fail(f"tensor {name!r} has more than {MAX_RANK} dimensions")
    _check_shape(reader, name, shape)
    return Tensor(name, tuple(shape), DTYPES.get(dtype, f"type {dtype}"), reader, [] if external else data)


MAX_UNPACKED = 4096


def _check_shape(reader: WireReader, name: str, shape: list[int]) -> None:
    for side in shape:
        if not 0 <= side < MAX_SIDE:
            reader.fail(f"tensor {name!r} has a side of {side}")


def read_sparse_tensor(reader: WireReader, span: Span) -> Tensor:
    """Read a SparseTensorProto as the dense tensor that it stands for, without its values."""
    name, dtype = "", "float32"
    shape: list[int] = []
    for number, wire, start, stop in reader.fields(span):
        if number == 1 and wire == BYTES:  # values
            values = read_tensor(reader, (start, stop))
            name, dtype = values.name, values.dtype
        elif number == 3:  # dims
            shape += reader.integers(wire, start, stop, MAX_RANK)
            if len(shape) > MAX_RANK:
                reader.fail(f"a sparse tensor has more than {MAX_RANK} dimensions")
    _check_shape(reader, name, shape)
    return Tensor(name, tuple(shape), dtype, reader, [])
