"""The graph of an ONNX file: nodes, stored tensors, inputs and outputs, as they are written in it."""

from collections.abc import Iterator
from functools import cached_property
from mmap import ACCESS_READ, mmap
from struct import unpack_from
from typing import BinaryIO, NamedTuple

from convcli.errors import SpecError, describe_os_error
from convcli.files.opening import open_input
from convcli.networks.models.onnx.tensors import DTYPES, MAX_RANK, Tensor, read_sparse_tensor, read_tensor
from convcli.networks.models.onnx.wire import BYTES, FIXED32, VARINT, Span, WireReader, signed

__all__ = ["Attribute", "Declared", "Function", "Graph", "ModelFile", "Node", "open_model"]

MAX_NUMBERS = 4096  # of an attribute
BRANCHING = {"If", "Loop", "Scan", "SequenceMap"}
MAX_PIPE = 1 << 28  # bytes of a file that cannot be mapped
CHUNK = 1 << 20

# Fields of ModelProto, GraphProto, NodeProto, ...: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto


class Declared(NamedTuple):
    """A named value with the shape that the file states: numbers, names, None; None if it states no shape."""

    name: str
    shape: tuple[int | str | None, ...] | None
    dtype: str


class Attribute(NamedTuple):
    """An attribute of a node, of one of many types."""

    integer: int = 0
    number: float = 0.0
    text: str = ""
    tensor: Tensor | None = None
    graph: Span | None = None
    integers: tuple[int, ...] = ()
    numbers: tuple[float, ...] = ()
    reference: str = ""  # the attribute of the function's call that it stands for
    sparse: bool = False


class Node:
    """A node of a graph: one call of an operator.

    Attributes
    ----------
    operator, domain, name : str
    inputs, outputs : list of str
        Names of values; an empty one is left out.
    """

    __slots__ = (
        "_attribute_spans", "_attributes", "_metadata_spans", "_reader", "domain", "inputs", "name",
        "operator", "outputs",
    )  # fmt: skip

    def __init__(self, reader: WireReader, span: Span) -> None:
        self._reader = reader
        self.operator = self.domain = self.name = ""
        self.inputs: list[str] = []
        self.outputs: list[str] = []
        self._attribute_spans: list[Span] = []
        self._metadata_spans: list[Span] = []
        self._attributes: dict[str, Attribute] | None = None
        for number, wire, start, stop in reader.fields(span):
            if wire != BYTES:
                continue
            if number == 1:
                self.inputs.append(reader.text((start, stop)))
            elif number == 2:
                self.outputs.append(reader.text((start, stop)))
            elif number == 3:
                self.name = reader.text((start, stop))
            elif number == 4:
                self.operator = reader.text((start, stop))
            elif number == 5:
                self._attribute_spans.append((start, stop))
            elif number == 7:
                self.domain = reader.text((start, stop))
            elif number == 9:
                self._metadata_spans.append((start, stop))
        if self.domain == "ai.onnx":
            self.domain = ""

    @property
    def title(self) -> str:
        """Its name, or that of its first output, for messages."""
        named = self.name or next(filter(None, self.outputs), "") or self.operator
        return named if len(named) <= 200 else f"{named[:200]}..."

    @property
    def qualified_operator(self) -> str:
        """The operator, after its domain if that is not ONNX's own."""
        return f"{self.domain}.{self.operator}" if self.domain else self.operator

    @property
    def attributes(self) -> dict[str, Attribute]:
        """The attributes by name."""
        if self._attributes is None:
            self._attributes = dict(_attribute(self._reader, span) for span in self._attribute_spans)
        return self._attributes

    @property
    def has_graphs(self) -> bool:
        """Whether the operator has branches or a body."""
        return self.operator in BRANCHING

    @property
    def graphs(self) -> list[Span]:
        """The graphs among its attributes: branches and bodies of loops."""
        return [found.graph for found in self.attributes.values() if found.graph is not None]

    def metadata(self) -> Iterator[tuple[str, str]]:
        """Yield names and texts that the exporter left."""
        for span in self._metadata_spans:
            texts = {1: (0, 0), 2: (0, 0)}
            for number, wire, start, stop in self._reader.fields(span):
                if wire == BYTES:
                    texts[number] = start, stop
            yield self._reader.text(texts[1]), self._reader.text(texts[2])


