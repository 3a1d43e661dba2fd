"""The cases of network layers: forward convolutions on one processor, float32, against the frameworks."""

from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from convcli import conv_forward
from tests.benchmarks.contenders import by_numpy
from tests.benchmarks.contest import Agreement, Case, Contender
from tests.benchmarks.peers import library
from tests.benchmarks.photographs import Subject

__all__ = ["LAYER_CASES"]

Array = NDArray[Any]

ORDER = "layers: each side has its own order of axes; the others' arrays are made before"
SLEEPING = "onnxruntime: its threads sleep between runs instead of spinning, or they would slow down the next"
THREADS = 2  # of either side


class Shape(NamedTuple):
    """A layer: batch, side, channels, filter side, stride, padding, filters, groups; what is wanted."""

    m: int
    n: int
    channels: int
    f: int
    stride: int
    padding: int
    filters: int
    groups: int
    onnxruntime: float
    torch: float

    @property
    def name(self) -> str:
        """The layer in words."""
        kind = "depthwise" if self.groups > 1 else "layer"
        return f"{kind} {self.f}x{self.f} s{self.stride}, {self.m} of {self.n}x{self.n}x{self.channels}"


def _contenders(shape: Shape, pixels: Array) -> list[Contender]:
    """Return ours and the peers; small pictures make a small mini-batch."""
    m, n = (shape.m, shape.n) if pixels.size > 1 << 20 else (min(shape.m, 2), min(shape.n, 28))
    random = np.random.default_rng(shape.n)
    a_prev = random.standard_normal((m, n, n, shape.channels), np.float32)
    taken = shape.channels // shape.groups
    w = random.standard_normal((shape.f, shape.f, taken, shape.filters), np.float32)
    b = random.standard_normal(shape.filters, np.float32)
    how: dict[str, Any] = {"stride": shape.stride, "padding": shape.padding, "groups": shape.groups}
    run = partial(conv_forward, a_prev, w, b, jobs=THREADS, **how)
    # Sums of K products of normally distributed numbers; Winograd's errors are some 1e-5 of the largest.
    tolerance = 3e-5 * 6 * (w[..., 0].size) ** 0.5
    agreement = Agreement(tolerance=tolerance, peer=_channels_last)
    first = np.ascontiguousarray(a_prev.transpose(0, 3, 1, 2))
    filters = np.ascontiguousarray(w.transpose(3, 2, 0, 1))
    return [
        Contender("convcli", run),
        by_numpy(run, Agreement(tolerance=tolerance)),
        *_onnx_runtime(shape, first, filters, b, agreement),
        *_torch(shape, first, filters, b, agreement),
    ]


def _channels_last(result: Any) -> Array:
    array = np.asarray(result[0] if isinstance(result, list) else result)
    return array.transpose(0, 2, 3, 1)


def _torch(shape: Shape, a: Array, w: Array, b: Array, agreement: Agreement) -> list[Contender]:
    torch = library("torch")
    if torch is None:
        return []
    tensors = [torch.from_numpy(array) for array in (a, w, b)]

    def run() -> Any:
        torch.set_num_threads(THREADS)
        with torch.inference_mode():
            return torch.nn.functional.conv2d(
                *tensors, stride=shape.stride, padding=shape.padding, groups=shape.groups
            )

    return [Contender("torch conv2d", run, agreement, shape.torch, ORDER)]


def _onnx_runtime(shape: Shape, a: Array, w: Array, b: Array, agreement: Agreement) -> list[Contender]:
    runtime, onnx = library("onnxruntime"), library("onnx")
    if runtime is None or onnx is None:
        return []
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    node = helper.make_node(
        "Conv",
        ["x", "w", "b"],
        ["y"],
        strides=[shape.stride] * 2,
        pads=[shape.padding] * 4,
        group=shape.groups,
    )
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in (("w", w), ("b", b))]
    graph = helper.make_graph(
        [node], "layer", [helper.make_tensor_value_info("x", floats, a.shape)],
        [helper.make_tensor_value_info("y", floats, None)], weights,
    )  # fmt: skip
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    options = runtime.SessionOptions()
    options.intra_op_num_threads = THREADS
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = runtime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    run = partial(session.run, None, {"x": a})
    return [Contender("onnxruntime", run, agreement, shape.onnxruntime, SLEEPING)]


SHAPES = (
    Shape(1, 224, 3, 7, 2, 3, 64, 1, onnxruntime=1.2, torch=0.5),
    Shape(8, 56, 64, 3, 1, 1, 64, 1, onnxruntime=1.2, torch=0.5),
    Shape(8, 14, 256, 1, 1, 0, 1024, 1, onnxruntime=0.9, torch=1.2),
    Shape(1, 112, 32, 3, 1, 1, 32, 32, onnxruntime=1.2, torch=1),
)
LAYER_CASES = [
    Case(shape.name, Subject.GREY, partial(_contenders, shape), warmed_up=True) for shape in SHAPES
]
