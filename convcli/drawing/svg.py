"""Drawings as SVG: one self-contained file for light and dark pages."""

from collections.abc import Iterable
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from convcli.drawing.shapes import (
    BASELINE,
    DASHES,
    PALETTE,
    Animation,
    Color,
    Drawing,
    Ink,
    Line,
    Rectangle,
    Shape,
    Text,
    replace_unprintable,
)

__all__ = ["FONTS", "ink_rules", "render_animated_svg", "render_svg", "svg_element"]

FONTS = "ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def render_svg(drawing: Drawing) -> str:
    """Return a drawing as an SVG document.

    Examples
    --------
    >>> box = Rectangle(x=0, y=0, width=9, height=9, fill=Ink.BLUE)
    >>> render_svg(Drawing(width=9, height=9, shapes=(box,), title="a box")).splitlines()[0][:44]
    '<svg xmlns="http://www.w3.org/2000/svg" role'
    """
    return _document(svg_element(drawing))


def render_animated_svg(animation: Animation) -> str:
    """Return an animation as an SVG document: each frame is a group with the class ``frame``.

    Kept shapes are in groups with the class ``kept``. Viewers without animation, or set to reduced motion,
    show the first frame.
    """
    root = _root(animation, animation.background)
    _style(root, _animation_rules(animation))
    for number, shapes in enumerate(animation.persistent):
        group = SubElement(root, "g", {"class": "kept first" if number == 0 else f"kept kept-{number}"})
        _add(group, shapes)
    for number, shapes in enumerate(animation.frames):
        group = SubElement(root, "g", {"class": "frame first" if number == 0 else "frame"})
        group.set("style", f"animation-delay:{number * animation.seconds:.6g}s")
        _add(group, shapes)
    _add(root, animation.overlay)
    return _document(root)


def _animation_rules(animation: Animation) -> str:
    """Return the CSS rules that show one frame after the other; none for a single frame."""
    count, seconds = len(animation.frames), animation.seconds
    if count < 2:
        return ""
    duration = count * seconds + animation.pause
    appearances = (
        f"@keyframes kept-{number}{{0%{{visibility:hidden}}"
        f"{100 * number * seconds / duration:.6g}%,100%{{visibility:visible}}}}"
        f".kept.kept-{number}{{animation-name:kept-{number}}}"
        for number in range(1, len(animation.persistent))
    )
    return (
        ".frame,.kept{visibility:hidden}.first{visibility:visible}"
        f"{_visible_part('frame', seconds / duration)}"
        f"{_visible_part('last', (seconds + animation.pause) / duration)}"
        "@media (prefers-reduced-motion:no-preference){"
        f".frame{{animation:frame {duration:.6g}s step-end infinite;visibility:hidden}}"
        ".frame:last-of-type{animation-name:last}"
        f".kept:not(.first){{animation:{duration:.6g}s step-end infinite}}{''.join(appearances)}}}"
    )


def _visible_part(name: str, share: float) -> str:
    """Return the CSS rule that shows an element for the first part of the time, then hides it."""
    return f"@keyframes {name}{{0%{{visibility:visible}}{100 * share:.6g}%,100%{{visibility:hidden}}}}"


def svg_element(drawing: Drawing) -> Element:
    """Return a drawing as the root element of an SVG document, to embed in a page."""
    return _root(drawing, drawing.shapes)


def _root(drawing: Drawing | Animation, shapes: Iterable[Shape]) -> Element:
    width, height = _number(drawing.width), _number(drawing.height)
    root = Element("svg", xmlns="http://www.w3.org/2000/svg", role="img", width=width, height=height)
    root.set("viewBox", f"0 0 {width} {height}")
    SubElement(root, "title").text = _printable_lines(drawing.title)
    if drawing.description:
        SubElement(root, "desc").text = _printable_lines(drawing.description)
    _style(root, _style_rules())
    paper = Rectangle(x=0, y=0, width=drawing.width, height=drawing.height, fill=Ink.PAPER)
    _add(root, (paper, *shapes))
    return root


