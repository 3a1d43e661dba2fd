"""Figures that notebooks show, and that save themselves as files."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from convcli.convolution.explaining.pooled import ExplainedPooling
from convcli.convolution.explaining.values import ExplainedResult, WeightedSum
from convcli.drawing.shapes import Drawing
from convcli.drawing.svg import render_svg
from convcli.errors import UsageError
from convcli.files.atomic import check_target, write_atomically
from convcli.pictures.formats.png.writer import encode_png
from convcli.pictures.picture import Picture
from convcli.pictures.writing import write_picture
from convcli.sizes.text import format_size

__all__ = ["Explained", "Figure"]


@dataclass(frozen=True, eq=False, repr=False)
class Figure:
    """A figure: a notebook shows it, and `save` writes it into a file.

    Attributes
    ----------
    title : str
    content : Drawing or uint8 array (H, W, 3)
        A drawing of shapes, or pixels.

    Examples
    --------
    >>> import convcli, tempfile
    >>> figure = convcli.show_filter("sobel-x")
    >>> figure
    <Figure 'sobel-x, 3x3', a drawing>
    >>> figure.save(f"{tempfile.mkdtemp()}/sobel.svg")
    """

    title: str
    content: Drawing | NDArray[Any]

    def __repr__(self) -> str:
        """Return the title, and what it is made of."""
        if isinstance(self.content, Drawing):
            made_of = "a drawing"
        else:
            made_of = f"{format_size(self.content.shape[:2])} pixels"
        return f"<{type(self).__name__} {self.title!r}, {made_of}>"

    def save(self, path: str | os.PathLike[str], *, force: bool = False) -> None:
        """Write it into a file, which appears complete or not at all.

        Parameters
        ----------
        path : path
            Ends in ``.svg`` or ``.png``; a figure of pixels takes the formats of `write_picture`, such as
            ``.png`` and ``.jpg``.
        force : bool
            Replace an existing file.

        Raises
        ------
        UsageError
            The extension is not that of a format for this figure.
        OutputError
            The file exists, or cannot be written.
        """
        target = os.fsdecode(path)
        extension = Path(target).suffix.lower()
        if not isinstance(self.content, Drawing):
            if extension == ".svg":
                raise UsageError(target, "this figure consists of pixels; save it as .png")
            write_picture(target, Picture(self.content), force=force)
            return
        if extension not in (".svg", ".png"):
            raise UsageError(target, "a drawing must be saved as .svg or .png")
        check_target(target, replace=force)
        if extension == ".svg":
            content = render_svg(self.content).encode()
        else:
            from convcli.drawing.raster import render_png  # late: an SVG needs no Pillow

            content = render_png(self.content)
        write_atomically(target, lambda stream: stream.write(content), replace=force)

    def _repr_svg_(self) -> str | None:
        """Return a drawing as SVG, for notebooks."""
        return render_svg(self.content) if isinstance(self.content, Drawing) else None

    def _repr_png_(self) -> bytes | None:
        """Return pixels as a PNG file, for notebooks."""
        return None if isinstance(self.content, Drawing) else b"".join(encode_png(self.content))


@dataclass(frozen=True, eq=False, repr=False)
class Explained(Figure):
    """How one value of a result is computed: the figure of its window, and the numbers.

    Attributes
    ----------
    at : (x, y)
        Column and row of the value in the result, counted from 0.
    value : int or float
        The sum of the products, or what pooling makes of the window.
    pixel : int or float
        What `filter_picture` or `pool_picture` writes there.
    result : array (H', W')
        The whole result.
    sums : tuple of WeightedSum
        For a filter: patch, taps, products and total of each kernel, or of each channel of a volume; empty
        for pooling.

    Examples
    --------
    >>> import convcli
    >>> one = convcli.explain([[10, 10, 0, 0]] * 3, "vertical", at=(0, 0), padding="valid")
    >>> one
    <Explained 30 at (0, 0) of vertical>
    >>> one.sums[0].products.tolist(), one.result.tolist()
    ([[10, 0, 0], [10, 0, 0], [10, 0, 0]], [[30, 30]])
    """

    at: tuple[int, int]
    value: int | float
    pixel: int | float
    result: NDArray[Any]
    sums: tuple[WeightedSum, ...]
    name: str

    def __repr__(self) -> str:
        """Return the value, where it is, and what computes it."""
        return f"<Explained {self.value} at {self.at} of {self.name}>"

    @classmethod
    def of(
        cls,
        explained: ExplainedResult | ExplainedPooling,
        drawing: Drawing,
        position: tuple[int, int],
        pixel: int | float,
    ) -> "Explained":
        """Put together what is known about the value at a position, (row, column), of a result."""
        sums = explained.weighted_sums(*position) if isinstance(explained, ExplainedResult) else ()
        return cls(
            title=drawing.title,
            content=drawing,
            at=position[::-1],
            value=explained.result_at(*position),
            pixel=pixel,
            result=explained.result,
            sums=sums,
            name=explained.name,
        )
