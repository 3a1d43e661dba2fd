"""Many inputs in one run: which they are, where their outputs go, and processes that may die."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.pipeline.processes import map_in_processes, split_jobs
from tests.support.command_line import Runner, assert_failed, assert_refused, nothing_changes, on_terminal

APPLY = [sys.executable, "-m", "convcli", "apply"]


def picture(path: Path, seed: int = 0, side: int = 24) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side)).astype(np.uint8)).save(path)


@pytest.fixture
def names(in_folder: Path) -> list[str]:
    """Work in a folder with twelve pictures."""
    names = [f"{number:02d}.png" for number in range(12)]
    for number, name in enumerate(names):
        picture(in_folder / name, number)
    return names


# Sharing out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("processes", [1, 2, 5])
def test_results_come_in_order_or_all_of_them(processes: int) -> None:
    def do(part: int) -> int:
        time.sleep(0.01 if part % 3 == 0 else 0)
        return part * part

    def lost(_: int, by: str) -> int:
        raise AssertionError(by)

    squares = [part * part for part in range(40)]
    assert list(map_in_processes(range(40), do, lost, processes, in_order=True)) == squares
    assert sorted(map_in_processes(range(40), do, lost, processes, in_order=False)) == squares


def test_a_process_that_is_killed_loses_its_part_only() -> None:
    def do(part: int) -> str:
        if part in (3, 11):
            os.kill(os.getpid(), signal.SIGKILL)
        if part == 5:
            os._exit(7)
        return f"{part} done"

    results = list(map_in_processes(range(20), do, lambda part, by: f"{part} lost by {by}", 3, in_order=True))
    lost = {3: "signal 9", 5: "exit code 7", 11: "signal 9"}
    assert results == [
        f"{part} lost by {lost[part]}" if part in lost else f"{part} done" for part in range(20)
    ]


def test_a_mistake_in_the_work_is_seen_and_ends_all(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []
    fork = os.fork

    def noted() -> int:
        started.append(fork())
        return started[-1]

    def do(_: int) -> int:
        raise LookupError("a mistake")

    monkeypatch.setattr(os, "fork", noted)
    with pytest.raises(LookupError, match="a mistake"):
        list(map_in_processes(range(4), do, lambda part, _: part, 2, in_order=True))
    assert len(started) == 2
    for process in started:
        with pytest.raises(ChildProcessError):
            os.waitpid(process, os.WNOHANG)


@pytest.mark.parametrize("refused_from", [0, 1])
def test_processes_that_cannot_be_started_are_done_without(
    monkeypatch: pytest.MonkeyPatch, refused_from: int
) -> None:
    fork, started = os.fork, 0

    def scarce() -> int:
        nonlocal started
        if started >= refused_from:
            raise BlockingIOError(11, "Resource temporarily unavailable")
        started += 1
        return fork()

    monkeypatch.setattr(os, "fork", scarce)
    for in_order in (True, False):
        results = map_in_processes(
            range(50), lambda part: (part, os.getpid()), lambda *_: (-1, -1), 3, in_order=in_order
        )
        parts, processes = zip(*results, strict=True)
        assert sorted(parts) == list(range(50))
        assert (set(processes) == {os.getpid()}) == (refused_from == 0)
        started = 0


def test_a_process_that_dies_while_it_has_nothing_to_do_loses_nothing() -> None:
    results: list[str] = []
    for text in map_in_processes(
        range(9), lambda part: f"{part} by {os.getpid()}", lambda _, by: by, 2, in_order=True
    ):
        process = int(text.split()[-1])
        if len(results) == 3:  # it has sent its result, and may or may not have its next part
            os.kill(process, signal.SIGKILL)
        results.append(text)
    assert len(results) == 9
    assert sum("signal" in text for text in results) <= 1


def test_processes_and_threads() -> None:
    assert split_jobs(1, 100) == (1, 1)
    assert split_jobs(None, 1) == (1, None)
    assert split_jobs(4, 1) == (1, 4)
    if sys.platform == "linux":
        assert split_jobs(3, 100) == (3, 1)
        assert split_jobs(3, 2) == (2, 1)


# The batch ------------------------------------------------------------------------------------------------


def test_bytes_do_not_depend_on_how_many_share_the_work(convcli: Runner, names: list[str]) -> None:
    for jobs in (1, 2, 5):
        ran = convcli("apply", *names, "--filter", "sobel", "--out-dir", f"j{jobs}", "-j", jobs)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out.splitlines() == [f"j{jobs}/{name[:-4]}-sobel.png" for name in names]
        outputs = [Path(f"j{jobs}/{name[:-4]}-sobel.png").read_bytes() for name in names]
        assert outputs == [Path(f"j1/{name[:-4]}-sobel.png").read_bytes() for name in names]


@pytest.mark.parametrize("jobs", [1, 3])
def test_one_bad_file_of_many(convcli: Runner, names: list[str], jobs: int) -> None:
    Path("05.png").write_bytes(b"no picture")
    ran = convcli("pool", *names, "--out-dir", "out", "-j", jobs)
    assert ran.code == 1
    assert len(ran.out.splitlines()) == len(list(Path("out").iterdir())) == 11
    first, last = ran.err.splitlines()
    assert first.startswith("convcli: 05.png: is not an image")
    assert last == "convcli: 12 inputs: 11 done, 1 failed"


def test_json_has_a_line_for_each(convcli: Runner, names: list[str]) -> None:
    ran = convcli("apply", *names, "--filter", "box", "--json", "-j", 3)
    assert (ran.code, ran.err) == (0, "")
    assert sorted(json.loads(line)["input"] for line in ran.out.splitlines()) == names


@pytest.mark.parametrize("jobs", [1, 3])
def test_matrices_are_printed_in_order_and_parted(convcli: Runner, in_folder: Path, jobs: int) -> None:
    for number in range(5):
        (in_folder / f"{number}.csv").write_text(f"{number} {number}\n")
    ran = convcli("apply", *(f"{number}.csv" for number in range(5)), "--filter", "identity", "-j", jobs)
    assert ran.all == (0, "\n".join(f"{number} {number}\n" for number in range(5)), "")


def test_a_tree_is_kept(convcli: Runner, in_folder: Path) -> None:
    for place in ("a.png", "x/b.png", "x/y/c.PNG", ".hidden/d.png", "x/.e.png"):
        picture(in_folder / "photos" / place)
    (in_folder / "photos/x/notes.txt").write_text("1 2")
    for out_dir in ("edges", "photos/edges"):
        for _ in range(2):  # what the first run made is no input of the second
            ran = convcli(
                "apply", "--recursive", "photos", "--filter", "box", "--out-dir", out_dir, "--force"
            )
            outputs = ["a-box.png", "x/b-box.png", "x/y/c-box.png"]
            assert ran.all == (0, "".join(f"{out_dir}/{name}\n" for name in outputs), "")


def test_names_from_a_list(convcli: Runner, names: list[str]) -> None:
    odd = "new\nline [1].png"
    picture(Path(odd))
    Path("list").write_bytes(b"\0".join(os.fsencode(name) for name in [*names[:3], odd]) + b"\0")
    ran = convcli("apply", "--files0-from", "list", "--filter", "box", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert {json.loads(line)["input"] for line in ran.out.splitlines()} == {*names[:3], odd}
    piped = subprocess.run(
        [*APPLY, "--files0-from", "-", "--filter", "sobel"],
        input=b"00.png\x0001.png",
        capture_output=True,
        check=False,
    )
    assert (piped.returncode, piped.stdout, piped.stderr) == (0, b"00-sobel.png\n01-sobel.png\n", b"")


def test_what_has_been_done_is_skipped(convcli: Runner, names: list[str]) -> None:
    Path("03-box.png").write_bytes(b"precious")
    ran = convcli("apply", *names[:5], "--filter", "box", "--skip-existing")
    assert ran.all == (0, "".join(f"{name[:-4]}-box.png\n" for name in names[:5] if name != "03.png"), "")
    assert Path("03-box.png").read_bytes() == b"precious"
    ran = convcli("apply", *names[:6], "--filter", "box", "--skip-existing", "--json", "-j", 1)
    results = [json.loads(line) for line in ran.out.splitlines()]
    assert [record.get("skipped", False) for record in results] == [True] * 5 + [False]
    assert results[3] == {"input": "03.png", "output": "03-box.png", "skipped": True}


@pytest.mark.parametrize(
    ("template", "output"),
    [
        ("{stem}_{filter}.{ext}", "00_gaussian-sigma=2.png"),
        ("{filter}/{stem}.jpg", "gaussian-sigma=2/00.jpg"),
        ("soft {name}.tiff", "soft 00.png.tiff"),
    ],
)
def test_derived_names(convcli: Runner, names: list[str], template: str, output: str) -> None:
    options = ["--filter", "gaussian:sigma=2", "--name", template, "--out-dir", "out"]
    ran = convcli("apply", *names[:2], *options)
    assert ran.all == (0, f"out/{output}\nout/{output.replace('00', '01')}\n", "")
    with Image.open(Path("out") / output) as image:
        assert image.size == (24, 24)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["00.png", "--name", "{stam}.{ext}"],
            "--name '{stam}.{ext}': unknown field {stam}; did you mean stem?",
        ),
        (["00.png", "--name", "same.png"], "--name 'same.png': gives all outputs the same name"),
        (["00.png", "--name", "../{stem}.{ext}"], "--name '../{stem}.{ext}': must be a file name"),
        (["00.png", "--name", "/{stem}.{ext}"], "--name '/{stem}.{ext}': must be a file name"),
        (["00.png", "--name", "{stem"], "--name '{stem': expected '}'"),
        (["00.png", "--name", "{stem!r}.{ext}"], "--name '{stem!r}.{ext}': fields take no : or !"),
        (["00.png", "--name", "{stem}.xyz"], "{stem}.xyz: unknown extension"),
        (["00.png", "--name", "{stem}.jpg", "--format", "png"], "{stem}.jpg: ends in .jpg, but"),
        (["00.png", "--name", "{stem}.{ext}", "-o", "x.png"], "--name: applies only to derived names"),
        (["00.png", "--skip-existing", "--force"], "--skip-existing: cannot be combined with --force"),
        (["--recursive", "."], "--recursive: needs --out-dir"),
        (["--recursive", "empty", "--out-dir", "out"], "empty: contains no pictures"),
        (["00.png", "--files0-from", "list"], "--files0-from: reads the file names"),
        (["--files0-from", "none"], "--files0-from none: contains no names"),
        (["--files0-from", "gap"], "--files0-from gap: name number 2 is empty"),
        (["--files0-from", "lines"], "--files0-from lines: contains lines"),
        (["--files0-from", "none", "--recursive", "--out-dir", "o"], "--recursive: cannot be combined with"),
        (["00.png", "./00.png"], "00-box: 2 results have this output"),
        ([], "IMAGE: missing"),
    ],
)
def test_what_is_refused_before_anything_is_written(
    convcli: Runner, names: list[str], arguments: list[str], message: str
) -> None:
    assert names
    Path("empty").mkdir()
    for name, content in {"none": b"", "gap": b"a\0\0b\0", "lines": b"a.png\nb.png\n"}.items():
        Path(name).write_bytes(content)
    with nothing_changes(Path()):
        assert_refused(convcli("apply", *arguments, "--filter", "box"), message)


def test_a_list_that_is_not_there(convcli: Runner, names: list[str]) -> None:
    assert names
    done = convcli("apply", "--files0-from", "missing", "--filter", "box")
    assert_failed(done, 1, "missing: no such file or directory")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_batch_and_leaves_nothing_half_done(in_folder: Path, number: int) -> None:
    for place in range(40):
        picture(in_folder / f"{place}.png", place, side=600)
    inputs = [f"{place}.png" for place in range(40)]
    filters = ["--filter", "gabor", "--filter", "sobel", "--scale", "gain"]
    command = [*APPLY, *inputs, *filters, "--out-dir", "out", "-j", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (-number, b"")
    assert not list(in_folder.rglob(".convcli-*"))
    outputs = list((in_folder / "out").iterdir())
    assert 1 <= len(outputs) < 80
    for file in outputs:
        with Image.open(file) as image:
            image.load()


def test_a_reader_that_goes_away_ends_a_batch_quietly(names: list[str]) -> None:
    command = [*APPLY, *names, "--filter", "box", "--out-dir", "out"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        process.wait(60)
        assert process.stderr is not None
        assert (process.returncode, process.stderr.read()) == (-signal.SIGPIPE, b"")


def test_a_terminal_sees_how_far_it_is(names: list[str]) -> None:
    ran = on_terminal("apply", *names, "--filter", "box", "--out-dir", "out", columns=80)
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == [
        f"out/{name[:-4]}-box.png" for name in names
    ]


# Which pictures are read ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["gif", "png", "tiff", "webp"])
def test_another_frame(convcli: Runner, in_folder: Path, kind: str) -> None:
    frames = [Image.new("L", (20, 20), value) for value in (0, 100, 200)]
    frames[0].save(in_folder / f"moving.{kind}", save_all=True, append_images=frames[1:], lossless=True)
    ran = convcli("apply", f"moving.{kind}", "--filter", "identity", "--frame", "2", "-o", "last.png")
    assert ran.all == (0, "last.png\n", "")
    with Image.open("last.png") as image:
        assert image.convert("L").getextrema() == (200, 200)
    missing = convcli("apply", f"moving.{kind}", "--filter", "identity", "--frame", "3")
    assert_failed(missing, 1, f"moving.{kind}: has no frame 3: it has 3 frames, counted from 0")


def test_larger_and_smaller_pictures_than_usual(convcli: Runner, names: list[str]) -> None:
    why = "has 24x24 = 576 pixels, more than 575; raise the limit with --max-pixels"
    assert_failed(convcli("pool", names[0], "--max-pixels", "575"), 1, f"{names[0]}: {why}")
    assert convcli("pool", names[0], "--max-pixels", "576").code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--frame", "-1"), "--frame -1: must be a whole number, at least 0"),
        (("--max-pixels", "0"), "--max-pixels '0': must be at least 1"),
        (("--max-memory", "0.1k5"), "--max-memory '0.1k5': must be a number such as 25M, 1.5M or 460000"),
        (("--max-memory", "0.0001k"), "--max-memory '0.0001k': must be at least 1"),
    ],
)
def test_numbers_out_of_range(
    convcli: Runner, names: list[str], arguments: tuple[str, ...], message: str
) -> None:
    with nothing_changes(Path()):
        assert_refused(convcli("apply", names[0], "--filter", "box", *arguments), message)
