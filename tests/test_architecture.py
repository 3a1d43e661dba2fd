"""The page for developers names modules and functions that exist, and walks that convcli really takes."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

import convcli
from tests.support.command_line import SAMPLES
from tests.support.engines import NEEDS_CORE

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
FENCE = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`]+)`")
PROSE = FENCE.sub("", PAGE)
PLACE = re.compile(r"(?:[\w.-]+/)+[\w.-]*|[\w-]+\.(?:py|toml|md)")
NAME = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
PUBLIC = re.compile(r"convcli\.(\w+)")
WORDS = {"cli", "pipeline", "shape", "params", "man", "__main__"}  # packages, commands and programs
TO_ADD = [
    "a named filter", "a loop in C", "a border", "an output format of pictures", "a decoder", "a container of several frames",
    "a layer word", "a model format", "an operator of ONNX", "an ATen operator", "a Keras layer",
    "a group of operations that exporters write for one layer", "a step of the lesson", "a command",
    "an option that several commands share", "a column of the tables", "a shape for drawings",
    "a shell's completion", "a check of damaged files", "a setting of pages to play with", "a limit", "an estimate of memory",
    "what a notebook shows of an object", "a note",
]  # fmt: skip


def section(title: str) -> str:
    return PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def blocks(text: str) -> Iterator[str]:
    """Yield the paragraphs, the list items and the rows of tables."""
    yield from re.split(r"\n\n|\n(?=- |\d+\. |\|)", text)


def names_of(text: str) -> list[tuple[str, str]]:
    """Return the names of functions and the like, each with the path of the module before it."""
    found = []
    for block in blocks(text):
        path = ""
        for code in CODE.findall(block):
            code = re.sub(r"\s+", " ", code)
            if PLACE.fullmatch(code):
                path = code
            elif NAME.fullmatch(code) and code not in WORDS and not PUBLIC.fullmatch(code):
                found.append((path, code))
    return found


def defined_in(path: str) -> set[str]:
    """Return what a module defines: functions, classes and constants, and the members of classes."""
    found: set[str] = set()

    def collect(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(prefix + node.name)
            if isinstance(node, ast.ClassDef):
                collect(node.body, f"{prefix}{node.name}.")
            targets = node.targets if isinstance(node, ast.Assign) else []
            targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
            found.update(prefix + target.id for target in targets if isinstance(target, ast.Name))

    collect(ast.parse((ROOT / path).read_text("utf-8")).body, "")
    return found


@pytest.mark.parametrize("path", sorted({code for code in CODE.findall(PROSE) if PLACE.fullmatch(code)}))
def test_a_path_exists(path: str) -> None:
    assert (ROOT / path).exists()
    assert (ROOT / path).is_dir() == path.endswith("/")


@pytest.mark.parametrize(("path", "name"), sorted(set(names_of(PROSE))))
def test_a_name_is_in_the_module_before_it(path: str, name: str) -> None:
    assert path.endswith(".py")
    assert name in defined_in(path)


def test_names_were_found() -> None:
    assert ("convcli/convolution/fused.py", "filter_pixels") in names_of(PROSE)
    assert len(set(names_of(PROSE))) >= 80
    assert {match[1] for match in map(PUBLIC.fullmatch, CODE.findall(PROSE)) if match} <= {*convcli.__all__}


def test_programs_that_python_runs_exist() -> None:
    programs = set(re.findall(r"python -m ((?:tests|convcli)[\w.]*)", PAGE))
    assert len(programs) == 7
    assert [program for program in programs if find_spec(program) is None] == []


def test_every_question_has_an_answer_with_a_place_and_a_test() -> None:
    rows = [
        row.strip("| ").split(" | ") for row in section("Where do I add ...?").splitlines() if row[:1] == "|"
    ]
    assert [row[0] for row in rows[2:]] == TO_ADD
    for _, place, _, tested in rows[2:]:
        assert "`convcli/" in place
        assert "`tests/" in tested


def test_packages_are_drawn_as_the_contract_has_them() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = (contract["layers"] for contract in contracts if contract["type"] == "layers")
    (drawn,) = FENCE.findall(section("Packages"))
    assert [re.split(r" {2,}", line)[0] for line in drawn.splitlines()] == layers


@pytest.mark.parametrize(
    ("title", "arguments", "count"),
    [
        pytest.param(
            "From a pixel to a pixel", ["apply", "cat.png", "--filter", "sobel-x"], 30, marks=NEEDS_CORE
        ),
        ("From text to numbers", ["params", "--n", "32x32x3", "conv 6 f5"], 20),
    ],
)
def test_a_walk_is_the_one_that_convcli_takes(
    title: str, arguments: list[str], count: int, tmp_path: Path
) -> None:
    typed = " ".join(f'"{word}"' if " " in word else word for word in arguments)
    assert f"`convcli {typed}`" in section(title)
    shutil.copy(SAMPLES / "chelsea.png", tmp_path / "cat.png")
    calls = tmp_path / "calls.txt"
    subprocess.run(
        [sys.executable, "-m", "tests.support.call_order", str(calls), *arguments],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "CONVCLI_PURE": "0"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=600,
    )
    called = [tuple(line.split(" ", 1)) for line in calls.read_text("utf-8").splitlines()]
    steps = re.split(r"\n\n(?=`)", section(title))[0]  # without what is said below the list
    walk = [step for step in dict.fromkeys(names_of(steps)) if not step[1].isupper()]  # constants
    assert len(walk) >= count
    assert [step for step in walk if step not in called] == []
    assert walk == sorted(walk, key=called.index)
