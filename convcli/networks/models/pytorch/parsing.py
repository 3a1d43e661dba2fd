"""Parses the JSON of a .pt2 file: the program, its parameters and its inputs.

Source: torch/_export/serde/schema.py, schema versions 1 (torch 2.1) to 8 (torch 2.14).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.errors import SpecError
from convcli.networks.models.operations import ModelInput, Weight, is_sequence_of_vectors
from convcli.networks.models.pytorch.calls import Call, Program, Reference, Stated, Subprogram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from convcli.networks.models.operations import Shape
    from convcli.networks.models.pytorch.calls import Argument, OutputName

__all__ = ["ParsedProgram", "Range", "parse_program"]

# torch/_export/serde/schema.py: ScalarType
SCALAR_TYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16",
    29: "float8_e4m3fn", 30: "float8_e5m2", 31: "float8_e4m3fnuz", 32: "float8_e5m2fnuz",
    33: "float8_e8m0fnu", 34: "uint32", 35: "uint64",
}  # fmt: skip
MAX_DEPTH = 20  # of programs within programs
MAX_RANK = 64  # PyTorch's own limit
MALFORMED = (TypeError, ValueError, LookupError, AttributeError, RecursionError)
NOT_NUMBERS = ("as_none", "as_memory_format", "as_layout", "as_device", "as_custom_obj", "as_complex")
NUMBERS = ("as_int", "as_float", "as_bool", "as_string", "as_operator")
LISTS = ("as_ints", "as_floats", "as_bools", "as_strings", "as_int_lists", "as_float_lists")
# The layers whose channels are the last axis of their input; of all others they follow the batch.
RECURRENT = ("lstm", "gru", "rnn_tanh", "rnn_relu")
LAST_AXIS = (
    "linear",
    "matmul",
    "layer_norm",
    "native_layer_norm",
    "addmm",
    "mm",
    "rms_norm",
    "bmm",
    *RECURRENT,
)
# Functions that keep the axes, so what reads their results tells more.
MAX_KEEPING = 20
KEEPING = ("to", "clone", "contiguous", "_to_copy", "dropout", "add", "sub", "mul", "div")
FLOATS = ("float32", "float16", "bfloat16", "float64")


class Range(NamedTuple):
    """What a file allows for a dynamic side."""

    minimum: int | None
    maximum: int | None


class ParsedProgram(NamedTuple):
    """A program, and what its dynamic sides may be, by their names."""

    program: Program
    ranges: Mapping[str, Range]


def parse_program(document: object, shared: Mapping[str, str], file: str) -> ParsedProgram:
    """Parse a program.

    Parameters
    ----------
    document : object
        The parsed JSON.
    shared : mapping
        The name of the parameter or buffer that has the same values, for those that share them.
    file : str
        For messages.

    Raises
    ------
    SpecError
        It is not what torch.export.save writes.
    """
    try:
        return _Parser(document, shared).parse()
    except MALFORMED:
        raise SpecError(file, "is damaged, or no program that torch.export.save wrote") from None


class _Parser:
    """The program as JSON, and the names that it has stated so far."""

    def __init__(self, document: Any, shared: Mapping[str, str]) -> None:
        self.document = document
        self.graph = document["graph_module"]["graph"]
        self.signature = document["graph_module"]["signature"]
        self.shared = shared
        self.stated: dict[str, Stated | int] = {}
        self.subprograms = 0

    def parse(self) -> ParsedProgram:
        self.state(self.graph, "")
        weights: dict[str, Weight] = {}
        constants: dict[str, Argument] = {}
        names: list[str] = []
        for kind, name, original in self.input_specs():
            if kind == "user_input":
                names.append(name)
            elif kind == "constant":
                constants[name] = original
            else:
                weights[name] = self.weight(kind, name, str(original))
        calls = tuple(self.call(node, "", 0) for node in self.graph["nodes"])
        readers = _first_readers(calls)
        inputs = tuple(self.model_input(name, readers) for name in names)
        program = Program(inputs, constants, weights, calls, self.outputs(), self.stated)
        ranges = {
            _name(key): Range(_limit(value["min_val"]), _limit(value["max_val"]))
            for key, value in (self.document.get("range_constraints") or {}).items()
        }
        return ParsedProgram(program, ranges)

    def state(self, graph: Any, prefix: str) -> None:
        """Keep what a graph states about its tensors and numbers."""
        for name, meta in graph["tensor_values"].items():
            sides = [_side(each) for each in meta["sizes"]]
            shape = tuple(side for side in sides if side is not None)
            if len(sides) > MAX_RANK:
                raise ValueError(name)
            known: Shape | None = shape if len(shape) == len(sides) else None
            self.stated[prefix + _name(name)] = Stated(known, SCALAR_TYPES.get(meta["dtype"], "float32"))
        for name, meta in graph["sym_int_values"].items():
            number = _side(meta)
            if number is not None:
                self.stated[prefix + _name(name)] = number

    # Inputs and outputs -----------------------------------------------------------------------------------

    def input_specs(self) -> list[tuple[str, str, Argument]]:
        """Return the kind of each input, its name in the graph, and its own name or value."""
        if "input_specs" not in self.signature:
            return self.input_specs_of_torch_2_1()
        found: list[tuple[str, str, Argument]] = []
        for spec in self.signature["input_specs"]:
            kind, value = _entry(spec)
            if kind in ("parameter", "buffer", "tensor_constant"):
                found.append((kind, _name(value["arg"]["name"]), _name(value[f"{kind}_name"])))
            elif kind == "constant_input":
                found.append(("constant", _name(value["name"]), self.argument(value["value"], "", 0)))
            elif kind == "user_input":
                argument = self.argument(value["arg"], "", 0)
                if isinstance(argument, Reference) and value["arg"].get("as_tensor"):
                    found.append((kind, argument.name, None))
                elif isinstance(argument, Reference):
                    found.append(("constant", argument.name, self.hint(argument.name)))
        return found

    def hint(self, name: str) -> int | None:
        stated = self.stated.get(name)
        return stated if isinstance(stated, int) else None

    def input_specs_of_torch_2_1(self) -> list[tuple[str, str, Argument]]:
        kinds = {"inputs_to_parameters": "parameter", "inputs_to_buffers": "buffer"}
        found: list[tuple[str, str, Argument]] = [
            (kind, _name(name), _name(own))
            for key, kind in kinds.items()
            for name, own in self.signature[key].items()
        ]
        return found + [("user_input", _name(name), None) for name in self.signature["user_inputs"]]

    def weight(self, kind: str, name: str, own: str) -> Weight:
        stated = self.stated[name]
        if not isinstance(stated, Stated) or stated.shape is None or min(stated.shape, default=0) < 0:
            raise ValueError(name)
        return Weight(self.shared.get(own, own), stated.shape, stated.dtype, learned=kind == "parameter")

    def model_input(self, name: str, readers: Mapping[str, Call]) -> ModelInput:
        meta = self.graph["tensor_values"][name]
        shape = tuple(_symbol(each) for each in meta["sizes"])
        is_number = SCALAR_TYPES.get(meta["dtype"]) in FLOATS
        axis = None
        if len(shape) in (2, 3) and _has_steps_first(name, readers):
            return ModelInput(name, shape, 2 if len(shape) == 3 else None, batch_axis=1)
        if is_number:
            axis = 2 if is_sequence_of_vectors(shape) else _channel_axis(name, readers, len(shape))
        return ModelInput(name, shape, axis)

    def outputs(self) -> tuple[tuple[str, Reference], ...]:
        """Return the tensors that the program returns, with their names."""
        return tuple((name, Reference(name)) for name in self.output_names())

    def output_names(self) -> list[str]:
        if "output_specs" not in self.signature:
            return [_name(name) for name in self.signature["user_outputs"]]
        found = []
        for spec in self.signature["output_specs"]:
            kind, value = _entry(spec)
            if kind in ("user_output", "loss_output"):
                argument = value["arg"]
                named = (argument.get("as_tensor") or argument) if isinstance(argument, dict) else {}
                if "name" in named:
                    found.append(_name(named["name"]))
        return found

    # Calls ------------------------------------------------------------------------------------------------

    def call(self, node: Any, prefix: str, depth: int) -> Call:
        arguments: dict[str, Argument] = {}
        for at, given in enumerate(node["inputs"]):
            name = given["name"]
            if not isinstance(name, str) or not name or name in arguments:
                name = str(at)
            arguments[name] = self.argument(given["arg"], prefix, depth)
        target = _name(node["target"]).removeprefix("torch.ops.")
        outputs = tuple(self.output(each, prefix) for each in node["outputs"])
        return Call(target, arguments, outputs, _module(node.get("metadata") or {}))

    def output(self, value: Any, prefix: str) -> OutputName:
        kind, named = _entry(value)
        if kind == "as_tensors":
            return tuple(prefix + _name(each["name"]) for each in named)
        if kind == "as_optional_tensors":
            return tuple(prefix + _tensor_name(each["as_tensor"]) if each.get("as_tensor") else None
                         for each in named)  # fmt: skip
        if kind == "as_tensor":
            return prefix + _name(named["name"])
        if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
            return prefix + _name(named["as_name"]) if named.get("as_name") else None
        return None

    def argument(self, value: Any, prefix: str, depth: int) -> Argument:
        """Return an argument: the only entry of the object that holds it says what it is."""
        kind, content = _entry(value)
        if kind in NOT_NUMBERS:
            return None
        if kind in NUMBERS:
            return _number_or_text(content)
        if kind in LISTS:
            return [[_number_or_text(x) for x in part] if isinstance(part, list) else _number_or_text(part)
                    for part in content]  # fmt: skip
        if kind == "as_tensor":
            return Reference(prefix + _tensor_name(content))
        if kind == "as_tensors":
            return [Reference(prefix + _name(each["name"])) for each in content]
        if kind == "as_nested_tensors":
            return [[Reference(prefix + _name(each["name"])) for each in part] for part in content]
        if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
            return self.symbolic(content, prefix)
        if kind in ("as_sym_ints", "as_sym_bools", "as_sym_floats"):
            return [self.symbolic(each, prefix) for each in content]
        if kind == "as_optional_tensor":
            return self.argument(content, prefix, depth)
        if kind == "as_optional_tensors":
            return [self.argument(each, prefix, depth) for each in content]
        if kind == "as_scalar_type":
            return SCALAR_TYPES.get(content, "float32")
        if kind == "as_graph":
            return self.subprogram(content["graph"], depth + 1)
        return None

    def symbolic(self, value: Any, prefix: str) -> Argument:
        """Return a number that is given, or the name of one that is computed."""
        kind, content = _entry(value)
        return Reference(prefix + _name(content)) if kind == "as_name" else _number_or_text(content)

    def subprogram(self, graph: Any, depth: int) -> Subprogram:
        """Return a program within the program, with names of its own."""
        if depth > MAX_DEPTH:
            raise ValueError(depth)
        self.subprograms += 1
        prefix = f"{self.subprograms}/"
        self.state(graph, prefix)
        inputs = [self.output(each, prefix) or "" for each in graph["inputs"]]
        calls = tuple(self.call(node, prefix, depth) for node in graph["nodes"])
        outputs = tuple(self.argument(each, prefix, depth) for each in graph["outputs"])
        return Subprogram(tuple(str(name) for name in inputs), outputs, calls)


def _entry(value: dict[str, Any]) -> tuple[str, Any]:
    """Return the only entry of an object, which says what it is; torch 2.2 also writes all that it is not."""
    if len(value) > 1:
        value = {kind: content for kind, content in value.items() if content is not None}
    ((kind, content),) = value.items()
    return kind, content


def _tensor_name(value: Any) -> str:
    """Return the name of a tensor; in lists, torch 2.2 writes it without an object around it."""
    return _name(value if isinstance(value, str) else value["name"])


def _name(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _number_or_text(value: object) -> bool | int | float | str | None:
    if value is not None and not isinstance(value, bool | int | float | str):
        raise TypeError(value)
    return value


def _limit(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _side(value: Any) -> int | None:
    """Return a side: a number, or that of the inputs that the file was exported with."""
    number = value.get("as_int")
    if number is None:
        number = ((value.get("as_expr") or {}).get("hint") or {}).get("as_int")
    if number is not None and not isinstance(number, int):
        raise TypeError(number)
    return number


def _symbol(value: Any) -> int | str | None:
    """Return a side of an input: a number, or the name of a dynamic one."""
    if value.get("as_int") is not None:
        return _side(value)
    expression = value["as_expr"]["expr_str"]
    if expression.startswith("Symbol('"):
        name: str = expression.split("'")[1]
        return name if expression.count("'") == 2 else None
    return expression if expression.isidentifier() else None


def _module(metadata: Mapping[str, Any]) -> str:
    """Return the path of the innermost module that made a call."""
    stack = metadata.get("nn_module_stack")
    if not isinstance(stack, str) or not stack:
        return ""
    path = stack.rpartition(";")[2].partition(",")[2].rpartition(",")[0]
    if "[" in path or "(" in path:  # earlier versions wrote what Python would have to evaluate
        import re

        path = re.sub(r"getattr\(([^()]*), ['\"](\w+)['\"]\)", r"\1.\2", path[:1000])
        path = re.sub(r"\['?(\w+)'?\]", r".\1", path.removeprefix("L['self']"))
    return path.removeprefix("L__self__").strip(".")


def _first_readers(calls: tuple[Call, ...]) -> dict[str, Call]:
    """Return, for each tensor, the first call that reads it."""
    readers: dict[str, Call] = {}
    for call in calls:
        for value in call.arguments.values():
            if isinstance(value, Reference) and not call.target.startswith("aten.sym_"):
                readers.setdefault(value.name, call)
    return readers


def _has_steps_first(name: str, readers: Mapping[str, Call]) -> bool:
    """Whether a recurrent layer reads an input, or what an embedding makes of it, steps first."""
    for _ in range(MAX_KEEPING):
        call = readers.get(name)
        function = call.target.split(".")[1] if call is not None and "." in call.target else ""
        if call is None or function in RECURRENT:
            is_input = call is not None and call.arguments.get("input") == Reference(name)
            return is_input and call is not None and not call.arguments.get("batch_first")
        following = call.outputs[0] if call.outputs else None
        if function not in (*KEEPING, "embedding") or not isinstance(following, str):
            return False
        name = following
    return False


def _channel_axis(name: str, readers: Mapping[str, Call], rank: int) -> int | None:
    """Return the axis of an input's channels, by the first call that reads it; None for a vector."""
    if rank < 3:
        return None
    for _ in range(MAX_KEEPING):
        call = readers.get(name)
        function = call.target.split(".")[1] if call is not None and "." in call.target else ""
        if call is None or function not in KEEPING:
            break
        following = call.outputs[0] if call.outputs else None
        name = following if isinstance(following, str) else ""
    if call is not None and function == "permute" and isinstance(dims := call.arguments.get("dims"), list):
        axis = dims[1] if len(dims) == rank else 1
        return axis % rank if isinstance(axis, int) else 1
    return rank - 1 if function in LAST_AXIS else 1
