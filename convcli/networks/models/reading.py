"""Model files: which reader a file name selects, and the network that a file makes of an input size."""

from __future__ import annotations

import gc
import os
from contextlib import contextmanager
from errno import ENOENT
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from convcli.errors import SizeError, SpecError, describe_os_error
from convcli.files.urls import is_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from convcli.networks.layer_types.base import Size
    from convcli.networks.models.operations import LoadedModel, Model, Weight
    from convcli.networks.network import Network

__all__ = ["MODEL_EXTENSIONS", "ModelFile", "is_model_file", "is_state_dict", "open_model"]

# The function that loads a file, by extension; loaded only when such a file is named.
READERS = {
    ".onnx": "convcli.networks.models.onnx.loading:load_onnx",
    ".pt2": "convcli.networks.models.pytorch.loading:load_pt2",
    ".keras": "convcli.networks.models.keras.loading:load_keras",
    ".json": "convcli.networks.models.keras.loading:load_keras",
}
# Weights by name, but not what is done with them.
STATE_DICTS = (".safetensors", ".pth", ".pt", ".bin", ".ckpt")
# What to do with files that are not read; the word after the name is "is".
UNREADABLE = {
    ".h5": "a model or weights of Keras in HDF5: load the model in Keras and save it as .keras",
    ".hdf5": "a model or weights of Keras in HDF5: load the model in Keras and save it as .keras",
    ".pb": "a TensorFlow graph; convert it with tf2onnx to .onnx",
    ".tflite": "a TensorFlow Lite model; convert it with tf2onnx to .onnx",
    ".mlmodel": "a Core ML model; export the model that it was made from as .onnx, .pt2 or .keras",
    ".mlpackage": "a Core ML model; export the model that it was made from as .onnx, .pt2 or .keras",
    ".torchscript": "TorchScript; export the module with torch.export.save as .pt2",
    ".ptl": "TorchScript; export the module with torch.export.save as .pt2",
    ".pte": "an ExecuTorch program; export the module with torch.export.save as .pt2",
    ".caffemodel": "a Caffe model; convert it to .onnx",
    ".engine": "a TensorRT engine; give the .onnx file that it was built from",
    ".gguf": "a file of quantized weights; give the model as .onnx, .pt2 or .keras",
    ".npz": "a file of arrays; export the model as .onnx, .pt2 or .keras",
}
MODEL_EXTENSIONS = (*READERS, *STATE_DICTS, *UNREADABLE)


def is_model_file(text: str) -> bool:
    """Whether a text names a model file, readable or not, by its extension.

    Examples
    --------
    >>> is_model_file("resnet18.onnx"), is_model_file("resnet18.net"), is_model_file("conv 6 f5")
    (True, False, False)
    """
    return _extension(text) in MODEL_EXTENSIONS


def is_state_dict(text: str) -> bool:
    """Whether a text names a file of weights by its extension.

    Examples
    --------
    >>> is_state_dict("resnet18.safetensors"), is_state_dict("resnet18.onnx")
    (True, False)
    """
    return _extension(text) in STATE_DICTS


def _extension(path: str) -> str:
    return os.path.splitext(path.strip())[1].lower()  # noqa: PTH122 -- takes any text, unlike Path


def open_model(path: str | os.PathLike[str]) -> ModelFile:
    """Read a model file, for inputs of any size.

    Raises
    ------
    SpecError
        The file cannot be read, is damaged, or is in a format that is not supported.
    """
    name = os.fspath(path)
    extension = _extension(name)
    if not is_url(name) and not os.path.exists(name):  # noqa: PTH110 -- takes any text
        raise SpecError(name, describe_os_error(FileNotFoundError(ENOENT, os.strerror(ENOENT), name)))
    if extension not in READERS:
        raise SpecError(name, _refusal(extension))
    with _function("convcli.networks.models.refusing:explained_errors")(name):
        return ModelFile(name, _function(READERS[extension])(name))


def _refusal(extension: str) -> str:
    if extension in UNREADABLE:
        return f"is {UNREADABLE[extension]}"
    return (
        "holds weights by name, but no graph of operations: convcli params lists them; for sizes export the "
        "model as .onnx, .keras or .pt2 (torch.export.save)"
    )


@contextmanager
def _garbage_kept() -> Iterator[None]:
    """Do not search for garbage: among many small objects that stay it takes a third of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class ModelFile(NamedTuple):
    """A model file that was read, before its input sizes are known.

    Attributes
    ----------
    path : str
    loaded : LoadedModel
    """

    path: str
    loaded: LoadedModel

    def network(self, size: str | Size | int | None = None) -> Network:
        """Return the network that it makes of inputs of a size.

        Parameters
        ----------
        size : str, tuple of int or int, optional
            See `convcli.networks.models.input_sizes.input_shapes`.


        Raises
        ------
        SizeError
            An input has no size, or an operation is impossible on it.
        """
        # Late: importing this module must be cheap, as text networks ask it what a model file is.
        from convcli.networks.models.input_sizes import fixed_sizes, input_shapes

        fuse = _function("convcli.networks.models.fusing.fusing:fuse")
        lower = _function("convcli.networks.models.lowering.lowering:lower")
        shapes = input_shapes(self.loaded.inputs, size, self.path)
        try:
            with _garbage_kept():
                network: Network = lower(fuse(self.loaded.evaluate(shapes)))
        except (SizeError, SpecError) as error:
            what = error.what if error.what.startswith(self.path) else f"{self.path}, {error.what}"
            exported = fixed_sizes(self.loaded.inputs, shapes) if isinstance(error, SizeError) else ""
            hint = (
                f"; the file was exported for {exported}, and may hold numbers that fit no other input: "
                "export it with dynamic sizes"
            )
            raise type(error)(what, error.why + hint * bool(exported)) from None
        except MemoryError:
            raise SpecError(self.path, "needs more memory than is available") from None
        return network.changed(model_file=self.path)

    def weights(self, size: str | Size | int | None = None) -> tuple[Weight, ...]:
        """Return the names and shapes of its weights; the argument is that of `network`.

        Those of a recurrent layer that ONNX stacks by direction are taken apart, as frameworks store them.

        Raises
        ------
        SizeError
            An input has no size, or an operation is impossible on it.
        """
        from convcli.networks.models.input_sizes import input_shapes

        model = self.loaded.evaluate(input_shapes(self.loaded.inputs, size, self.path))
        stacked = _stacked_weights(model)
        return tuple(
            part
            for weight in model.weights
            for part in (
                [weight._replace(shape=weight.shape[1:])] * weight.shape[0]
                if weight.name in stacked
                else [weight]
            )
        )

    def square(self, side: int, size: str | None = None) -> Network:
        """Return the network that it makes of a square input; `size` gives the channels, if they are dynamic.

        Raises
        ------
        SizeError
            It has no image, or `network` raises this.
        """
        from convcli.networks.models.input_sizes import square_size

        return self.network(square_size(self.loaded.inputs, side, size, self.path))


def _stacked_weights(model: Model) -> set[str]:
    """Return the names of weights whose first axis is the direction of a recurrent layer of ONNX."""
    from convcli.networks.models.operations import OperationKind

    return {
        weight.name
        for operation in model.operations
        if operation.kind == OperationKind.RECURRENT and operation.source in ("LSTM", "GRU", "RNN")
        for weight in operation.weights
        if len(weight.shape) > 1 and weight.shape[0] in (1, 2)
    }


def _function(name: str) -> Callable[..., Any]:
    """Import a function, given as ``module:function``."""
    module, function = name.split(":")
    found: Callable[..., Any] = getattr(import_module(module), function)
    return found
