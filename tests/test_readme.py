"""README and the pages in docs/: every command and the Python examples do what they say."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from convcli import __all__ as public_names
from tests.support.command_line import SAMPLES, Runner, on_terminal
from tests.support.doc_pictures import PAGES, program_folder

TEXTS = {page.stem: page.read_text("utf-8") for page in PAGES}
LESSON = TEXTS.pop("lesson")  # its commands run in tests/cli/test_lesson.py
START = "python3 -m venv "  # of the commands that install, which CI runs


@dataclass(frozen=True)
class Command:
    """A command line of README, the remark behind it, and the output below it, if there is any."""

    line: str
    remark: str
    output: str | None

    @property
    def promised(self) -> str | None:
        """The size or number that the remark ends with."""
        last = self.remark.rpartition(" ")[2]
        return last if re.fullmatch(r"[0-9]+(x[0-9]+)*", last) else None


def blocks(text: str, language: str = "") -> list[list[str]]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [block.splitlines() for kind, block in found if kind == language]


def commands_of(block: list[str]) -> list[Command]:
    """Read a block: command lines with remarks or, where they begin with a dollar sign, with their output."""
    if not any(line.startswith("$ ") for line in block):
        parts = [re.split(r" +# ", line, maxsplit=1) for line in block if line.strip()]
        return [Command(part[0], part[1] if len(part) > 1 else "", None) for part in parts]
    found: list[Command] = []
    for line in block:
        if line.startswith("$ "):
            found.append(Command(line.removeprefix("$ "), "", ""))
        else:
            found[-1] = Command(found[-1].line, "", f"{found[-1].output}{line}\n")
    return found


def teaches(commands: list[Command]) -> bool:
    """Whether a block learns filters, which takes seconds."""
    return any(command.line.startswith("convcli learn ") for command in commands)


PIPELINES = [
    line for block in blocks(TEXTS["scripts"], "sh") for line in block if line and not line.startswith("#")
]
BLOCKS = {
    f"{name}: {block[0]}": commands_of(block)
    for name, text in TEXTS.items()
    for block in blocks(text)
    if not block[0].startswith(START)
}
COMMANDS = [command for block in BLOCKS.values() for command in block]


@pytest.fixture
def folder(in_folder: Path) -> Path:
    """Work in a folder that has the samples, and the network that a page has one save."""
    shutil.copytree(SAMPLES, in_folder / "sample_images")
    shutil.copytree(SAMPLES.parent / "docs/models", in_folder / "docs/models")
    (network,) = blocks(TEXTS["layers"], "net")
    (in_folder / "my.net").write_text("\n".join(network) + "\n")
    return in_folder


@pytest.fixture
def path_of_programs() -> Iterator[str]:
    """A PATH on which ``convcli`` is what is tested."""
    with program_folder() as programs:
        yield f"{programs}{os.pathsep}{os.environ['PATH']}"


def test_commands_were_found() -> None:
    used = {command.line.split()[1] for command in COMMANDS}
    assert used == {"apply", "pool", "explain", "learn", "shape", "params", "filters", "lesson"}
    assert len(COMMANDS) >= 60
    assert sum(command.promised is not None for command in COMMANDS) >= 8


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    "commands",
    [
        pytest.param(commands, id=block, marks=pytest.mark.thorough if teaches(commands) else ())
        for block, commands in BLOCKS.items()
    ],
)
@pytest.mark.parametrize(
    "by_a_shell", [False, pytest.param(True, marks=pytest.mark.thorough)], ids=["called", "by a shell"]
)
def test_the_commands_of_a_block_one_after_the_other(
    convcli: Runner, commands: list[Command], path_of_programs: str, by_a_shell: bool
) -> None:
    for command in commands:
        if by_a_shell or set(command.line) & set("|$><*?{;&~"):
            printed = output_of(command.line, path_of_programs)
        else:
            program, *arguments = shlex.split(command.line)
            ran = convcli(*arguments)
            assert (program, ran.code, without_notes(ran.err)) == ("convcli", 0, "")
            printed = ran.out
        if command.promised is not None:
            assert printed == f"{command.promised}\n"
        if command.output is not None:
            assert printed == command.output


def without_notes(error: str) -> str:
    """Return standard error without notes on saturated pixels, which edges of photographs have."""
    is_note = re.compile(
        r"convcli: note: (\S+: \d+ % of the pixels saturate|several filters fit equally well).*\n"
    )
    return is_note.sub("", error)


def output_of(line: str, path_of_programs: str) -> str:
    """Run a line of a shell, which must end well without an error."""
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": path_of_programs},
        check=False,
    )
    assert (ran.returncode, without_notes(ran.stderr)) == (0, "")
    return ran.stdout


PRINTED_BY_PIPELINES = [
    ["edges/brick-sobel.png", "edges/camera-sobel.png"],
    [f"scharr/{name}-scharr.png" for name in ("brick", "camera", "chelsea")],
    [f"small/{name}-maxpool-2x2.png" for name in ("brick", "camera", "chelsea")],
    ["blur-1.png", "blur-2.png", "blur-4.png"],
    ["thumbnail.png"],
    ["lenet5", "mobilenet_v2", "squeezenet1_0"],
    [f"shares/{name}-sobel.png" for name in ("brick", "camera", "chelsea")],
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("line", "printed"), list(zip(PIPELINES, PRINTED_BY_PIPELINES, strict=True)))
def test_a_pipeline_of_the_page_for_scripts(line: str, printed: list[str], path_of_programs: str) -> None:
    missing = [
        name
        for name in ("jq", "find", "xargs", "parallel")
        if name in line.split() and not shutil.which(name)
    ]
    if missing and "CI" not in os.environ:
        pytest.skip(f"{missing[0]} is not installed")
    assert sorted(output_of(line, path_of_programs).splitlines()) == printed
    for name in printed:
        if name.endswith(".png"):
            with Image.open(name) as image:
                image.load()


def test_the_page_for_scripts_has_seven_pipelines_of_all_programs() -> None:
    words = {word for line in PIPELINES for word in line.split()}
    assert len(PIPELINES) == 7
    assert {"jq", "xargs", "-print0", "parallel"} <= words


def test_terminal_shows_what_the_page_of_layers_shows() -> None:
    text = TEXTS["layers"][TEXTS["layers"].index("\n## Networks\n") :]
    (line,) = blocks(text)[0]
    (shown,) = blocks(text, "text")
    ran = on_terminal(*shlex.split(line)[1:], columns=80, NO_COLOR="1")
    assert ran.all == (0, "\n".join(shown) + "\n", "")


SHEET = ("apply", "sample_images/camera.png", "--filter", "sobel", "--sheet", "sheet.png", "--json")
CHANNELS = ("explain", "sample_images/chelsea.png", "--filter", "sobel", "--json")
VOLUME = ("explain", "sample_images/chelsea.png", "--kernel", "@sample_images/red-edge.json", "--json")
SHIFT = ("explain", "sample_images/camera.png", "--filter", "sobel-x", "--shift", "1", "--json")
ANSWERS = {
    "`apply`": (("apply", "sample_images/camera.png", "--filter", "sobel", "--json"), ""),
    "`apply --sheet`": (SHEET, ""),
    "each of `panels`": (SHEET, "panels"),
    "`apply --direction`": (("apply", "sample_images/camera.png", "--direction", "d.png", "--json"), ""),
    "a failed input": (("apply", "missing.png", "--filter", "sobel", "--json"), ""),
    "`explain`": (("explain", "sample_images/camera.png", "--filter", "sobel", "--json"), ""),
    "`explain`, several channels": (CHANNELS, ""),
    "each of `channels`": (CHANNELS, "channels"),
    "each of `cells`": (("explain", "sample_images/camera.png", "--filter", "sobel", "--json"), "cells"),
    "`explain --n`": (("explain", "--n", "7", "--f", "3", "--json"), ""),
    "`explain`, a filter as deep as the picture": (VOLUME, ""),
    "`explain --reads`": (("explain", "--n", "7", "--f", "3", "--reads", "--json"), ""),
    "`explain --pool`": (("explain", "sample_images/pooling.csv", "--pool", "max", "--json"), ""),
    "`explain --shift`": (SHIFT, ""),
    "each of `shifts`": (SHIFT, "shifts"),
    "`learn`": (("learn", "example.csv", "target.csv", "--json"), ""),
    "`nearest`": (("learn", "example.csv", "target.csv", "--json"), "nearest"),
    "`shape`": (("shape", "lenet5", "--json"), ""),
    "each of `layers`": (("shape", "lenet5", "--json"), "layers"),
    "`shape --want`": (("shape", "--n", "32", "--f", "5", "--want", "32", "--json"), ""),
    "`filters`": (("filters", "sobel", "--json"), ""),
    "`filters --tuning`": (("filters", "sobel-x", "--tuning", "--json"), ""),
    "`lesson`": (("lesson", "--json"), ""),
    "`edge` and `bar`": (("filters", "sobel-x", "--tuning", "--json"), "edge"),
}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("answer", ANSWERS)
def test_json_has_the_keys_of_the_table(convcli: Runner, answer: str) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (20, 20))
    np.savetxt("example.csv", pixels, fmt="%d")
    across = pixels[:, 2:] - pixels[:, :-2]
    np.savetxt("target.csv", across[:-2] + across[1:-1] + across[2:], fmt="%d")
    rows = dict(re.findall(r"^\| (.*?) \| `(.*?)`", TEXTS["scripts"], re.MULTILINE))
    arguments, key = ANSWERS[answer]
    found = json.loads(convcli(*arguments).out.splitlines()[0])
    if key:
        found = found[key][0] if isinstance(found[key], list) else found[key]
    assert sorted(found) == sorted(rows[answer].split(", "))


@pytest.mark.parametrize("page", ["README", "python"])
def test_python_example(folder: Path, page: str) -> None:
    block = blocks(TEXTS[page], "python")[0]
    names: dict[str, Any] = {}
    exec("\n".join(block), names)
    promised = [line.split("  # ") for line in block if re.search(r"  # [0-9]+$", line)]
    assert promised
    for expression, value in promised:
        assert eval(expression, names) == int(value)
    grey = np.array(Image.open(folder / "sample_images" / "camera.png")).astype(int)
    assert names["edges"].dtype == np.int16
    inside = sum(
        weight * (grey[row : row + 510, 2:] - grey[row : row + 510, :-2])
        for row, weight in enumerate((1, 2, 1))
    )
    assert (names["edges"][1:-1, 1:-1] == inside).all()
    for written in folder.glob("*.png"):
        assert (np.array(Image.open(written))[1:-1, 1:-1] == np.minimum(abs(inside), 255)).all()


def test_the_example_of_figures_shows_and_saves_what_it_says(folder: Path) -> None:
    block = blocks(TEXTS["python"], "python")[1]
    names: dict[str, Any] = {}
    exec("\n".join(block), names)
    promised = [line.split("  # ") for line in block if re.search(r"  # [0-9]+$", line)]
    assert [eval(expression, names) == int(value) for expression, value in promised] == [True, True]
    assert {path.name for path in folder.glob("*.*g")} == set(
        re.findall(r'save\("([^"]+)"', "\n".join(block))
    )


def test_the_example_of_an_error_says_what_is_wrong_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    exec("\n".join(blocks(TEXTS["python"], "python")[2]), {})
    assert capsys.readouterr().out.startswith("filter 5 ")


def test_the_example_of_arrays_larger_than_memory(folder: Path) -> None:
    for extra in ("dask", "xarray", "zarr"):
        pytest.importorskip(extra)
    (block,) = (block for block in blocks(TEXTS["python"], "python") if "import dask.array as da" in block)
    names: dict[str, Any] = {}
    exec("\n".join(block), names)
    assert sorted(path.name for path in folder.glob("*.zarr")) == ["edges.zarr", "slide.zarr"]
    pixels = names["pixels"]
    assert (names["edges"][:] == names["convcli"].apply_filter(pixels, "sobel")).all()
    smooth = names["convcli"].apply_filter(pixels, "gaussian:sigma=4", border="wrap")
    np.testing.assert_allclose(names["lazy"].compute(), smooth, rtol=1e-5)
    assert eval('convcli.pool(scene, size=2)["x"]', names)[:2].values.tolist() == [0.125, 0.625]


def test_the_page_for_python_has_all_public_names() -> None:
    told = set(re.findall(r"`(\w+)`", TEXTS["python"]))
    assert set(public_names) - {"__version__"} <= told


def test_one_start_command_filters_the_cat_and_one_tests() -> None:
    starts = [block for block in blocks(TEXTS["README"]) if block[0].startswith(START)]
    assert [len(block) for block in starts] == [1, 1]
    (filtering,), (testing,) = starts
    assert filtering.endswith("convcli apply sample_images/chelsea.png --filter sobel-x")
    assert "'.[test]'" in testing
    assert testing.endswith("python -m pytest")
