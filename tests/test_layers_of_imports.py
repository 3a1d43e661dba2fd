"""The layers of the house, read from the imports of every module.

A module that is not in the table fails: whoever adds one decides here what it may lean on.
"""

import ast
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parents[1] / "convcli"


class Row(NamedTuple):
    """What a module may import: modules of convcli, and packages besides the standard library."""

    own: set[str]
    others: set[str]


EVERYTHING = {"*"}
TABLE = {
    "synonyms": Row(set(), set()),
    "errors": Row({"synonyms"}, set()),
    "size_texts": Row({"errors"}, set()),
    "sizes": Row({"size_texts", "errors"}, set()),
    "opening": Row(set(), set()),
    "matrices": Row({"errors"}, {"numpy"}),
    "arrays": Row({"errors"}, {"numpy"}),
    "kernels": Row({"arrays", "errors", "matrices", "opening"}, {"numpy"}),
    "weights": Row({"arrays", "kernels", "opening", "size_texts", "errors"}, {"numpy"}),
    "scratch": Row(set(), {"numpy"}),
    "slides": Row({"scratch", "sizes"}, {"numpy"}),
    "strategies": Row({"slides", "sizes", "kernels"}, {"numpy"}),
    "borders": Row({"sizes", "matrices", "errors"}, {"numpy"}),
    "convolve": Row(
        {"borders", "scratch", "slides", "strategies", "processors", "sizes", "kernels", "arrays", "errors"},
        {"numpy"},
    ),
    "pooling": Row({"processors", "scratch", "sizes", "arrays", "errors"}, {"numpy"}),
    "patches": Row({"scratch", "sizes"}, {"numpy"}),
    "winograd": Row({"patches", "scratch", "sizes"}, {"numpy"}),
    "layers": Row({"patches", "winograd", "pooling", "processors", "scratch", "sizes", "errors"}, {"numpy"}),
    "learning": Row({"layers", "arrays", "kernels", "sizes", "size_texts", "errors"}, {"numpy"}),
    "tuning": Row({"kernels", "errors"}, {"numpy"}),
    "drawing": Row(set(), set()),
    "svg": Row({"drawing"}, set()),
    "colors": Row(set(), {"numpy"}),
    "lettering": Row(set(), {"PIL"}),
    "sheets": Row({"colors", "lettering", "render", "tally"}, {"numpy", "PIL"}),
    "directions": Row(
        {"colors", "convolve", "kernels", "lettering", "sheets", "sizes", "errors"}, {"numpy", "PIL"}
    ),
    "plots": Row({"colors", "learning", "lettering", "png", "tuning"}, {"numpy", "PIL"}),
    "windows": Row({"sizes", "size_texts", "errors"}, set()),
    "grids": Row({"drawing", "windows"}, set()),
    "window_words": Row({"explaining", "sizes", "size_texts"}, set()),
    "window_layouts": Row({"drawing", "explaining", "grids", "window_words", "windows", "sizes"}, set()),
    "window_drawings": Row(
        {"drawing", "explaining", "grids", "window_layouts", "windows", "sizes", "size_texts", "errors"},
        set(),
    ),
    "painting": Row({"drawing", "lettering"}, {"PIL"}),
    "volumes": Row(
        {"convolve", "layers", "winograd", "borders", "arrays", "kernels", "sizes", "size_texts", "errors"},
        {"numpy"},
    ),
    "explaining": Row(
        {"borders", "convolve", "arrays", "kernels", "sizes", "size_texts", "windows", "errors"}, {"numpy"}
    ),
    "tally": Row(set(), {"numpy"}),
    "render": Row({"scratch", "errors"}, {"numpy"}),
    "one_pass": Row({"convolve", "render", "tally", "scratch", "kernels", "sizes", "errors"}, {"numpy"}),
    "files": Row({"errors", "opening"}, set()),
    "processors": Row({"errors"}, set()),
    "png": Row({"errors", "processors"}, {"numpy"}),
    "png_checks": Row({"errors"}, set()),
    "limits": Row({"errors"}, set()),
    "jpeg_checks": Row({"errors"}, set()),
    "tiff_checks": Row({"errors"}, set()),
    "integrity": Row({"png_checks", "jpeg_checks", "tiff_checks", "errors"}, {"PIL"}),
    "libtiff": Row(set(), set()),
    "decoding": Row({"integrity", "libtiff", "limits", "processors", "errors"}, {"PIL"}),
    "pictures": Row(set(), {"numpy"}),
    "thumbnails": Row({"colors", "pictures"}, {"numpy"}),
    "terminal_pictures": Row({"png"}, {"numpy", "PIL"}),
    "backgrounds": Row({"pictures", "errors"}, {"numpy", "PIL"}),
    "encoding": Row({"matrices", "pictures", "png", "errors"}, {"numpy", "PIL"}),
    "images": Row(
        {"arrays", "decoding", "encoding", "files", "limits", "matrices", "opening", "pictures", "errors"},
        {"numpy", "PIL"},
    ),
    "network": Row({"drawing", "svg", "opening", "sizes", "size_texts", "errors", "network"}, set()),
    "cli": Row(EVERYTHING, {"numpy", "typer", "rich"}),
    "__main__": Row(EVERYTHING, {"typer", "rich"}),
    # The package itself hands the public names on; that it loads them late is tested with the public surface.
    "__init__": Row(
        {
            "errors",
            "sizes",
            "convolve",
            "images",
            "kernels",
            "layers",
            "learning",
            "network",
            "pooling",
            "render",
            "volumes",
            "weights",
        },
        set(),
    ),
}


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def layer(name: str) -> str:
    """Return the row of the table for a module: its first name."""
    return name.partition(".")[0]


