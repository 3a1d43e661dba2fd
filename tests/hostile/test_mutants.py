"""Damaged files of every format: each is refused in one line, or its picture is read and written whole.

``python -m tests.hostile.mutant_trials --seed 7 --number 0 --stop 10000 --step 1`` in an empty folder tries others.
"""

import json
import os
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from tests.hostile.mutant_seeds import Seed, chunk, seeds
from tests.hostile.mutant_trials import wrong_words
from tests.hostile.mutants import COMMANDS, mutant
from tests.hostile.run_convcli import PATHS, ROOT, Nursery, assert_done, assert_refused_with
from tests.support.command_line import Runner, contents

SECONDS = 60.0  # for one mutant, or for a worker to start
DESCRIBED = 20
PROGRAM = ("-m", "tests.hostile.mutant_trials")
SEEDS = {seed.name: seed for seed in seeds()}


# Mutants ------------------------------------------------------------------------------------------------


def tried(
    seed: int, numbers: range, folder: Path, *, program: Sequence[str] = PROGRAM, seconds: float = SECONDS
) -> dict[int, list[str]]:
    """Try mutants in a process of their own, and return by number what is wrong."""
    wrong: dict[int, list[str]] = {}
    first = numbers.start
    while first < numbers.stop:
        words = [*program, "--seed", seed, "--number", first, "--stop", numbers.stop, "--step", 1]
        last = _ended_at([str(word) for word in words], folder, wrong, seconds)
        first = numbers.stop if last is None else last + 1
    return wrong


def _ended_at(words: list[str], folder: Path, wrong: dict[int, list[str]], seconds: float) -> int | None:
    """Run a worker, collect what it finds, and return the number that ended it before it was done."""
    environment = {**os.environ, **PATHS, "OPENBLAS_NUM_THREADS": "1"}
    number, late, begun = None, False, b""
    with subprocess.Popen(
        [sys.executable, *words], cwd=folder, env=environment, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        while True:
            if not select.select([process.stdout], [], [], SECONDS if number is None else seconds)[0]:
                late = True
                process.kill()
            part = os.read(process.stdout.fileno(), 1 << 16)
            if not part:
                break
            *lines, begun = (begun + part).split(b"\n")
            for said in map(json.loads, lines):
                if isinstance(said, int):
                    number = said
                elif number is not None:
                    wrong[number] = said
        code = process.wait()
    if code == 0:
        return None
    assert number is not None, f"no worker: {words} ends by {code}"
    wrong[number] = [f"takes more than {seconds} s" if late else f"ends the process by {code}"]
    return number


def described(seed: int, wrong: dict[int, list[str]]) -> str:
    """Return what is wrong with which mutants, and how they are made again."""
    lines = [
        f"{len(wrong)} mutants of seed {seed}: python -m tests.hostile.mutants --seed {seed} --number N -o FILE"
    ]
    for number, complaints in sorted(wrong.items())[:DESCRIBED]:
        lines += [f"N = {number}: {mutant(seed, number)}", *(f"    {complaint}" for complaint in complaints)]
    return "\n".join(lines)


FAMILIES = [(0, range(first, first + 250)) for first in range(0, 1000, 250)]
MORE = [(1, range(first, first + 500)) for first in range(0, 4_000, 500)]


@pytest.mark.parametrize(
    ("seed", "numbers"),
    [FAMILIES[0], *(pytest.param(*family, marks=pytest.mark.thorough) for family in FAMILIES[1:] + MORE)],
)
def test_mutants_are_refused_in_one_line_or_read_whole(seed: int, numbers: range, tmp_path: Path) -> None:
    wrong = tried(seed, numbers, tmp_path)
    assert not wrong, described(seed, wrong)


@pytest.mark.thorough
def test_a_crash_and_a_hang_are_pinned_on_their_mutants(tmp_path: Path) -> None:
    source = """if True:
        import os, sys, time
        first, stop, step = (int(sys.argv[place]) for place in (4, 6, 8))
        for number in range(first, stop, step):
            print(number, flush=True)
            if number == 4:
                os.kill(os.getpid(), 11)
            if number == 7:
                time.sleep(60)
            if number == 8:
                print('["words"]')
    """
    wrong = tried(0, range(2, 12), tmp_path, program=("-c", source), seconds=3)
    assert wrong == {4: ["ends the process by -11"], 7: ["takes more than 3 s"], 8: ["words"]}


def test_a_mutant_is_made_again_from_its_number(tmp_path: Path) -> None:
    target = tmp_path / "again"
    command = [
        sys.executable,
        "-m",
        "tests.hostile.mutants",
        "--seed",
        "5",
        "--number",
        "77",
        "-o",
        str(target),
    ]
    said = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    assert (target.read_bytes(), said) == (mutant(5, 77).content, f"{mutant(5, 77)}\n")


def test_mutants_are_of_every_seed_and_command() -> None:
    some = [mutant(3, number) for number in range(1500)]
    assert {one.seed.name for one in some} == SEEDS.keys()
    assert {one.command for one in some} == set(range(len(COMMANDS)))
    assert sum(one.content == one.seed.content for one in some) < 50
    assert len({one.content for one in some}) > 1400


@pytest.mark.parametrize(
    ("code", "out", "lines", "said"),
    [
        (0, b"out.png\n", [], []),
        (0, b"out.png\n", ["convcli: note: in.png: a note"], []),
        (0, b"out.png\n", ["convcli: in.png: why"], ["standard error is 'convcli: in.png: why'"]),
        (1, b"", ["convcli: note: in.png: a note"], ["standard error is 'convcli: note: in.png: a note'"]),
        (1, b"", ["convcli: in.png: why"], []),
        (2, b"", ["convcli: in.png: why"], ["code 2"]),
        (1, b"out.png\n", ["convcli: out.png: why"], ["code 1, and standard output is b'out.png\\n'"]),
        (1, b"", [], ["0 lines for a failure: []"]),
        (0, b"out.png\n", ["Fax4Decode: Bad code"], ["standard error is 'Fax4Decode: Bad code'"]),
    ],
)
def test_wrong_words_are_noticed(code: int, out: bytes, lines: list[str], said: list[str]) -> None:
    assert list(wrong_words(code, out, lines, ("in.png", "out.png"))) == said


# What Pillow does not open.
DEEP = {
    "jpg-12",
    "jxl-RGB",
    "jxl-lossy",
    "tiff-f8",
    "tiff-f2-zstd",
    "tiff-i8-lzma",
    "tiff-bands",
    "tiff-jpeg-12",
    "tiff-jpeg2000",
}


@pytest.mark.thorough(every=5)
@pytest.mark.parametrize("name", SEEDS)
def test_a_seed_is_read(convcli: Runner, in_folder: Path, name: str) -> None:
    seed = SEEDS[name]
    Path(f"in.{seed.extension}").write_bytes(seed.content)
    ran = convcli("apply", f"in.{seed.extension}", "--filter", "identity", "-o", "out.npy")
    assert (ran.code, ran.out) == (0, "out.npy\n"), ran
    sides = np.load("out.npy").shape[:2]
    if name in DEEP:
        assert sides == ((40, 48) if name == "jpg-12" else (18, 22))
    elif seed.extension in {"npy", "csv", "txt"}:
        assert sides == ((18, 22) if seed.extension == "npy" else (6, 7 if name == "csv-whole" else 14))
    else:
        with Image.open(f"in.{seed.extension}") as image:
            turned = image.getexif().get(274, 1) >= 5
            assert sides == (image.size if turned and image.format != "TIFF" else image.size[::-1])
    assert len(contents(in_folder)) == 2


# What a decoder lets pass -------------------------------------------------------------------------------


def refused(hostile: Nursery, seed: Seed, content: bytes) -> None:
    """Check that a file is refused, which without its damage is read."""
    source = f"in.{seed.extension}"
    Path(source).write_bytes(content)
    ended = hostile("apply", source, "--filter", "identity", "-o", "out.png")
    assert_refused_with(ended, 1, f"{source}: ")


@pytest.mark.parametrize("name", [name for name in SEEDS if name.startswith("jpg")])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_a_jpeg_whose_scan_ends_early_inside_a_whole_file_is_refused(
    hostile: Nursery, name: str, share: float
) -> None:
    content = SEEDS[name].content
    scan = content.rindex(b"\xff\xda")
    end = scan + int(share * (len(content) - scan))
    refused(hostile, SEEDS[name], content[:end] + b"\xff\xd9")


def test_a_palette_png_without_a_palette_is_refused(hostile: Nursery) -> None:
    content = SEEDS["png-palette-2"].content
    start = content.index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4])
    refused(hostile, SEEDS["png-palette-2"], content[:start] + content[end:])


