"""convcli: convolve real pictures and do the arithmetic of convolutional networks.

>>> import convcli
>>> convcli.output_size(32, 5)
28
>>> convcli.convolve([[10, 10, 0, 0]], convcli.kernel("sobel-x"), padding="same").tolist()
[[0, -40, -40, 0]]

The names below are the public ones, each loaded when it is first touched: numpy with the first of the array
functions, Pillow by `read_image` and `write_image`.
"""

import sys
from importlib import import_module
from types import ModuleType

TYPE_CHECKING = False  # without the module that has it: a signal finds little that is not loaded yet
if TYPE_CHECKING:
    from convcli.convolve import apply_filter, convolve, plan
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
    from convcli.images import read_image, write_image
    from convcli.kernels import Filter, kernel, named_filter, parse_kernel, read_kernel
    from convcli.layers import conv_backward, conv_forward, pool_backward, pool_forward
    from convcli.learning import examples_of, learn, nearest_filter
    from convcli.network.sources import network
    from convcli.pooling import pool
    from convcli.render import render
    from convcli.sizes import output_size
    from convcli.volumes import convolve_volume
    from convcli.weights import read_weights

__version__ = "0.1.0"

__all__ = [
    "ConvcliError",
    "Filter",
    "FilterError",
    "ImageError",
    "KernelError",
    "LearningError",
    "MatrixError",
    "OutputError",
    "SizeError",
    "SpecError",
    "UsageError",
    "__version__",
    "apply_filter",
    "conv_backward",
    "conv_forward",
    "convolve",
    "convolve_volume",
    "examples_of",
    "kernel",
    "learn",
    "named_filter",
    "nearest_filter",
    "network",
    "output_size",
    "parse_kernel",
    "plan",
    "pool",
    "pool_backward",
    "pool_forward",
    "read_image",
    "read_kernel",
    "read_weights",
    "render",
    "write_image",
]

_HOMES = {
    "ConvcliError": "errors",
    "Filter": "kernels",
    "FilterError": "errors",
    "ImageError": "errors",
    "KernelError": "errors",
    "LearningError": "errors",
    "MatrixError": "errors",
    "OutputError": "errors",
    "SizeError": "errors",
    "SpecError": "errors",
    "UsageError": "errors",
    "apply_filter": "convolve",
    "conv_backward": "layers",
    "conv_forward": "layers",
    "convolve": "convolve",
    "convolve_volume": "volumes",
    "examples_of": "learning",
    "kernel": "kernels",
    "learn": "learning",
    "named_filter": "kernels",
    "nearest_filter": "learning",
    "network": "network.sources",
    "output_size": "sizes",
    "parse_kernel": "kernels",
    "plan": "convolve",
    "pool": "pooling",
    "pool_backward": "layers",
    "pool_forward": "layers",
    "read_image": "images",
    "read_kernel": "kernels",
    "read_weights": "weights",
    "render": "render",
    "write_image": "images",
}


class _Package(ModuleType):
    """The package: its array functions are imported when they are first touched."""

    def __getattr__(self, name: str) -> object:
        if name not in _HOMES:
            raise AttributeError(f"module 'convcli' has no attribute {name!r}")
        value = getattr(import_module(f"convcli.{_HOMES[name]}"), name)
        setattr(self, name, value)
        return value

    def __setattr__(self, name: str, value: object) -> None:
        """Keep a name for its function where importing would bind the module, as for `convolve`."""
        if not (isinstance(value, ModuleType) and name in _HOMES):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *_HOMES})


sys.modules[__name__].__class__ = _Package
