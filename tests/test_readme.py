"""README: every command and the Python example do what they say."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.conftest import SAMPLES, on_terminal

README = (SAMPLES.parent / "README.md").read_text(encoding="utf-8")


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


def section(first: str, last: str | None = None) -> str:
    """Return README from one heading to another."""
    text = README[README.index(f"\n## {first}\n") :]
    return text if last is None else text[: text.index(f"\n## {last}\n")]


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


LEARNING = "Learn a filter from an example"
AFTER_LEARNING = "Why convolution works"
PIPELINES = [
    line
    for block in blocks(section("In scripts", "How fast"), "sh")
    for line in block
    if not line.startswith("#")
]
COMMANDS = [
    command
    for part in (section("Filter pictures", LEARNING), section(AFTER_LEARNING, "From Python"))
    for block in blocks(part)
    for command in commands_of(block)
]


@pytest.fixture
def folder(in_folder: Path) -> Path:
    """Work in a folder that has a copy of the sample pictures, and the network that README has one save."""
    shutil.copytree(SAMPLES, in_folder / "sample_images")
    (network,) = blocks(README, "net")
    (in_folder / "my.net").write_text("\n".join(network) + "\n")
    return in_folder


@pytest.fixture
def path_of_programs(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A PATH on which ``convcli`` and ``python3`` are those that are tested."""
    programs = tmp_path_factory.mktemp("programs")
    python = shlex.quote(sys.executable)
    for name, start in (("convcli", f"{python} -m convcli"), ("python3", python)):
        (programs / name).write_text(f'#!/bin/sh\nexec {start} "$@"\n')
        (programs / name).chmod(0o755)
    return f"{programs}{os.pathsep}{os.environ['PATH']}"


def test_commands_were_found() -> None:
    assert len(COMMANDS) >= 15
    assert {"apply", "pool", "shape", "params", "filters"} <= {
        command.line.split()[1] for command in COMMANDS
    }
    assert sum(command.promised is not None for command in COMMANDS) >= 5


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS, ids=[command.line for command in COMMANDS])
def test_command(command: Command, path_of_programs: str) -> None:
    run_command(command, path_of_programs)


@pytest.mark.usefixtures("folder")
def test_commands_of_learning_build_on_each_other(path_of_programs: str) -> None:
    (block,) = blocks(section(LEARNING, AFTER_LEARNING))
    commands = commands_of(block)
    assert [command.line.split()[1] for command in commands] == ["apply", "learn", "learn", "apply"]
    for command in commands:
        run_command(command, path_of_programs)


def run_command(command: Command, path_of_programs: str) -> None:
    printed = output_of(command.line, path_of_programs)
    if command.promised is not None:
        assert printed == f"{command.promised}\n"
    if command.output is not None:
        assert printed == command.output


def output_of(line: str, path_of_programs: str) -> str:
    """Run a line of a shell, which must end well without a word on standard error."""
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PATH": path_of_programs},
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout


PRINTED_BY_PIPELINES = [
    ["edges/brick-sobel.png", "edges/camera-sobel.png"],
    [f"scharr/{name}-scharr.png" for name in ("brick", "camera", "chelsea")],
    [f"small/{name}-maxpool-2x2.png" for name in ("brick", "camera", "chelsea")],
    ["blur-1.png", "blur-2.png", "blur-4.png"],
    ["thumbnail.png"],
    ["lenet5", "mobilenet_v2", "squeezenet1_0"],
]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "printed"), list(zip(filter(None, PIPELINES), PRINTED_BY_PIPELINES, strict=True))
)
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


def test_the_page_for_scripts_has_six_pipelines_of_all_programs() -> None:
    words = {word for line in PIPELINES for word in line.split()}
    assert len([line for line in PIPELINES if line]) == 6
    assert {"jq", "xargs", "-print0", "parallel"} <= words


def test_terminal_shows_what_readme_shows() -> None:
    text = section("Do the arithmetic of networks")
    (line,) = blocks(text)[0]
    (shown,) = blocks(text, "text")
    ran = on_terminal(*shlex.split(line)[1:], columns=80, NO_COLOR="1")
    assert ran.all == (0, "\n".join(shown) + "\n", "")


def test_python_example(folder: Path) -> None:
    (block,) = blocks(section("From Python"), "python")
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
    (written,) = folder.glob("*.png")
    assert (np.array(Image.open(written))[1:-1, 1:-1] == np.minimum(abs(inside), 255)).all()


def test_both_start_commands_are_one_line_each() -> None:
    commands = blocks(section("Start", "Filter pictures"))
    assert [len(block) for block in commands] == [1, 1]
    assert all(block[0].startswith("python3 -m venv ") for block in commands)


def test_one_start_command_filters_the_cat_and_one_tests() -> None:
    filtering, testing = (block[0] for block in blocks(section("Start", "Filter pictures")))
    assert filtering.endswith("convcli apply sample_images/chelsea.png --filter sobel-x")
    assert "'.[test]'" in testing
    assert testing.endswith("python -m pytest")