def test_a_palette_png_with_too_few_colours_is_refused(hostile: Nursery) -> None:
    content = SEEDS["png-palette-2"].content
    start = content.index(b"PLTE") - 4
    end = start + 12 + int.from_bytes(content[start : start + 4])
    colours = content[start + 8 : start + 8 + 3]
    refused(hostile, SEEDS["png-palette-2"], content[:start] + chunk(b"PLTE", colours) + content[end:])


@pytest.mark.parametrize("name", ["tiff-big-endian", "tiff-planes", "tiff-tiled", "tiff-tiled-deflate"])
def test_a_tiff_that_lists_too_few_strips_or_tiles_is_refused(hostile: Nursery, name: str) -> None:
    content = bytearray(SEEDS[name].content)
    order: Literal["big", "little"] = "big" if content[:2] == b"MM" else "little"
    directory = int.from_bytes(content[4:8], order)
    for entry in range(directory + 2, directory + 2 + 12 * 12, 12):
        if int.from_bytes(content[entry : entry + 2], order) in (273, 279, 324, 325):  # places and lengths
            count = int.from_bytes(content[entry + 4 : entry + 8], order)
            content[entry + 4 : entry + 8] = (count - 1).to_bytes(4, order)
    refused(hostile, SEEDS[name], bytes(content))


def test_a_damaged_fax_is_refused(hostile: Nursery) -> None:
    content = bytearray(SEEDS["tiff-group4"].content)
    content[60] ^= 0x55
    content[80] ^= 0x55
    refused(hostile, SEEDS["tiff-group4"], bytes(content))


@pytest.mark.parametrize("end", range(478, 526, 6))
def test_a_tiff_cut_in_its_directory_is_refused(hostile: Nursery, end: int) -> None:
    refused(hostile, SEEDS["tiff-signed"], SEEDS["tiff-signed"].content[:end])


def test_a_float_picture_has_no_note_of_a_scale(hostile: Nursery) -> None:
    Path("in.pnm").write_bytes(SEEDS["pnm-Pf"].content)
    ended = hostile("apply", "in.pnm", "--filter", "identity", "-o", "out.npy")
    assert_done(ended, "out.npy")
    with Image.open("in.pnm") as image:
        np.testing.assert_array_equal(np.load("out.npy"), np.asarray(image))


def test_a_failure_is_one_line_where_there_is_a_note_too(hostile: Nursery) -> None:
    Path("in.png").write_bytes(SEEDS["png-animated"].content)
    ended = hostile("pool", "in.png", "--f", "99", "-o", "out.png")
    assert_refused_with(ended, 1, "in.png: ", "larger than the padded input")
