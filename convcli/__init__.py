"""convcli: convolve real pictures and do the arithmetic of convolutional networks.

>>> import convcli
>>> convcli.output_size(32, 5)
28
>>> convcli.convolve([[10, 10, 0, 0]], convcli.kernel("sobel-x"), padding="same").tolist()
[[0, -40, -40, 0]]

The names in ``__all__`` are the public ones. Each is imported on first use: numpy with the first array
function, Pillow with `read_image` and `write_image`.
"""

from _thread import RLock
from importlib import import_module

TYPE_CHECKING = False  # importing it from typing would load that module at every start
if TYPE_CHECKING:
    from convcli.convolution.engine import apply_filter, convolve, plan
    from convcli.convolution.pooling import pool
    from convcli.convolution.rendering import render
    from convcli.errors import (
        ConvcliError,
        FilterError,
        ImageError,
        KernelError,
        LearningError,
        MatrixError,
        OutputError,
        SizeError,
        SpecError,
        UsageError,
    )
    from convcli.kernels.filter import Filter
    from convcli.kernels.lookup import get_filter, kernel
    from convcli.kernels.parsing import parse_kernel, read_kernel
    from convcli.kernels.weights import read_weights
    from convcli.layers.convolution_layer import conv_backward, conv_forward
    from convcli.layers.pooling_layer import pool_backward, pool_forward
    from convcli.layers.volumes import convolve_volume
    from convcli.learning.examples import make_examples
    from convcli.learning.gradient_descent import learn
    from convcli.learning.nearest import nearest_filter
    from convcli.networks.models.pytorch.tracing import trace
    from convcli.networks.sources import network
    from convcli.notebooks.calls import direction, explain, explain_pool, sheet, show_filter, show_reads
    from convcli.notebooks.figure import Explained, Figure
    from convcli.pictures.picture import Picture
    from convcli.pictures.reading import read_image, read_picture
    from convcli.pictures.writing import write_image, write_picture
    from convcli.pipeline.single_file import FileResult
    from convcli.pipeline.single_picture import (
        filter_file,
        filter_picture,
        pool_file,
        pool_picture,
    )
    from convcli.sizes.axes import output_size

__version__ = "0.2.0"

__all__ = [
    "ConvcliError",
    "Explained",
    "Figure",
    "FileResult",
    "Filter",
    "FilterError",
    "ImageError",
    "KernelError",
    "LearningError",
    "MatrixError",
    "OutputError",
    "Picture",
    "SizeError",
    "SpecError",
    "UsageError",
    "__version__",
    "apply_filter",
    "conv_backward",
    "conv_forward",
    "convolve",
    "convolve_volume",
    "direction",
    "explain",
    "explain_pool",
    "filter_file",
    "filter_picture",
    "get_filter",
    "kernel",
    "learn",
    "make_examples",
    "nearest_filter",
    "network",
    "output_size",
    "parse_kernel",
    "plan",
    "pool",
    "pool_backward",
    "pool_file",
    "pool_forward",
    "pool_picture",
    "read_image",
    "read_kernel",
    "read_picture",
    "read_weights",
    "render",
    "sheet",
    "show_filter",
    "show_reads",
    "trace",
    "write_image",
    "write_picture",
]

_MODULES = {
    "convolution.engine": ("apply_filter", "convolve", "plan"),
    "convolution.pooling": ("pool",),
    "convolution.rendering": ("render",),
    "errors": tuple(name for name in __all__ if name.endswith("Error")),
    "kernels.filter": ("Filter",),
    "kernels.lookup": ("get_filter", "kernel"),
    "kernels.parsing": ("parse_kernel", "read_kernel"),
    "kernels.weights": ("read_weights",),
    "layers.convolution_layer": ("conv_backward", "conv_forward"),
    "layers.pooling_layer": ("pool_backward", "pool_forward"),
    "layers.volumes": ("convolve_volume",),
    "learning.examples": ("make_examples",),
    "learning.gradient_descent": ("learn",),
    "learning.nearest": ("nearest_filter",),
    "networks.models.pytorch.tracing": ("trace",),
    "networks.sources": ("network",),
    "notebooks.calls": ("direction", "explain", "explain_pool", "sheet", "show_filter", "show_reads"),
    "notebooks.figure": ("Explained", "Figure"),
    "pictures.picture": ("Picture",),
    "pictures.reading": ("read_image", "read_picture"),
    "pictures.writing": ("write_image", "write_picture"),
    "pipeline.single_file": ("FileResult",),
    "pipeline.single_picture": (
        "filter_file",
        "filter_picture",
        "pool_file",
        "pool_picture",
    ),
    "sizes.axes": ("output_size",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
_importing = RLock()  # numpy cannot be imported by two threads at the same time


def __getattr__(name: str) -> object:
    """Import a public name on first use (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'convcli' has no attribute {name!r}")
    with _importing:
        value = getattr(import_module(f"convcli.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
