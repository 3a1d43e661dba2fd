"""Drawings as SVG: parsed again by an XML parser, their colors compared with the values they represent."""

import re
from xml.etree import ElementTree

import pytest

from convcli.drawing.shapes import PALETTE, Animation, Drawing, Ink, Line, Rectangle, Shape, Text, text_width
from convcli.drawing.svg import render_animated_svg, render_svg
from tests.support.command_line import SVG


def parsed(*shapes: Shape, title: str = "title") -> ElementTree.Element:
    return ElementTree.fromstring(render_svg(Drawing(width=40, height=30, shapes=shapes, title=title)))


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colors, by the definition of WCAG 2."""

    def luminance(color: str) -> float:
        parts = [int(color[start : start + 2], 16) / 255 for start in (1, 3, 5)]
        red, green, blue = (
            part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(first), luminance(second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_a_drawing_is_a_document_of_its_size_on_paper() -> None:
    root = parsed(title="<a> & b")
    assert root.tag == f"{SVG}svg"
    assert root.attrib == {"role": "img", "width": "40", "height": "30", "viewBox": "0 0 40 30"}
    assert root.findtext(f"{SVG}title") == "<a> & b"
    (paper,) = root.findall(f"{SVG}rect")
    assert paper.attrib == {"x": "0", "y": "0", "width": "40", "height": "30", "class": "f-paper"}


def test_shapes_keep_their_order_and_places() -> None:
    box = Rectangle(x=1.25, y=2, width=3, height=4, fill="#123456", stroke=Ink.LINE, radius=2, title="why")
    line = Line(points=((0, 0), (10, 0)), stroke=Ink.TEXT, thickness=2, dashed=True, arrow=True)
    text = Text(x=5, y=10, text="a  b", size=20, bold=True)
    root = parsed(box, line, text)
    rectangle, polyline, head, label = list(root)[-4:]
    assert [element.tag.removeprefix(SVG) for element in (rectangle, polyline, head, label)] == [
        "rect", "polyline", "polygon", "text",
    ]  # fmt: skip
    assert rectangle.attrib["fill"] == "#123456"
    assert rectangle.findtext(f"{SVG}title") == "why"
    assert polyline.attrib["points"] == "0,0 10,0"
    assert head.attrib["points"] == "10,0 3,3.5 3,-3.5"
    assert (label.attrib["y"], label.text) == ("17", "a  b")


def test_characters_that_xml_cannot_hold_are_replaced() -> None:
    assert parsed(Text(x=0, y=0, text="a\x1b\0\ud800\u202eb"))[-1].text == "a\ufffd\ufffd\ufffd\ufffdb"


@pytest.mark.parametrize("page", [0, 1])
@pytest.mark.parametrize(
    "ground", [ink for ink in Ink if "strong" not in ink and ink not in ("text", "faint", "line")]
)
def test_texts_can_be_read_on_every_ground(ground: Ink, page: int) -> None:
    for ink, least in ((Ink.TEXT, 7), (Ink.FAINT, 4)):
        assert contrast(PALETTE[ink][page], PALETTE[ground][page]) >= least


@pytest.mark.parametrize("page", [0, 1])
def test_strong_colors_stand_out_from_the_paper(page: int) -> None:
    for ink in Ink:
        if ink.startswith("strong"):
            assert contrast(PALETTE[ink][page], PALETTE[Ink.PAPER][page]) >= 3


def test_every_color_has_a_rule_for_light_and_dark_pages() -> None:
    style = parsed().findtext(f"{SVG}style") or ""
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    for ink, (on_light, on_dark) in PALETTE.items():
        assert f".f-{ink}{{fill:{on_light}}}" in light
        assert f".s-{ink}{{stroke:{on_dark}}}" in dark


def animation(count: int) -> ElementTree.Element:
    frames = tuple((Text(x=1, y=1, text=str(number)),) for number in range(count))
    still = (Rectangle(x=0, y=0, width=1, height=1),)
    moving = Animation(width=9, height=9, background=still, frames=frames, seconds=0.5, title="t")
    return ElementTree.fromstring(render_animated_svg(moving))


@pytest.mark.parametrize("count", [1, 2, 7])
def test_an_animation_shows_one_frame_after_the_other(count: int) -> None:
    root = animation(count)
    groups = root.findall(f"{SVG}g")
    assert [group.findtext(f"{SVG}text") for group in groups] == [str(number) for number in range(count)]
    assert [group.attrib["class"] for group in groups] == ["frame first"] + ["frame"] * (count - 1)
    delays = [re.sub(r"animation-delay:|s$", "", group.attrib["style"]) for group in groups]
    assert list(map(float, delays)) == [number * 0.5 for number in range(count)]
    rules = "".join(style.text or "" for style in root.findall(f"{SVG}style"))
    assert (f"animation:frame {count * 0.5:g}s step-end infinite" in rules) == (count > 1)


def test_persistent_shapes_stay_and_the_last_frame_pauses() -> None:
    shapes = tuple((Text(x=1, y=1, text=str(number)),) for number in range(4))
    over = (Text(x=1, y=1, text="over"),)
    moving = Animation(
        width=9,
        height=9,
        background=(),
        frames=shapes,
        persistent=shapes,
        overlay=over,
        seconds=0.5,
        pause=3,
        title="t",
    )
    root = ElementTree.fromstring(render_animated_svg(moving))
    assert [element.text for element in root.iter(f"{SVG}text")] == [*"0123", *"0123", "over"]
    groups = root.findall(f"{SVG}g")
    assert [group.attrib["class"] for group in groups[:4]] == [
        "kept first",
        "kept kept-1",
        "kept kept-2",
        "kept kept-3",
    ]
    rules = "".join(style.text or "" for style in root.findall(f"{SVG}style"))
    moves = rules.partition("@media (prefers-reduced-motion:no-preference)")[2]
    for number in (1, 2, 3):  # of the 5 seconds that all takes
        assert (
            f"@keyframes kept-{number}{{0%{{visibility:hidden}}{number * 10}%,100%{{visibility:visible}}}}"
            in moves
        )
    assert "@keyframes frame{0%{visibility:visible}10%,100%{visibility:hidden}}" in rules
    assert "@keyframes last{0%{visibility:visible}70%,100%{visibility:hidden}}" in rules
    assert ".frame{animation:frame 5s step-end infinite" in moves
    assert ".frame:last-of-type{animation-name:last}" in moves


def test_widths_of_texts() -> None:
    assert text_width("a\u0301", 10) == text_width("a", 10)
    assert text_width("猫", 10) == text_width("ab", 10)
