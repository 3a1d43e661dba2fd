"""A network as a self-contained HTML page: its diagram beside its table."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from convcli.drawing.shapes import Drawing, Ink, replace_unprintable
from convcli.drawing.svg import FONTS, ink_rules, svg_element
from convcli.drawing.themes import DARK_CHOSEN, LIGHT_CHOSEN, theme_choice, theme_colors
from convcli.networks.diagram.drawing import INPUT_NAME, box_name
from convcli.networks.tables import Cell, Table

__all__ = ["network_page"]

STYLE = """
*{box-sizing:border-box}
body{margin:0;height:100vh;display:flex;flex-direction:column;background:var(--paper);color:var(--text);
 font:14px/1.45 system-ui,sans-serif}
header{display:flex;flex-wrap:wrap;gap:4px 24px;align-items:baseline;padding:10px 24px;
 border-bottom:1px solid var(--line)}
h1{font-size:18px;margin:0;overflow-wrap:anywhere}
header p{margin:0;color:var(--faint);flex:1 1 20em;overflow-wrap:anywhere}
fieldset{border:0;margin:0;padding:0;display:flex;gap:12px}
legend{float:left;padding:0 12px 0 0;color:var(--faint)}
main{flex:1;min-height:0;display:grid;grid-template-columns:minmax(24em,1fr) minmax(0,max-content)}
section{overflow:auto;min-height:0}
section+section{border-left:1px solid var(--line);padding:0 24px 24px}
svg{display:block;margin:0 auto}
table{border-collapse:collapse;font:12px/1.5 FONTS;white-space:nowrap}
caption{text-align:left;color:var(--faint);padding:14px 0;white-space:normal;
 font:14px/1.45 system-ui,sans-serif}
th,td{padding:1px 18px 1px 0;text-align:left;font-weight:normal}
th:last-child,td:last-child{padding-right:6px}
.number{text-align:right}
thead th{position:sticky;top:0;background:var(--paper);color:var(--faint);padding-bottom:6px}
tbody th{padding-left:calc(6px + 1.2em*var(--depth,0));max-width:34em;overflow:hidden;text-overflow:ellipsis}
thead th:first-child,tfoot th{padding-left:6px}
tfoot th,tfoot td{border-top:1px solid var(--line);font-weight:bold;padding-top:6px}
a{color:inherit;text-decoration:none}
a:hover,a:focus-visible{text-decoration:underline}
tbody tr:hover,tbody tr.lit,tbody tr:target{background:var(--lit)}
rect[id]{scroll-margin:60px}
rect[id]:hover,rect[id].lit,rect[id]:target{stroke:var(--strong)!important;stroke-width:2.5}
dl{display:grid;grid-template-columns:auto 1fr;gap:4px 18px;margin:20px 0 0;max-width:52em}
dt{color:var(--faint)}
dd{margin:0;overflow-wrap:anywhere}
@media (max-width:900px){body{height:auto}main{display:block}section+section{border-left:0}}
@media print{body{height:auto}main{display:block}section{overflow:visible}fieldset{display:none}}
"""
SCRIPT = """
// Hovering over a box highlights its row, and the reverse; clicking a box scrolls to its row.
const twins = (event) => {
  const number = /^(?:layer|row)-(\\d+)$/.exec(event.target.closest("[id]")?.id ?? "")?.[1];
  return number ? ["layer-", "row-"].map((name) => document.getElementById(name + number)) : [];
};
for (const [kind, lit] of [["pointerover", true], ["pointerout", false]])
  document.addEventListener(kind, (event) => twins(event).forEach((one) => one.classList.toggle("lit", lit)));
document.querySelector("svg").addEventListener("click", (event) =>
  twins(event)[1]?.scrollIntoView({ block: "center" }));
