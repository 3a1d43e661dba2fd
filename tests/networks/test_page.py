"""Pages of networks: parsed as a browser parses them and compared with the table and the diagram."""

import re
from html.parser import HTMLParser

import pytest

from convcli.drawing.shapes import PALETTE
from convcli.networks.diagram.diagram import network_diagram
from convcli.networks.diagram.drawing import network_drawing
from convcli.networks.diagram.page import network_page
from convcli.networks.network import Network
from convcli.networks.rows import table_rows
from convcli.networks.sources import network
from convcli.networks.tables import params_table, shape_table

VOID = {"meta", "input"}


class Page(HTMLParser):
    """Collects elements, and texts by the elements that they stand in; every element must be closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag in ("tr", "td", "th", "dt", "dd"):
            self.texts.append((tag, ""))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        within = [tag for tag in self.open if tag in ("td", "th", "dt", "dd")]
        if within:
            self.texts[-1] = within[-1], self.texts[-1][1] + data.strip()
        elif data.strip():
            self.texts.append((self.open[-1], data))

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]

    def text_in(self, *tags: str) -> list[str]:
        return [text for tag, text in self.texts if tag in tags]

    def rows(self) -> list[list[str]]:
        """Return the cells of the table, row by row."""
        rows: list[list[str]] = []
        for tag, text in self.texts:
            if tag == "tr":
                rows.append([])
            elif tag in ("th", "td"):
                rows[-1].append(text)
        return rows


def page_text(net: Network, name: str = "net", *, by_block: bool = False, dense: bool = False) -> str:
    drawing = network_drawing(network_diagram(net, by_block=by_block), name)
    table = params_table(net, table_rows(net, by_block=by_block), versus_dense=dense)
    return network_page(drawing, table, subtitle=f"about {name}", facts=[("params", "many"), ("a<b", "<i>")])


@pytest.fixture(scope="module")
def resnet() -> str:
    return page_text(network("resnet18"), "resnet18")


def test_page_has_a_language_and_a_title(resnet: str) -> None:
    assert resnet.startswith('<!DOCTYPE html>\n<html lang="en">')
    page = Page(resnet)
    assert page.text_in("title")[0] == "resnet18"
    assert page.text_in("h1") == ["resnet18"]
    assert page.text_in("p") == ["about resnet18"]
    assert page.text_in("dt", "dd") == ["params", "many", "a<b", "<i>"]
    assert ("meta", {"charset": "utf-8"}) in page.elements


def test_table_gets_its_width_before_the_diagram(resnet: str) -> None:
    """At 1300 pixels the table of resnet18 is whole: its column grows to the table's width, 24em at the least
    stay for the diagram."""
    (columns,) = re.findall("main{[^}]*grid-template-columns:([^}]*)}", Page(resnet).text_in("style")[0])
    assert columns == "minmax(24em,1fr) minmax(0,max-content)"


def test_page_is_self_contained(resnet: str) -> None:
    page = Page(resnet)
    assert all(target.startswith("#") for target in page.attributes("href"))
    assert not page.attributes("src")
    assert {tag for tag, _ in page.elements} & {
        "link",
        "img",
        "iframe",
        "object",
        "embed",
        "base",
        "use",
    } == set()
    addresses = re.findall(r"https?:[^\s\"'<)]*|url\(|@import", resnet)
    assert set(addresses) == {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize(
    ("spec", "by_block", "dense"),
    [("lenet5", False, False), ("resnet18", True, False), ("unet", False, True), ("googlenet", False, False)],
)
def test_table_has_exact_numbers(spec: str, by_block: bool, dense: bool) -> None:
    net = network(spec)
    page = Page(page_text(net, by_block=by_block, dense=dense))
    header, *rows = page.rows()
    lines = params_table(net, table_rows(net, by_block=by_block), versus_dense=dense).as_tsv().splitlines()
    names, *expected = (line.split("\t") for line in lines)
    assert len(rows) == len(expected)
    for row, cells in zip(rows, expected, strict=True):
        columns = dict(zip(names, cells, strict=True))
        assert [re.sub(r"(?<=\d),(?=\d)", "", cell) for cell in row] == [columns[name] for name in header]


def test_a_table_without_a_total_has_no_foot() -> None:
    net = network("conv 4 f3, relu", (8, 8, 3))
    text = network_page(network_drawing(network_diagram(net), "net"), shape_table(net))
    assert [row[0] for row in Page(text).rows()[1:]] == ["conv 4 f3", "relu"]
    assert "<tfoot" not in text


@pytest.mark.parametrize("by_block", [False, True])
def test_every_row_links_to_its_box(by_block: bool) -> None:
    page = Page(page_text(network("resnet18"), by_block=by_block))
    names = page.attributes("id")
    assert len(set(names)) == len(names)
    boxes = [name for name in names if name.startswith("layer-")][1:]  # the first is the input
    assert page.attributes("href") == [f"#{name}" for name in boxes]
    rows = [attributes["id"] for tag, attributes in page.elements if tag == "tr" and "id" in attributes]
    assert rows == [name.replace("layer", "row") for name in boxes]


def test_header_cells_have_a_scope(resnet: str) -> None:
    scopes = Page(resnet).attributes("scope")
    rows = len(network("resnet18").layers) + 1  # and the total
    assert scopes.count("row") == rows
    assert scopes[: scopes.index("row")] == ["col"] * scopes.count("col")
    assert scopes.count("col") == len(Page(resnet).rows()[0])


def test_theme_is_chosen_without_a_script(resnet: str) -> None:
    page = Page(resnet)
    buttons = [attributes for tag, attributes in page.elements if tag == "input"]
    assert [button["id"] for button in buttons] == ["auto", "light", "dark"]
    assert {button["name"] for button in buttons} == {"page"}
    assert ["checked" in button for button in buttons] == [True, False, False]
    style = page.text_in("style")[0]
    for ink, colors in PALETTE.items():
        for choice, color in zip(("light", "dark"), colors, strict=True):
            assert f":root:has(#{choice}:checked) .f-{ink}{{fill:{color}}}" in style
            assert f":root:has(#{choice}:checked) .s-{ink}{{stroke:{color}}}" in style


@pytest.mark.parametrize(
    "text", ["<script>alert(1)</script>", "</style><b>", "a&lt;b", "\x1b[31m\u202e", "\udcff"]
)
def test_user_text_is_escaped(text: str) -> None:
    net = network(f"conv 8 f1 @{text}, relu, add @{text}", (9, 9, 8))
    html = page_text(net, text)
    page = Page(html)
    marked = "".join(letter if letter.isprintable() else "\ufffd" for letter in text)
    assert page.text_in("h1") == [marked]
    assert page.rows()[1][0] == f"conv 8 f1 @{marked}"
    plain = Page(page_text(network("conv 8 f1 @a, relu, add @a", (9, 9, 8)), "a"))
    assert [tag for tag, _ in page.elements] == [tag for tag, _ in plain.elements]
    html.encode()


def test_numbers_of_five_hundred_digits() -> None:
    huge = 10**499
    page = Page(page_text(network(f"conv {huge} f1", (1, 1, huge))))
    assert f"{(huge + 1) * huge:,}" in page.rows()[1]