def imported(source: str, package: list[str]) -> set[str]:
    """Return the full names of all modules that a module imports, wherever in its text.

    What is taken from ``convcli`` itself counts as the module of that name.
    """
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            full = ".".join([*base, *([node.module] if node.module else [])])
            names |= {f"convcli.{alias.name}" for alias in node.names} if full == "convcli" else {full}
    return names


def imports_of(name: str) -> set[str]:
    return imported(MODULES[name].read_text("utf-8"), ["convcli", *name.split(".")[:-1]])


def own_imports(name: str) -> set[str]:
    """Return the layers of convcli that a module imports; `__version__` stands in the package itself."""
    layers = {
        layer(full.removeprefix("convcli.")) for full in imports_of(name) if full.startswith("convcli.")
    }
    return {"__init__" if part.startswith("__") else part for part in layers}


def other_imports(name: str) -> set[str]:
    packages = {full.partition(".")[0] for full in imports_of(name)}
    return packages - set(sys.stdlib_module_names) - {"convcli"}


def test_imports_are_found_in_every_form() -> None:
    source = """
import os, numpy.typing as t
from convcli.sizes import Axis
from convcli import errors, kernels
def f():
    from PIL import Image
    if TYPE_CHECKING:
        import convcli.cli.app
    from . import pooling
    from ..arrays import image_array
"""
    own = {"sizes", "errors", "kernels", "cli.app", "cli", "arrays"}
    expected = {"os", "numpy.typing", "PIL"} | {f"convcli.{name}" for name in own}
    assert imported(source, ["convcli", "cli"]) == expected


def test_every_module_has_its_row_and_every_row_its_module() -> None:
    assert {layer(name) for name in MODULES} == set(TABLE)


@pytest.mark.parametrize("name", MODULES)
def test_imports_point_down_only(name: str) -> None:
    allowed = TABLE[layer(name)].own
    assert allowed == EVERYTHING or own_imports(name) <= allowed


@pytest.mark.parametrize("name", MODULES)
def test_no_module_leans_on_another_package_than_it_may(name: str) -> None:
    assert other_imports(name) <= TABLE[layer(name)].others


def test_nobody_but_the_entry_point_imports_the_command_line() -> None:
    assert {layer(name) for name in MODULES if "cli" in own_imports(name)} <= {"cli", "__main__"}


@pytest.mark.parametrize("package", ["typer", "rich"])
def test_only_the_command_line_knows_its_libraries(package: str) -> None:
    assert {layer(name) for name in MODULES if package in other_imports(name)} <= {"cli", "__main__"}


def test_only_these_know_pillow() -> None:
    assert [name for name in MODULES if "PIL" in other_imports(name)] == [
        "backgrounds", "decoding", "directions", "encoding", "images", "integrity", "lettering", "painting",
        "plots", "sheets", "terminal_pictures",
    ]  # fmt: skip


def test_nobody_imports_click_which_typer_carries_itself() -> None:
    assert [name for name in MODULES if "click" in other_imports(name)] == []
