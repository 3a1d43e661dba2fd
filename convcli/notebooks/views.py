"""How notebooks show filters, networks, learned filters and pictures."""

import math
from base64 import b64encode
from collections.abc import Iterable
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

import numpy as np

from convcli.drawing.shapes import Drawing, replace_unprintable
from convcli.drawing.svg import render_svg
from convcli.errors import KernelError, UsageError
from convcli.figures.filters.drawing import filter_drawing
from convcli.figures.matrices import draw_numbers, is_matrix, number_texts
from convcli.figures.plots import learning_curve
from convcli.figures.scaling import Scaling
from convcli.figures.sheet import Panel, draw_sheet
from convcli.figures.thumbnails import ThumbnailStyle, picture_layers, picture_thumbnails
from convcli.kernels.filter import Filter, whole_numbers_if_exact
from convcli.learning.nearest import nearest_filter
from convcli.learning.results import LearnedFilter, filter_matrices
from convcli.networks.diagram.diagram import network_diagram
from convcli.networks.diagram.drawing import network_drawing
from convcli.networks.network import Network
from convcli.networks.rows import table_rows
from convcli.networks.tables import Table, params_table
from convcli.pictures.formats.png.writer import encode_png
from convcli.pictures.picture import Picture
from convcli.sizes.text import counted

__all__ = ["filter_html", "learned_html", "network_html", "picture_png"]

MAX_LAYERS = 40  # of a network that is shown layer by layer, not by blocks
MAX_HEIGHT = "max-height:960px;overflow:auto"
MAX_SIDE, MAX_SIDE_OF_MAPS = 768, 240  # of a picture, in pixels
MATRIX_SIDE = 384  # of a small matrix, which is enlarged
DIGITS = 5  # of the largest learned coefficient; the others are rounded as it is
MAX_MAPS = 16  # of a result that is shown
LEFT, RIGHT = "text-align:left;padding:1px 12px 1px 0", "text-align:right;padding:1px 12px 1px 0"
IMAGES = {"svg": "image/svg+xml", "png": "image/png"}


def filter_html(filter_: Filter) -> str:
    """Return the picture of a filter, and what is known about it.

    Examples
    --------
    >>> from convcli.kernels.lookup import get_filter
    >>> html = filter_html(get_filter("sobel-x"))
    >>> html.count("<img"), "vertical edges" in html, "<td" in html
    (1, True, True)
    """
    root = Element("div")
    _add_filter(root, filter_)
    facts = [
        ("what it is", filter_.summary),
        ("responds to", filter_.responds_to),
        ("gain", f"{filter_.gain:.6g}"),
        ("separable", "yes" if filter_.separable else "no"),
        ("source", filter_.source),
    ]
    _add_facts(root, facts)
    return tostring(root, "unicode", method="html")


def learned_html(learned: LearnedFilter) -> str:
    """Return the picture of a learned filter, its error, and the curve of its loss if it was trained.

    Examples
    --------
    >>> import numpy as np
    >>> learned_html(LearnedFilter(np.array([[1.0, 0, -1]]), 0.0, 0.0, 0.0, 0, ())).count("<img")
    1
    """
    root = Element("div")
    largest = float(np.abs(learned.taps).max()) or 1.0
    rounded = learned.taps.round(DIGITS - math.ceil(math.log10(largest)))  # so that 1e-9 is shown as 0
    matrices = [whole_numbers_if_exact(matrix.tolist()) for matrix in filter_matrices(rounded)]
    _add_filter(root, Filter("learned", tuple(matrices), "a learned filter", "", "learned"))
    facts = [("relative error", f"{learned.relative_error:.3g}")]
    nearest = nearest_filter(learned.taps)
    if nearest is not None:
        facts.append(("nearest", str(nearest)))
    if learned.free:
        others = f"others fit, too: the examples leave {counted(learned.free, 'degree')} of freedom open"
        facts.append(("smallest", f"{others}; this is the smallest filter"))
    if learned.bias:
        facts.append(("bias", f"{learned.bias:.6g}"))
    if learned.steps:
        facts.append(("steps", f"{learned.steps:,}"))
    _add_facts(root, facts)
    if learned.history:
        _add_image(root, "png", learning_curve(learned.history), "the loss over the steps of training")
    return tostring(root, "unicode", method="html")


