"""The house stays easy to find one's way in: small modules, small packages, no circles, few dependencies.

The import contracts in pyproject.toml are checked here, too, where import-linter is installed; what they cannot
express has a test of its own.
"""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "convcli"
CORE = PACKAGE / "compiled" / "src"  # sources of the compiled core, and what builds them
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.parent != CORE)
PACKAGES = sorted(module.parent for module in MODULES if module.name == "__init__.py")
MAX_LINES, MAX_MODULES = 400, 12
DEPENDENCIES = {"numpy", "PIL", "typer", "rich"}  # what pyproject.toml declares, by import name
EXTRA = {
    "tifffile",
    "imagecodecs",
    "fsspec",
    "aiohttp",
    "dask",
    "distributed",
    "xarray",
    "zarr",
}  # of the extras


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


NAMES = {module_name(path): path for path in MODULES}


def is_type_checking(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


class Imports(ast.NodeVisitor):
    """The imports of a module, wherever in its text, except those for type checkers.

    Attributes
    ----------
    pairs : list of tuple
        Each module that is imported from, and the name that is taken (empty for ``import module``).
    """

    def __init__(self, source: str) -> None:
        self.pairs: list[tuple[str, str]] = []
        self.visit(ast.parse(source))

    def visit_If(self, node: ast.If) -> None:
        for child in node.orelse if is_type_checking(node) else [node.test, *node.body, *node.orelse]:
            self.visit(child)

    def visit_Import(self, node: ast.Import) -> None:
        self.pairs += [(alias.name, "") for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are absolute"
        self.pairs += [(str(node.module), alias.name) for alias in node.names]

    @property
    def modules(self) -> set[str]:
        """The modules that are imported; a name that is a module of convcli counts as that module."""
        return {f"{module}.{name}" if f"{module}.{name}" in NAMES else module for module, name in self.pairs}


IMPORTS = {name: Imports(path.read_text("utf-8")) for name, path in NAMES.items()}


def test_imports_are_found_in_every_form() -> None:
    source = """
import os, numpy.typing as t
from convcli.sizes.axes import output_size
from convcli import errors, __version__
if TYPE_CHECKING:
    import convcli.cli.app
else:
    import json
def f():
    from PIL import Image
    if t:
        from convcli.kernels.filter import _name
"""
    found = Imports(source)
    assert found.modules == {
        "os", "numpy.typing", "convcli.sizes.axes", "convcli.errors", "convcli", "json", "PIL", "convcli.kernels.filter",
    }  # fmt: skip
    assert ("convcli.kernels.filter", "_name") in found.pairs


@pytest.mark.parametrize("name", NAMES)
def test_a_module_is_short_and_says_what_it_is(name: str) -> None:
    text = NAMES[name].read_text("utf-8")
    assert len(text.splitlines()) <= MAX_LINES
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring is not None
    assert len(docstring.splitlines()[0].split()) >= 2


@pytest.mark.parametrize(
    "path", sorted(filter(Path.is_file, CORE.iterdir())), ids=lambda path: str(path.name)
)
def test_a_source_of_the_core_is_short_and_says_what_it_is(path: Path) -> None:
    if path.suffix == ".py":
        assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
        return
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= MAX_LINES
    assert lines[0].startswith("/* ")
    assert len(lines[0].split()) >= 4


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.js")), ids=lambda path: str(path.name))
def test_a_script_of_a_page_is_short_and_says_what_it_is(path: Path) -> None:
    lines = path.read_text("utf-8").splitlines()
    assert len(lines) <= MAX_LINES
    assert max(map(len, lines)) <= 120
    assert lines[0].startswith("// ")
    assert len(lines[0].split()) >= 4


@pytest.mark.parametrize("package", PACKAGES, ids=module_name)
def test_a_package_has_few_modules(package: Path) -> None:
    assert len(list(package.glob("*.py"))) - 1 <= MAX_MODULES


def test_no_folder_of_modules_lacks_its_init() -> None:
    assert {module.parent for module in MODULES} == set(PACKAGES)


@pytest.mark.parametrize("name", NAMES)
def test_a_module_takes_only_public_names_of_others(name: str) -> None:
    private = [
        f"{module}.{taken}"
        for module, taken in IMPORTS[name].pairs
        if module.startswith("convcli") and taken.startswith("_") and taken != "__version__"
    ]
    assert private == []


def test_imports_make_no_circle_even_those_inside_functions() -> None:
    graph = {name: found.modules & set(NAMES) for name, found in IMPORTS.items()}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert order.index("convcli.errors") < order.index("convcli.sizes.axes") < order.index("convcli.cli.app")


def test_only_these_packages_are_imported() -> None:
    imported = {module.partition(".")[0] for found in IMPORTS.values() for module in found.modules}
    assert imported - set(sys.stdlib_module_names) - {"convcli"} == DEPENDENCIES | EXTRA


@pytest.mark.skipif(find_spec("importlinter") is None, reason="import-linter is not installed")
def test_the_import_contracts_are_kept() -> None:
    command = [
        sys.executable,
        "-c",
        "from importlinter.cli import lint_imports_command; lint_imports_command()",
    ]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert ran.returncode == 0, ran.stdout
    count = (ROOT / "pyproject.toml").read_text("utf-8").count("[[tool.importlinter.contracts]]")
    assert count >= 6
    assert f"Contracts: {count} kept, 0 broken." in ran.stdout
