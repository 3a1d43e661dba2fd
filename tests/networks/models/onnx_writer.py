"""Writes ONNX files for tests: protobuf messages from Python values, without the package onnx."""

import struct
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["attribute", "field", "graph", "message", "model", "node", "string", "tensor", "value", "varint"]

FLOAT, INT64 = 1, 7
Side = int | str | None


def varint(number: int) -> bytes:
    """Return a number as protobuf writes it."""
    number %= 1 << 64
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(number: int, content: int | float | str | bytes) -> bytes:
    """Return a field: a number, a float, a text, or a message."""
    if isinstance(content, float):
        return varint(number << 3 | 5) + struct.pack("<f", content)
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def message(*fields: tuple[int, int | float | str | bytes]) -> bytes:
    """Return a message of fields."""
    return b"".join(field(number, content) for number, content in fields)


def string(name: str) -> bytes:
    """Return a name as bytes."""
    return name.encode()


def tensor(
    name: str, shape: Sequence[int], values: Sequence[float] | None = None, *, kind: int | None = None
) -> bytes:
    """Return a TensorProto: of whole numbers if the values are, else of floats; without values external."""
    whole = values is not None and all(isinstance(number, int) for number in values)
    kind = (INT64 if whole and values else FLOAT) if kind is None else kind
    parts: list[tuple[int, Any]] = [*((1, side) for side in shape), (2, kind), (8, name)]
    if values is None:
        parts += [(13, message((1, "location"), (2, "missing.data"))), (14, 1)]
    else:
        code = {1: "f", 2: "B", 3: "b", 6: "i", 7: "q", 9: "?", 11: "d"}[kind]
        parts.append((9, struct.pack(f"<{len(values)}{code}", *values)))
    return message(*parts)


def attribute(name: str, content: Any) -> bytes:
    """Return an AttributeProto: a number, numbers, a text, or a message of (field, bytes)."""
    parts: list[tuple[int, Any]] = [(1, name)]
    if isinstance(content, str):
        parts += [(4, content), (20, 3)]
    elif isinstance(content, float):
        parts += [(2, content), (20, 1)]
    elif isinstance(content, int):
        parts += [(3, content), (20, 2)]
    elif isinstance(content, tuple):  # (5, tensor) or (6, graph)
        parts += [content, (20, content[0] - 1)]
    else:
        numbers = list(content)
        floats = any(isinstance(number, float) for number in numbers)
        parts += [((7 if floats else 8), number) for number in numbers] + [(20, 6 if floats else 7)]
    return message(*parts)


def node(
    operator: str,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    name: str = "",
    domain: str = "",
    metadata: Mapping[str, str] | None = None,
    **attributes: Any,
) -> bytes:
    """Return a NodeProto."""
    parts: list[tuple[int, Any]] = [*((1, each) for each in inputs), *((2, each) for each in outputs)]
    parts += [(3, name), (4, operator)]
    parts += [(5, attribute(key, content)) for key, content in attributes.items()]
    parts += [(7, domain)] if domain else []
    parts += [(9, message((1, key), (2, text))) for key, text in (metadata or {}).items()]
    return message(*parts)


def value(name: str, shape: Sequence[Side] | None = None, *, kind: int = FLOAT) -> bytes:
    """Return a ValueInfoProto: sides are numbers, names, or unknown."""
    parts: list[tuple[int, Any]] = [(1, kind)]
    if shape is not None:
        sides = [
            message() if side is None else message((1, side) if isinstance(side, int) else (2, side))
            for side in shape
        ]
        parts.append((2, message(*((1, side) for side in sides))))
    return message((1, name), (2, message((1, message(*parts)))))


def graph(
    nodes: Sequence[bytes],
    inputs: Sequence[bytes] = (),
    outputs: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    values: Sequence[bytes] = (),
) -> bytes:
    """Return a GraphProto."""
    parts: list[tuple[int, Any]] = [*((1, each) for each in nodes), (2, "main")]
    for number, messages in ((5, tensors), (11, inputs), (12, outputs), (13, values)):
        parts += [(number, each) for each in messages]
    return message(*parts)


def model(content: bytes, *, opset: int = 17, functions: Sequence[bytes] = ()) -> bytes:
    """Return a ModelProto."""
    domains = [(8, message((1, domain), (2, opset))) for domain in ("", "com.acme")]
    return message((1, 8), (2, "tests"), (7, content), *domains, *((25, each) for each in functions))