// With many branches, the first layers are far to the right.
const pane = document.querySelector("section"), first = document.getElementById("INPUT");
const hidden = first.getBoundingClientRect().right - pane.getBoundingClientRect().right;
if (hidden > 0 && !location.hash) pane.scrollLeft += hidden + pane.clientWidth / 3;
"""
VARIABLES = (Ink.PAPER, Ink.TEXT, Ink.FAINT, Ink.LINE)


def network_page(
    drawing: Drawing, table: Table, *, subtitle: str = "", facts: Sequence[tuple[str, str]] = ()
) -> str:
    """Return a page of HTML.

    Parameters
    ----------
    drawing : Drawing
        The diagram of the network; its title becomes that of the page.
    table : Table
        A table with one row per box of the drawing, in the same order.
    subtitle : str
        A line below the title.
    facts : sequence of (str, str)
        Labels and texts below the table.

    Examples
    --------
    >>> from convcli.networks.diagram.diagram import network_diagram
    >>> from convcli.networks.diagram.drawing import network_drawing
    >>> from convcli.networks.sources import network
    >>> from convcli.networks.tables import params_table
    >>> net = network("conv 6 f5, tanh", (32, 32, 1))
    >>> page = network_page(network_drawing(network_diagram(net), "two layers"), params_table(net))
    >>> page.splitlines()[0], "<title>two layers</title>" in page
    ('<!DOCTYPE html>', True)
    """
    root = Element("html", {"lang": "en"})
    head = SubElement(root, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width"})
    title = replace_unprintable(drawing.title)
    SubElement(head, "title").text = title
    SubElement(head, "style").text = STYLE.replace("FONTS", FONTS) + _colors()
    body = SubElement(root, "body")
    header = SubElement(body, "header")
    SubElement(header, "h1").text = title
    SubElement(header, "p").text = replace_unprintable(subtitle)
    header.append(theme_choice())
    main = SubElement(body, "main")
    SubElement(main, "section", {"aria-label": "diagram", "tabindex": "0"}).append(svg_element(drawing))
    beside = SubElement(main, "section", {"aria-label": "table", "tabindex": "0"})
    beside.append(_table(table))
    beside.append(_facts(facts))
    SubElement(body, "script").text = SCRIPT.replace("INPUT", INPUT_NAME)
    indent(root, "")
    return "<!DOCTYPE html>\n" + tostring(root, "unicode", method="html") + "\n"


def _colors() -> str:
    """Return the colors of light and dark pages, and of the drawing on them."""
    variables = {ink.value: ink for ink in VARIABLES} | {"lit": Ink.BLUE, "strong": Ink.STRONG_BLUE}
    drawing = ink_rules(dark=False, within=f"{LIGHT_CHOSEN} ") + ink_rules(
        dark=True, within=f"{DARK_CHOSEN} "
    )
    return theme_colors(variables) + drawing


# The table ------------------------------------------------------------------------------------------------


def _table(table: Table) -> Element:
    """Return a table whose rows link to their boxes."""
    columns = [column for column in table.columns if not column.is_empty]
    classes = [{"class": "number"} if column.is_number else {} for column in columns]
    element = Element("table")
    caption = SubElement(element, "caption")
    caption.text = "Hover over a row or a box to highlight its counterpart; click to go there."
    names = SubElement(SubElement(element, "thead"), "tr")
    for column, attributes in zip(columns, classes, strict=True):
        SubElement(names, "th", {"scope": "col", **attributes}).text = column.name
    rows = SubElement(element, "tbody")
    for number, depth in enumerate(table.indents):
        row = SubElement(rows, "tr", {"id": f"row-{number + 1}"})
        name = SubElement(row, "th", {"scope": "row", "style": f"--depth:{depth}"})
        SubElement(name, "a", {"href": f"#{box_name(number + 1)}"}).text = _text(columns[0].cells[number])
        _add_cells(row, [column.cells[number] for column in columns[1:]], classes[1:])
    if table.has_total:
        total = SubElement(SubElement(element, "tfoot"), "tr")
        SubElement(total, "th", {"scope": "row"}).text = _text(columns[0].total)
        _add_cells(total, [column.total for column in columns[1:]], classes[1:])
    return element


def _add_cells(row: Element, cells: Sequence[Cell], classes: Sequence[dict[str, str]]) -> None:
    for cell, attributes in zip(cells, classes, strict=True):
        SubElement(row, "td", attributes).text = _text(cell)


def _text(cell: Cell) -> str:
    return f"{cell:,}" if isinstance(cell, int) else replace_unprintable(cell or "")


def _facts(facts: Sequence[tuple[str, str]]) -> Element:
    element = Element("dl")
    for label, text in facts:
        SubElement(element, "dt").text = replace_unprintable(label)
        SubElement(element, "dd").text = replace_unprintable(text)
    return element