def _attribute(reader: WireReader, span: Span) -> tuple[str, Attribute]:
    name, found, integers, numbers = "", Attribute(), [], []
    for number, wire, start, stop in reader.fields(span):
        if number == 1 and wire == BYTES:
            name = reader.text((start, stop))
        elif number == 2 and wire == FIXED32:
            found = found._replace(number=unpack_from("<f", reader.data, start)[0])
        elif number == 3 and wire == VARINT:
            found = found._replace(integer=signed(start))
        elif number == 4 and wire == BYTES:
            found = found._replace(text=reader.text((start, min(stop, start + 1000))))
        elif number == 5 and wire == BYTES:
            found = found._replace(tensor=read_tensor(reader, (start, stop)))
        elif number == 6 and wire == BYTES:
            found = found._replace(graph=(start, stop))
        elif number == 7 and wire in (BYTES, FIXED32):
            numbers += reader.floats(start, stop, MAX_NUMBERS)
        elif number == 8:
            integers += reader.integers(wire, start, stop, MAX_NUMBERS)
        elif number == 21 and wire == BYTES:
            found = found._replace(reference=reader.text((start, stop)))
        elif number == 22 and wire == BYTES:
            found = found._replace(tensor=read_sparse_tensor(reader, (start, stop)), sparse=True)
        if max(len(integers), len(numbers)) > MAX_NUMBERS:
            reader.fail(f"attribute {name!r} has more than {MAX_NUMBERS} numbers")
    return name, found._replace(integers=tuple(integers), numbers=tuple(numbers))


class Graph:
    """A graph: of a model, of a branch, of the body of a loop or of a function.

    Attributes
    ----------
    nodes : list of Node
    tensors : dict of str to Tensor
        Stored ones (initializers) by name.
    inputs, outputs : list of Declared
    """

    def __init__(self, reader: WireReader, span: Span) -> None:
        self.nodes: list[Node] = []
        self.tensors: dict[str, Tensor] = {}
        self.inputs: list[Declared] = []
        self.outputs: list[Declared] = []
        self._reader = reader
        self._value_spans: list[Span] = []
        for number, wire, start, stop in reader.fields(span):
            if wire != BYTES:
                continue
            part = start, stop
            if number == 1:
                self.nodes.append(Node(reader, part))
            elif number in (5, 15):
                tensor = (read_tensor if number == 5 else read_sparse_tensor)(reader, part)
                self.tensors[tensor.name] = tensor
            elif number == 11:
                self.inputs.append(_declared(reader, part))
            elif number == 12:
                self.outputs.append(_declared(reader, part))
            elif number == 13:
                self._value_spans.append(part)

    @cached_property
    def stated(self) -> dict[str, Declared]:
        """Shapes that the file states, by name: read only if an operation is unknown."""
        values = (_declared(self._reader, span) for span in self._value_spans)
        return {value.name: value for value in (*values, *self.outputs) if value.shape is not None}


def _declared(reader: WireReader, span: Span) -> Declared:
    """Read a ValueInfoProto; only tensors have shapes."""
    name, dtype = "", "float32"
    shape: list[int | str | None] | None = None
    for number, wire, start, stop in reader.fields(span):
        if number == 1 and wire == BYTES:
            name = reader.text((start, stop))
        elif number == 2 and wire == BYTES:  # type
            for kind, _, *tensor in _messages(reader, (start, stop)):
                if kind != 1:  # sequences, maps, optional values
                    continue
                for part, form, first, last in reader.fields((tensor[0], tensor[1])):
                    if part == 1 and form == VARINT:
                        dtype = DTYPES.get(first, "float32")
                    elif part == 2 and form == BYTES:
                        shape = _dimensions(reader, name, (first, last))
    return Declared(name, None if shape is None else tuple(shape), dtype)


def _messages(reader: WireReader, span: Span) -> Iterator[tuple[int, int, int, int]]:
    return (field for field in reader.fields(span) if field[1] == BYTES)


