"""What is computed part by part: the interface between convolution or pooling and the kinds of arrays."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Protocol

from convcli.convolution.borders import BorderKind, parse_border
from convcli.convolution.parts.axis_parts import AxisPart
from convcli.convolution.planning import ConvolutionSettings, ImageKind
from convcli.errors import ImageError
from convcli.late_numpy import np
from convcli.pictures.arrays import image_array, image_dtype
from convcli.sizes.windowed import Axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Operation", "describe", "part_settings", "run_part"]


class Operation(Protocol):
    """A convolution or pooling that is planned for a whole image and computed part by part.

    It can be pickled, and holds no pixels.
    """

    @property
    def name(self) -> str:
        """What it is, for people who watch its tasks run."""

    @property
    def kind(self) -> ImageKind:
        """The image."""

    @property
    def rows(self) -> Axis:
        """How the window slides vertically."""

    @property
    def columns(self) -> Axis:
        """How the window slides horizontally."""

    @property
    def border(self) -> BorderKind:
        """What fills the padding."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Dtype of the result."""

    @property
    def joins_channels(self) -> bool:
        """Whether a result needs all channels."""

    @property
    def counts_padding(self) -> bool:
        """Whether the padding takes part in results."""

    def run(self, block: NDArray[Any], rows: Axis, columns: Axis, jobs: int | None) -> NDArray[Any]:
        """Return the result for a block with axes of its own, whose padding shows the border's value."""


def describe(image: Any) -> ImageKind:
    """Return what planning needs to know of an image; only of 64-bit integers in memory it reads the pixels.

    Raises
    ------
    ImageError
        It is not an image.
    """
    shape, dtype = getattr(image, "shape", None), getattr(image, "dtype", None)
    if not isinstance(shape, tuple) or not isinstance(dtype, np.dtype):
        raise ImageError(f"{type(image).__name__}", "an image is an array; choose one, as in dataset['name']")
    if any(math.isnan(length) for length in shape):
        raise ImageError(
            f"array of shape {shape}", "has chunks of unknown size; call its compute_chunk_sizes() first"
        )
    kind = ImageKind.by_type(shape, image_dtype(shape, dtype))
    return ImageKind.of(image) if kind.unbounded and isinstance(image, np.ndarray) else kind


def run_part(
    operation: Operation, block: NDArray[Any], rows: AxisPart, columns: AxisPart, jobs: int | None
) -> NDArray[Any]:
    """Return a part of the result.

    Parameters
    ----------
    operation : Operation
    block : array
        The pixels that both parts read: their ranges of rows, and of columns, one after another.
    rows, columns : AxisPart
    jobs : int, optional
        Maximum number of threads.
    """
    dtype = np.dtype(operation.kind.dtype)
    if block.size:
        for axis, picks in enumerate((rows.picks, columns.picks)):
            block = block if picks is None else np.take(block, picks, axis)
        # A Dask array may hold other numbers than it declares: narrowing would change them.
        block = image_array(block).astype(dtype, copy=False, casting="same_kind")
    else:  # only padding
        block = np.zeros((rows.axis.side, columns.axis.side, *block.shape[2:]), dtype)
    result = operation.run(block, rows.axis, columns.axis, jobs)[: rows.count, : columns.count]
    return result.astype(operation.dtype, copy=False)


def part_settings(
    settings: ConvolutionSettings, rows: Axis, columns: Axis, jobs: int | None
) -> ConvolutionSettings:
    """Return the settings for a part, in whose padding only the border's value is left."""
    has_value = parse_border(settings.border).kind in (BorderKind.ZERO, BorderKind.CONSTANT)
    return settings._replace(
        stride=(rows.stride, columns.stride),
        padding=((rows.before, rows.after), (columns.before, columns.after)),
        border=settings.border if has_value else "zero",
        dilation=(rows.dilation, columns.dilation),
        jobs=jobs,
    )
