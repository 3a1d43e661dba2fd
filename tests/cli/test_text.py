"""``--text``: what a terminal shows, as plain text, in files and pipes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.cli.command_line import COMMANDS
from tests.support.command_line import SAMPLES, Runner, assert_refused, nothing_changes, on_terminal

EDGE, CAT = SAMPLES / "vertical-edge.csv", SAMPLES / "chelsea.png"
RICHER = [
    ("apply", EDGE, "--filter", "vertical"),
    ("apply", EDGE, "--kernel", "1 0 -1", "-o", "OUT.npy"),
    ("pool", EDGE, "--f", "2"),
    ("pool", "--n", "28x28x6", "--f", "2"),
    ("explain", CAT, "--filter", "sobel-x", "--at", "100,20"),
    ("explain", EDGE, "--filter", "vertical", "--signed", "abs"),
    ("explain", "--n", "6", "--f", "3", "--p", "1", "--s", "2"),
    ("learn", "in.npy", "target.npy", "--closed-form"),
    ("shape", "--n", "32", "--f", "5"),
    ("shape", "--n", "32", "--f", "5", "--want", "32"),
    ("shape", "lenet5"),
    ("params", "--f", "5", "--c-in", "3", "--c-out", "6"),
    ("params", "--n", "128x128x1", "--dense", "300"),
    ("params", "resnet18"),
    ("params", "lenet5", "--against", "resnet18"),
    ("params", "--list"),
    ("filters",),
    ("filters", "sobel-x"),
    ("filters", "gabor", "--tuning"),
    ("lesson",),
]


@pytest.fixture
def example(in_folder: Path) -> Path:
    """Work where there are two arrays to learn from."""
    pixels = np.random.default_rng(1).integers(0, 256, (12, 12)).astype(float)
    np.save("in.npy", pixels)
    np.save("target.npy", pixels[:, 2:][1:-1] - pixels[:, :-2][1:-1])
    return in_folder


@pytest.mark.thorough(every=5)
@pytest.mark.usefixtures("example")
@pytest.mark.parametrize(
    "arguments", RICHER, ids=lambda one: " ".join(map(str, one)).replace(str(SAMPLES), "")
)
@pytest.mark.parametrize("columns", [60, 120])
def test_a_pipe_gets_what_a_terminal_shows(
    convcli: Runner,
    terminal: Runner,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[object, ...],
    columns: int,
) -> None:
    first, second, third = (
        [str(part).replace("OUT", name) for part in arguments] for name in ("a1", "a2", "a3")
    )
    bare = convcli(*first)
    monkeypatch.setenv("COLUMNS", str(columns))
    text = convcli(*second, "--text")
    shown = terminal(*third, columns=columns)
    assert (bare.code, text.code, shown.code) == (0, 0, 0)
    assert text.out == shown.out.replace("a3.npy", "a2.npy")
    assert text.out != bare.out
    assert "\x1b" not in text.out


def test_every_command_is_richer_on_a_terminal() -> None:
    assert {one[0] for one in RICHER} == set(COMMANDS)


def test_a_file_gets_80_columns_without_colors(in_folder: Path) -> None:
    command = [sys.executable, "-m", "convcli", "params", "lenet5", "--against", "vgg11", "--text"]
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR")}
    environment |= {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    with (in_folder / "told.txt").open("wb") as file:
        assert subprocess.run(command, stdout=file, env=environment, check=False).returncode == 0
    told = (in_folder / "told.txt").read_text("utf-8")
    assert told == on_terminal(*command[3:-1], columns=80, NO_COLOR="1").out
    # A terminal that has colors gets plain text, too.
    assert on_terminal(*command[3:], columns=80, COLORTERM="truecolor").out == told
    assert "\x1b[" in on_terminal(*command[3:-1], columns=80, COLORTERM="truecolor").out


@pytest.mark.parametrize("command", COMMANDS)
def test_text_contradicts_other_forms(convcli: Runner, in_folder: Path, command: str) -> None:
    with nothing_changes(in_folder):
        assert_refused(
            convcli(command, "--json", "--text"), "--json: cannot be combined with --text; choose one\n"
        )
        if command in ("shape", "params"):
            assert_refused(
                convcli(command, "--text", "--csv"), "--csv: cannot be combined with --text; choose one\n"
            )
            assert_refused(
                convcli(command, "--md", "--text"), "--md: cannot be combined with --text; choose one\n"
            )
        if command in ("apply", "pool", "explain", "params"):
            assert_refused(
                convcli(command, "-o", "-", "--text"), "-o -: cannot be combined with --text; choose one\n"
            )


def test_the_next_command_of_the_process_is_bare_again(convcli: Runner) -> None:
    assert convcli("shape", "--n", "32", "--f", "5", "--text").out.startswith("28x28\n\n")
    assert convcli("shape", "--n", "32", "--f", "5").all == (0, "28x28\n", "")


@pytest.mark.usefixtures("in_folder")
def test_processes_of_a_batch_print_text(convcli: Runner) -> None:
    for level in range(4):
        Image.fromarray(np.full((4, 4), 40 * level, np.uint8)).save(f"{level}.png")
    names = [f"{level}.png" for level in range(4)]
    ran = convcli("apply", *names, "--filter", "identity", "--jobs", "2", "--text", "--out-dir", "o")
    assert (ran.code, ran.err) == (0, "")
    assert [line.partition("  (")[2] for line in ran.out.splitlines()] == [
        f"4x4, int16 from {40 * level} to {40 * level})" for level in range(4)
    ]


def test_previews_and_their_note_stay_for_terminals(convcli: Runner, in_folder: Path) -> None:
    ran = convcli("apply", EDGE, "--filter", "vertical", "--preview", "--text", "-o", in_folder / "e.npy")
    assert ran.code == 0
    assert ran.err == "convcli: note: --preview shows nothing: standard output is not a terminal\n"
    assert ran.out.splitlines()[-1].endswith("(6x6, int16 from 0 to 30)")