def _dimensions(reader: WireReader, name: str, span: Span) -> list[int | str | None]:
    shape: list[int | str | None] = []
    for number, _, start, stop in _messages(reader, span):
        if number != 1:
            continue
        side: int | str | None = None
        for kind, wire, first, last in reader.fields((start, stop)):
            if kind == 1 and wire == VARINT and signed(first) >= 0:
                side = first
            elif kind == 2 and wire == BYTES:
                side = reader.text((first, last)) or None
        shape.append(side)
        if len(shape) > MAX_RANK:
            reader.fail(f"{name!r} has more than {MAX_RANK} dimensions")
    return shape


class Function(NamedTuple):
    """A function of the model: nodes that a call of it stands for."""

    nodes: list[Node]
    inputs: list[str]
    outputs: list[str]
    defaults: dict[str, Attribute]


class ModelFile:
    """An ONNX file that was read.

    Attributes
    ----------
    name : str
    reader : WireReader
    graph : Graph
    opset : int
        Version of ONNX's own operators.
    functions : dict of (str, str) to Function
        By domain and name.
    """

    def __init__(self, reader: WireReader) -> None:
        self.reader, self.name = reader, reader.name
        self.opset = 0
        self.functions: dict[tuple[str, str], Function] = {}
        graph: Span | None = None
        functions: list[Span] = []
        for number, wire, start, stop in reader.fields((0, len(reader.data))):
            if wire == BYTES:
                if number == 7:
                    graph = start, stop
                elif number == 8:
                    self._import((start, stop))
                elif number == 25:
                    functions.append((start, stop))
        if graph is None:
            reader.fail("has no graph")
        self.opset = self.opset or 1
        for span in functions:
            self._add_function(span)
        self.graph = Graph(reader, graph)

    @property
    def inputs(self) -> list[Declared]:
        """The inputs of the model; up to opset 8 stored tensors are declared among those of the graph."""
        return [declared for declared in self.graph.inputs if declared.name not in self.graph.tensors]

    def _import(self, span: Span) -> None:
        domain, version = "", 0
        for number, wire, start, stop in self.reader.fields(span):
            if number == 1 and wire == BYTES:
                domain = self.reader.text((start, stop))
            elif number == 2 and wire == VARINT:
                version = start
        if domain in ("", "ai.onnx"):
            self.opset = version

    def _add_function(self, span: Span) -> None:
        name = domain = ""
        function = Function([], [], [], {})
        for number, wire, start, stop in self.reader.fields(span):
            if wire != BYTES:
                continue
            part = start, stop
            if number == 1:
                name = self.reader.text(part)
            elif number == 4:
                function.inputs.append(self.reader.text(part))
            elif number == 5:
                function.outputs.append(self.reader.text(part))
            elif number == 7:
                function.nodes.append(Node(self.reader, part))
            elif number == 10:
                domain = self.reader.text(part)
            elif number == 11:
                key, default = _attribute(self.reader, part)
                function.defaults[key] = default
        self.functions[domain, name] = function


def _read_all(stream: BinaryIO, path: str) -> bytes:
    """Read a pipe, in parts: asked for more at once, a stream would allocate all of it."""
    parts: list[bytes] = []
    while part := stream.read(CHUNK):
        parts.append(part)
        if len(parts) * CHUNK > MAX_PIPE:
            raise SpecError(path, f"is a pipe of more than {MAX_PIPE >> 20} MiB: give a file")
    return b"".join(parts)


def open_model(path: str) -> ModelFile:
    """Read the graph of an ONNX file.

    Raises
    ------
    SpecError
        It cannot be opened, is damaged, or not an ONNX file.
    """
    try:
        with open_input(path) as stream:
            try:
                data: bytes | mmap = mmap(stream.fileno(), 0, access=ACCESS_READ)
            except (OSError, ValueError):  # a pipe, or empty
                data = _read_all(stream, path)
    except OSError as error:
        raise SpecError(path, describe_os_error(error)) from None
    return ModelFile(WireReader(path, data))