def network_html(network: Network) -> str:
    """Return the diagram of a network beside its table: by blocks, if it has many layers.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> html = network_html(network("conv 6 f5, maxpool f2", (32, 32, 3)))
    >>> html.count("<img"), html.count("<tr>"), "456" in html
    (1, 4, True)
    """
    by_block = len(network.layers) > MAX_LAYERS
    root = Element("div", {"style": "display:flex;flex-wrap:wrap;gap:24px;align-items:flex-start"})
    try:
        diagram = network_diagram(network, by_block=by_block)
    except UsageError as error:  # it has too many boxes
        SubElement(root, "p").text = str(error)
        rows = table_rows(network, by_block=by_block)
    else:
        name = Path(network.model_file).name or "network"
        _add_drawing(SubElement(root, "div", {"style": MAX_HEIGHT}), network_drawing(diagram, name))
        rows = table_rows(diagram.network, by_block=by_block)
    _add_table(SubElement(root, "div", {"style": MAX_HEIGHT}), params_table(network, rows))
    return tostring(root, "unicode", method="html")


def picture_png(picture: Picture) -> bytes:
    """Return a picture as a PNG file of moderate size; small matrices are enlarged, with their numbers.

    Several feature maps stand side by side; transparent pixels show a checkerboard.

    Examples
    --------
    >>> import numpy as np
    >>> picture_png(Picture(np.zeros((300, 400), np.uint8)))[1:4]
    b'PNG'
    """
    layers = picture_layers(picture)
    largest = MAX_SIDE if len(layers) == 1 else MAX_SIDE_OF_MAPS
    style = ThumbnailStyle(box=(largest, largest))
    panels = []
    for number, (colors, layer) in enumerate(
        zip(picture_thumbnails(picture, style, MAX_MAPS), layers, strict=False), 1
    ):
        size = colors.shape[0], colors.shape[1]
        pixels = Scaling.to_fit(size, largest, min(largest, MATRIX_SIDE)).apply(colors)
        texts = number_texts(layer) if is_matrix(picture) else None
        if texts is not None:
            pixels = draw_numbers(pixels, texts)
        panels.append(Panel(f"map {number} of {len(layers)}", [], pixels, None))
    shown = panels[0].pixels if len(panels) == 1 else draw_sheet(panels).pixels
    return b"".join(encode_png(shown))


def _add_filter(parent: Element, filter_: Filter) -> None:
    """Add the picture of a filter, or the reason why it cannot be drawn: it has too many kernels."""
    try:
        drawing = filter_drawing(filter_)
    except KernelError as error:
        SubElement(parent, "p").text = replace_unprintable(str(error))
    else:
        _add_drawing(parent, drawing)


def _add_drawing(parent: Element, drawing: Drawing) -> None:
    _add_image(parent, "svg", render_svg(drawing).encode(), drawing.title)


def _add_image(parent: Element, kind: str, content: bytes, title: str) -> None:
    """Add a file as an image of its own, whose styles do not reach the rest of the page."""
    source = f"data:{IMAGES[kind]};base64,{b64encode(content).decode()}"
    style = {"style": "display:block;max-width:none"}
    SubElement(parent, "img", {"src": source, "alt": replace_unprintable(title), **style})


def _add_facts(parent: Element, facts: Iterable[tuple[str, str]]) -> None:
    table = SubElement(parent, "table")
    for label, text in facts:
        if text:
            row = SubElement(table, "tr")
            SubElement(row, "td", {"style": f"{LEFT};vertical-align:top"}).text = label
            SubElement(row, "td", {"style": f"{LEFT};max-width:48em"}).text = replace_unprintable(text)


def _add_table(parent: Element, table: Table) -> None:
    """Add a table with its header and total; columns without any content are left out."""
    columns = [column for column in table.columns if not column.is_empty]
    element = SubElement(parent, "table")
    rows = [list(cells) for cells in zip(*(column.texts for column in columns), strict=True)]
    for cells, depth in zip(rows, table.indents, strict=True):
        cells[0] = "\N{NO-BREAK SPACE}" * 3 * depth + cells[0]
    totals = [[column.total_text for column in columns]] if table.has_total else []
    for kind, lines in (("th", [[column.name for column in columns]]), ("td", rows), ("th", totals)):
        for cells in lines:
            row = SubElement(element, "tr")
            for column, text in zip(columns, cells, strict=True):
                style = {"style": f"{RIGHT if column.is_number else LEFT};white-space:nowrap"}
                SubElement(row, kind, style).text = replace_unprintable(text)
