"""Goes through the graph of an ONNX file for inputs of given shapes: each node by its operator's rule."""

from collections.abc import Collection, Mapping, Sequence
from typing import NoReturn

from convcli.errors import ConvcliError, SizeError, SpecError
from convcli.networks.models.onnx.call import Call, Recorder, UnknownNumbersError
from convcli.networks.models.onnx.file import Attribute, Declared, Function, Graph, ModelFile, Node
from convcli.networks.models.onnx.names import module_name
from convcli.networks.models.onnx.operators.registry import COSTLY, find_rule
from convcli.networks.models.onnx.operators.sizeless import layer_without_size
from convcli.networks.models.onnx.scheduling import in_order, needed
from convcli.networks.models.onnx.values import Value, computed, stored
from convcli.networks.models.onnx.wire import Span
from convcli.networks.models.operations import Array, Model, OperationKind, Shape

__all__ = ["Evaluation"]

MAX_NESTING = 24  # graphs within graphs, and functions that call functions
MAX_CALLS = (
    200_000  # beyond those of the graph itself: functions that call functions, ... run exponentially many
)


class Scope:
    """The values that nodes can read by name.

    Attributes
    ----------
    values : dict of str to Value
    outer : Scope or None
        The graph around a branch, whose values it reads, too.
    stated : dict of str to Declared
        Shapes that the file states.
    attributes : dict of str to Attribute
        Those of the call of the function that the nodes belong to.
    prefix : str
        Name of that call.
    depth : int
    """

    def __init__(
        self,
        *,
        outer: "Scope | None" = None,
        stated: Mapping[str, Declared] | None = None,
        attributes: Mapping[str, Attribute] | None = None,
        prefix: str = "",
        depth: int = 0,
    ) -> None:
        self.values: dict[str, Value] = {}
        self.outer, self.stated, self.attributes, self.prefix, self.depth = (
            outer, stated or {}, attributes or {}, prefix, depth,
        )  # fmt: skip

    def find(self, name: str) -> Value | None:
        """Return a value by its name, from here or from around."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope.outer
        return None

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.find(name) is not None


class Evaluation:
    """One pass through a graph.

    Parameters
    ----------
    file : ModelFile
    shapes : dict of str to tuple of int
        Of the model's inputs.
    """

    def __init__(self, file: ModelFile, shapes: Mapping[str, Shape]) -> None:
        self.file = file
        self.recorder = Recorder(file.name, file.opset)
        self._shapes = shapes
        self._graphs: dict[Span, Graph] = {}
        self._reads: dict[int, Collection[str]] = {}
        self._calls = 0
        self._symbols: dict[str, int] = {}
        self._is_as_stated = True  # False for another input size than the fixed one of the file

    def run(self) -> Model:
        """Return what the model does.

        Raises
        ------
        SpecError
            The graph is not valid.
        SizeError
            A size is impossible for a node.
        """
        graph = self.file.graph
        scope = Scope(stated=graph.stated)
        inputs = tuple((declared.name, self._input(declared, scope)) for declared in self.file.inputs)
        results = self._run_graph(graph, scope, is_main=True)
        outputs = []
        for name, value in results:
            self.recorder.use(value.parameters)
            outputs.append((name, self.recorder.array(value.shape) if value.array is None else value.array))
        return Model(
            inputs=inputs,
            outputs=tuple(outputs),
            operations=self.recorder.read_by([array for _, array in outputs]),
            weights=tuple(self.recorder.weights.values()),
            stored=True,
        )

    def _input(self, declared: Declared, scope: Scope) -> Array:
        shape = self._shapes.get(declared.name)
        if shape is None:
            raise SizeError(f"input {declared.name!r}", "has no size")
        for side, number in zip(declared.shape or (), shape, strict=False):
            if isinstance(side, str):
                self._symbols.setdefault(side, number)
            elif side is not None:
                self._is_as_stated &= side == number
        array = self.recorder.array(shape)
        scope.values[declared.name] = computed(array, declared.dtype)
        return array

    # Graphs -------------------------------------------------------------------------------------------

    def _run_graph(self, graph: Graph, scope: Scope, *, is_main: bool = False) -> list[tuple[str, Value]]:
        """Go through the nodes of a graph; return its outputs."""
        prefix = f"{scope.prefix}/" if scope.prefix else ""
        for name, tensor in graph.tensors.items():
            scope.values[name] = stored(tensor, f"{prefix}{name}")
        names = [declared.name for declared in graph.outputs]
        nodes = needed(graph.nodes, names, self._names_read, self._fail) if is_main and names else graph.nodes
        self._run_nodes(nodes, scope)
        return [(name, self._output(name, scope)) for name in names]

    def _output(self, name: str, scope: Scope) -> Value:
        value = scope.find(name)
        if value is None:
            raise SpecError(self.file.name, f"output {name[:200]!r} is made by no node")
        return value

    def _run_nodes(self, nodes: Sequence[Node], scope: Scope) -> None:
        for node in in_order(nodes, scope, self._names_read, self._fail):
            self._calls += 1
            if self._calls > MAX_CALLS + len(self.file.graph.nodes):
                raise SpecError(self.file.name, f"runs more than {MAX_CALLS:,} nodes within others")
            results = self._run_node(node, scope)
            for index, name in enumerate(node.outputs):
                if name in scope.values:
                    self._fail(node, f"makes {name[:200]!r}, which exists before it")
                if name:
                    value = results[index] if index < len(results) else None
                    scope.values[name] = value or computed(self.recorder.array(None))

    def _names_read(self, node: Node) -> Collection[str]:
        """Return the names that a node reads: its inputs, and what its branches read from around."""
        if not node.has_graphs:
            return node.inputs
        if id(node) not in self._reads:
            self._reads[id(node)] = {*node.inputs, *self._read_by_branches(node, 0)}
        return self._reads[id(node)]

    def _read_by_branches(self, node: Node, depth: int) -> set[str]:
        if depth > MAX_NESTING:
            self._fail(node, f"has more than {MAX_NESTING} graphs within each other")
        names: set[str] = set()
        for span in node.graphs:
            graph = self._graph(span)
            inner = {declared.name for declared in graph.outputs}
            for child in graph.nodes:
                inner.update(child.inputs)
                if child.has_graphs:
                    inner |= self._read_by_branches(child, depth + 1)
            made = {name for child in graph.nodes for name in child.outputs}
            names |= inner - made - graph.tensors.keys() - {declared.name for declared in graph.inputs}
        names.discard("")
        return names

    def _graph(self, span: Span) -> Graph:
        if span not in self._graphs:
            self._graphs[span] = Graph(self.file.reader, span)
        return self._graphs[span]

    # Nodes --------------------------------------------------------------------------------------------

    def _run_node(self, node: Node, scope: Scope) -> Sequence[Value | None]:
        inputs = [scope.find(name) if name else None for name in node.inputs]
        attributes = self._attributes(node, scope)
        function = self.file.functions.get((node.domain, node.operator)) if self.file.functions else None
        if function is not None:
            return self._call_function(node, function, inputs, attributes, scope)
        if node.operator == "If" and not node.domain and inputs and inputs[0] is not None:
            branch = attributes.get("else_branch" if inputs[0].scalar in (0, False) else "then_branch")
            if inputs[0].scalar is not None and branch is not None and branch.graph is not None:
                inner = self._inner_scope(node, outer=scope, prefix=scope.prefix, depth=scope.depth + 1)
                return [value for _, value in self._run_graph(self._graph(branch.graph), inner)]
        return self._apply(Call(self.recorder, node, inputs, attributes, scope.prefix), scope)

    def _apply(self, call: Call, scope: Scope) -> Sequence[Value | None]:
        node = call.node
        rule = find_rule(node.domain, node.operator)
        needs_shapes = not all(value is None or value.shape is not None for value in call.inputs)
        if rule is None or needs_shapes:
            return self._unknown(call, scope, is_known=rule is not None)
        try:
            results = rule(call)
        except UnknownNumbersError:
            return self._unknown(call, scope, is_known=True)
        except ConvcliError:
            raise
        except (ArithmeticError, AttributeError, IndexError, KeyError, TypeError, ValueError):
            call.fail("has attributes or inputs that do not fit each other")
        return [results] if isinstance(results, Value) else results

    def _attributes(self, node: Node, scope: Scope) -> dict[str, Attribute]:
        """Return the attributes of a node; those that stand for one of a function's call are replaced."""
        found = node.attributes
        if not any(attribute.reference for attribute in found.values()):
            return found
        given = scope.attributes
        return {
            name: given[attribute.reference] if attribute.reference else attribute
            for name, attribute in found.items()
            if not attribute.reference or attribute.reference in given
        }

    def _call_function(
        self,
        node: Node,
        function: Function,
        inputs: Sequence[Value | None],
        attributes: dict[str, Attribute],
        scope: Scope,
    ) -> Sequence[Value | None]:
        inner = self._inner_scope(
            node,
            stated=scope.stated,
            attributes={**function.defaults, **attributes},
            prefix=module_name(node, (), scope.prefix),
            depth=scope.depth + 1,
        )
        for name, value in zip(function.inputs, inputs, strict=False):
            if value is not None:
                inner.values[name] = value
        for name in function.inputs:  # left out
            inner.values.setdefault(name, Value(None))
        self._run_nodes(function.nodes, inner)
        return [self._output(name, inner) for name in function.outputs]

    def _inner_scope(self, node: Node, *, depth: int, **fields: object) -> Scope:
        if depth > MAX_NESTING:
            self._fail(node, f"has more than {MAX_NESTING} graphs or functions within each other")
        return Scope(depth=depth, **fields)  # type: ignore[arg-type] # checked where it is called

    # What is not known --------------------------------------------------------------------------------

    def _unknown(self, call: Call, scope: Scope, *, is_known: bool) -> Sequence[Value | None]:
        """Return outputs with the shapes that the file states: of an operator that is not known, or whose
        sizes depend on values."""
        node = call.node
        stated = self._stated(node.outputs[0], scope) if node.outputs else None
        layer = layer_without_size(call, stated) if is_known else None
        if layer is not None:
            return [layer]
        costs_nothing = is_known and node.operator not in COSTLY
        kind = OperationKind.OTHER if costs_nothing else OperationKind.UNKNOWN
        values = [value for value in call.inputs if value is not None]
        outputs: list[Value | None] = []
        for name in node.outputs:
            shape = self._stated(name, scope)
            if not name:
                outputs.append(None)
            elif call.is_constant and costs_nothing:
                outputs.append(call.emit(kind, shape))
            else:  # parameters and costs are those of the first output
                outputs.append(call.add(kind, shape, values, () if any(outputs) else None))
                kind = OperationKind.OTHER
        return outputs

    def _stated(self, name: str, scope: Scope) -> Shape | None:
        """Return the shape that the file states for a value, if it is true for these inputs."""
        declared = scope.stated.get(name)
        if declared is None or declared.shape is None or not self._is_as_stated:
            return None
        shape = [self._symbols.get(side) if isinstance(side, str) else side for side in declared.shape]
        return None if None in shape else tuple(side for side in shape if side is not None)

    def _fail(self, node: Node, why: str) -> NoReturn:
        raise SpecError(f"{self.file.name}, node {node.title} ({node.qualified_operator})", why)
