"""Loads a model from an ONNX file: what its inputs are, and what it does for inputs of given shapes."""

from collections.abc import Mapping

from convcli.networks.models.onnx.evaluation import Evaluation
from convcli.networks.models.onnx.file import Declared, ModelFile, Node, open_model
from convcli.networks.models.onnx.tensors import is_integer
from convcli.networks.models.operations import Model, ModelInput, Shape, is_sequence_of_vectors

__all__ = ["OnnxModel", "load_onnx"]

IMAGE_CHANNELS = (1, 2, 3, 4)
# What TensorFlow's converter puts between an input and the transpose that brings its channels forward.
PASSED = {"Cast", "Identity", "Pad", "Sub", "Mul", "Div", "Add", "QuantizeLinear", "DequantizeLinear"}
# What reads the last axis of a sequence as its values.
RECURRENT = {"LSTM", "GRU", "RNN"}
OF_VECTORS = {"MatMul", "Gemm", "LayerNormalization", *RECURRENT}
MAX_PASSED = 8


class OnnxModel:
    """A model of an ONNX file.

    Parameters
    ----------
    file : ModelFile
    """

    def __init__(self, file: ModelFile) -> None:
        self._file = file
        self._readers: dict[str, Node] = {}
        for node in file.graph.nodes:
            for name in node.inputs if node.operator != "Shape" else ():
                self._readers.setdefault(name, node)

    @property
    def inputs(self) -> tuple[ModelInput, ...]:
        """The inputs that the file declares."""
        return tuple(self._input(declared) for declared in self._file.inputs)

    def _input(self, declared: Declared) -> ModelInput:
        shape = declared.shape or ()
        if len(shape) in (2, 3) and self._has_steps_first(declared.name):
            return ModelInput(declared.name, shape, 2 if len(shape) == 3 else None, batch_axis=1)
        return ModelInput(declared.name, shape, self._channel_axis(declared))

    def _has_steps_first(self, name: str) -> bool:
        """Whether a recurrent layer reads an input, or what an embedding makes of it, steps first."""
        is_embedded = False
        for _ in range(MAX_PASSED):
            node = self._readers.get(name)
            if node is None or not node.outputs:
                return False
            if node.operator in RECURRENT:
                return node.inputs[0] == name and "layout" not in node.attributes
            is_embedding = node.operator == "Gather" and not is_embedded and name in node.inputs[1:]
            if node.operator not in PASSED and not is_embedding:
                return False
            is_embedded |= is_embedding
            name = node.outputs[0]
        return False

    def _channel_axis(self, declared: Declared) -> int | None:
        shape = declared.shape or ()
        rank = len(shape)
        if rank < 3:
            return None if rank < 2 or is_integer(declared.dtype) else 1
        last = rank - 1
        if is_sequence_of_vectors(shape):
            return last
        name = declared.name
        for _ in range(MAX_PASSED):
            node = self._readers.get(name)
            if node is None:
                break
            if node.operator == "Transpose" and "perm" in node.attributes:
                permutation = node.attributes["perm"].integers
                if permutation == (1, 0, 2):  # the batch behind the steps, as an LSTM reads them
                    name = node.outputs[0] if node.outputs else ""
                    continue
                return last if permutation == (0, last, *range(1, last)) else 1
            if node.operator not in PASSED or not node.outputs:
                break
            name = node.outputs[0]
        if rank == 3 and node is not None and node.operator in OF_VECTORS:
            return last
        is_last = shape[last] in IMAGE_CHANNELS and shape[1] not in IMAGE_CHANNELS and rank > 3
        is_read_first = node is not None and node.operator in (
            "Conv",
            "QLinearConv",
            "ConvInteger",
            "BatchNormalization",
        )
        return last if is_last and not is_read_first else 1

    def evaluate(self, shapes: Mapping[str, Shape]) -> Model:
        """Compute what the model does for inputs of these shapes, by name.

        Raises
        ------
        SpecError
            The graph is not valid.
        SizeError
            A shape is impossible for a node: the message names it and shows the arithmetic.
        """
        return Evaluation(self._file, shapes).run()


def load_onnx(path: str) -> OnnxModel:
    """Read a model; files of external weights need not exist.

    Raises
    ------
    SpecError
        The file cannot be opened, or is damaged.
    """
    return OnnxModel(open_model(path))
