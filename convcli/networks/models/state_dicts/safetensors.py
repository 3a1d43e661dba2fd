"""Reads the headers of ``.safetensors`` files: names, data types, shapes and positions of tensors.

Source: the format of safetensors files, github.com/huggingface/safetensors.
"""

import os
from collections.abc import Mapping
from itertools import pairwise
from math import prod
from typing import BinaryIO, NamedTuple

from convcli.errors import SpecError
from convcli.networks.models.archives import check_parsed_size
from convcli.networks.models.state_dicts.tensors import BITS, StoredTensor

__all__ = ["DTYPES", "HeaderEntry", "SafetensorsHeader", "read_header", "stored_tensors"]

MAX_HEADER = 100_000_000
MAX_AXES = 32
DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "uint16", "I16": "int16", "U32": "uint32",
    "I32": "int32", "U64": "uint64", "I64": "int64", "F16": "float16", "BF16": "bfloat16", "F32": "float32",
    "F64": "float64", "C64": "complex64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu", "F8_E4M3FNUZ": "float8_e4m3fnuz", "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F4": "float4_e2m1fn", "F6_E2M3": "float6_e2m3fn", "F6_E3M2": "float6_e3m2fn",
}  # fmt: skip


class HeaderEntry(NamedTuple):
    """A tensor's type and shape, and where it lies in the file, in bytes from the end of the header."""

    kind: str
    shape: tuple[int, ...]
    begin: int
    end: int


class SafetensorsHeader(NamedTuple):
    """The header of a file.

    Attributes
    ----------
    tensors : dict
        Each `HeaderEntry` by its name.
    start : int
        Position of the first value in the file.
    """

    tensors: dict[str, HeaderEntry]
    start: int


def read_header(stream: BinaryIO, name: str, max_header: int = MAX_HEADER) -> SafetensorsHeader:
    """Read the header of a file; `name` is that of the file, for messages.

    Raises
    ------
    SpecError
        The file is damaged, or its header is longer than `max_header`.
    """
    size = os.fstat(stream.fileno()).st_size
    length = int.from_bytes(stream.read(8), "little")
    if size < 8 or length > size - 8:
        raise SpecError(
            name, f"is truncated, or not a .safetensors file: a header of {length} bytes in a file of {size}"
        )
    if length > max_header:
        raise SpecError(name, f"has a header of {length} bytes; at most {max_header} are supported")
    tensors = _parse_header(stream.read(length), name)
    _check_offsets(tensors, size - 8 - length, name)
    return SafetensorsHeader(tensors, 8 + length)


def stored_tensors(header: SafetensorsHeader, name: str) -> tuple[StoredTensor, ...]:
    """Return the tensors of a file, in the order in which their values are stored.

    Raises
    ------
    SpecError
        A data type is not known.
    """
    tensors = []
    for key, entry in sorted(header.tensors.items(), key=lambda item: item[1].begin):
        if entry.kind not in DTYPES:
            raise SpecError(
                f"{name}:{key[:100]}", f"has the data type {entry.kind[:20]!r}, which is not known"
            )
        tensors.append(StoredTensor(key, entry.shape, DTYPES[entry.kind]))
    return tuple(tensors)


def _parse_header(text: bytes, name: str) -> dict[str, HeaderEntry]:
    """Parse the header: a JSON object of tensors and optional metadata."""
    import json

    check_parsed_size(text, name)
    try:
        entries = json.loads(text.decode(), object_pairs_hook=_refuse_repeated_names)
    except RecursionError:
        raise SpecError(name, "has an invalid header: it is nested too deeply") from None
    except ValueError as error:
        raise SpecError(name, f"has an invalid header: {str(error)[:100]}") from None
    if not isinstance(entries, dict):
        raise SpecError(name, "has an invalid header: it is not a JSON object")
    entries.pop("__metadata__", None)
    return {key: _parse_tensor(entry, f"{name}:{key}") for key, entry in entries.items()}


def _refuse_repeated_names(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        raise ValueError("a name occurs twice")
    return entries


def _parse_tensor(entry: object, name: str) -> HeaderEntry:
    """Check an entry of the header: no negative size or offset, and as many bytes as its shape needs."""
    if not isinstance(entry, dict):
        raise SpecError(name, "has no dtype, shape and data_offsets")
    kind, shape, offsets = (entry.get(key) for key in ("dtype", "shape", "data_offsets"))
    sizes, positions = _nonnegative_integers(shape), _nonnegative_integers(offsets)
    if sizes is not None and len(sizes) > MAX_AXES:
        raise SpecError(name, f"has {len(sizes)} axes; at most {MAX_AXES} are supported")
    if not isinstance(kind, str) or sizes is None or positions is None or len(positions) != 2:
        raise SpecError(name, "must have a dtype, a shape and two data_offsets, all integers of at least 0")
    begin, end = positions
    if begin > end:
        raise SpecError(name, f"ends at byte {end}, before it begins at byte {begin}")
    needed = -(-prod(sizes) * BITS[DTYPES[kind]] // 8) if kind in DTYPES else end - begin
    if end - begin != needed:
        raise SpecError(name, f"has {end - begin} bytes, but {kind} of shape {sizes} needs {needed}")
    return HeaderEntry(kind, sizes, begin, end)


def _nonnegative_integers(value: object) -> tuple[int, ...] | None:
    """Return a JSON list of integers of at least 0 as a tuple; None for anything else, even booleans."""
    if not isinstance(value, list) or not all(type(item) is int and 0 <= item < 2**63 for item in value):
        return None
    return tuple(value)


def _check_offsets(tensors: Mapping[str, HeaderEntry], size: int, name: str) -> None:
    """Check that the tensors fill the file without gaps or overlaps."""
    in_order = sorted(tensors.items(), key=lambda entry: (entry[1].begin, entry[1].end))
    for (first_name, first), (second_name, second) in pairwise(in_order):
        if second.begin < first.end:
            raise SpecError(name, f"has overlapping tensors: {first_name} and {second_name}")
        if second.begin > first.end:
            raise SpecError(name, f"has a gap of {second.begin - first.end} bytes before {second_name}")
    begin, end = (in_order[0][1].begin, in_order[-1][1].end) if in_order else (0, 0)
    if begin != 0 or end != size:
        raise SpecError(
            name,
            f"is truncated or damaged: it holds {size} bytes of values, its header lists {begin} to {end}",
        )