def _style(root: Element, rules: str) -> None:
    if rules:
        SubElement(root, "style").text = rules


def ink_rules(*, dark: bool, within: str = "") -> str:
    """Return the CSS rules for colors: classes such as ``f-paper`` fill, ``s-paper`` set the line color.

    A page that sets light or dark itself passes a selector, `within`, that precedes each rule.

    Examples
    --------
    >>> ink_rules(dark=False, within=".light ")[:51]
    '.light .f-paper{fill:#ffffff}.light .s-paper{stroke'
    """
    return "".join(
        f"{within}.f-{ink}{{fill:{pair[dark]}}}{within}.s-{ink}{{stroke:{pair[dark]}}}"
        for ink, pair in PALETTE.items()
    )


def _style_rules() -> str:
    """Return the CSS rules of every drawing; hovering over a text reaches the shape below it."""
    light, dark = ink_rules(dark=False), ink_rules(dark=True)
    return (
        f"text{{font-family:{FONTS};white-space:pre}}text,polyline,polygon{{pointer-events:none}}"
        f"{light}@media (prefers-color-scheme:dark){{{dark}}}"
    )


def _add(parent: Element, shapes: Iterable[Shape]) -> None:
    for shape in shapes:
        if isinstance(shape, Rectangle):
            _add_rectangle(parent, shape)
        elif isinstance(shape, Line):
            _add_line(parent, shape)
        else:
            _add_text(parent, shape)


def _add_rectangle(parent: Element, shape: Rectangle) -> None:
    element = SubElement(
        parent, "rect", _numbers(x=shape.x, y=shape.y, width=shape.width, height=shape.height)
    )
    if shape.radius:
        element.set("rx", _number(shape.radius))
    _color(element, shape.fill, shape.stroke, shape.thickness, dashed=shape.dashed)
    if shape.name:
        element.set("id", shape.name)
    if shape.title:
        SubElement(element, "title").text = _printable_lines(shape.title)


def _add_line(parent: Element, shape: Line) -> None:
    points = " ".join(f"{_number(x)},{_number(y)}" for x, y in shape.points)
    element = SubElement(parent, "polyline", {"points": points})
    _color(element, None, shape.stroke, shape.thickness, dashed=shape.dashed)
    if shape.arrow:
        corners = " ".join(f"{_number(x)},{_number(y)}" for x, y in shape.arrowhead())
        head = SubElement(parent, "polygon", {"points": corners})
        _color(head, shape.stroke, None, 0, dashed=False)


def _add_text(parent: Element, shape: Text) -> None:
    element = SubElement(parent, "text", _numbers(x=shape.x, y=shape.y + BASELINE * shape.size))
    element.set("font-size", _number(shape.size))
    element.set("text-anchor", shape.anchor)
    if shape.bold:
        element.set("font-weight", "bold")
    _color(element, shape.fill, None, 0, dashed=False)
    element.text = _printable_lines(shape.text)


def _color(
    element: Element, fill: Color | None, stroke: Color | None, thickness: float, *, dashed: bool
) -> None:
    """Set the colors: named ones by class, so that they follow the page, others by value."""
    names = []
    for kind, color in (("fill", fill), ("stroke", stroke)):
        if isinstance(color, Ink):
            names.append(f"{kind[0]}-{color}")
        elif color is not None or kind == "fill":
            element.set(kind, color or "none")
    if names:
        element.set("class", " ".join(names))
    if stroke is not None and thickness != 1:
        element.set("stroke-width", _number(thickness))
    if dashed:
        element.set("stroke-dasharray", " ".join(map(str, DASHES)))


def _numbers(**values: float) -> dict[str, str]:
    return {name: _number(value) for name, value in values.items()}


def _number(value: float) -> str:
    return f"{round(value, 2) + 0.0:.10g}"


def _printable_lines(text: str) -> str:
    """Replace characters that cannot be displayed, line by line; XML allows the rest."""
    return "\n".join(map(replace_unprintable, text.split("\n")))


def _document(root: Element) -> str:
    indent(root, " ")
    return tostring(root, "unicode") + "\n"
