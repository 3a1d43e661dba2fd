"""Many inputs in one run, and many runs at once: what fails, what goes on, and what it takes."""

import hashlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tests.hostile.damaged_pictures import pixels
from tests.hostile.run_convcli import CONVCLI, Ended, Nursery, assert_refused_with, terminal

JOBS = [1, 2]
SECONDS = 60
BYTES_A_NAME = 1000  # what one more name may cost


def pictures(count: int, *, channels: int = 1) -> list[str]:
    """Make so many pictures, each of other pixels; returns their names."""
    names = [f"{number:03d}.png" for number in range(count)]
    for number, name in enumerate(names):
        Image.fromarray(taken(number, channels)).save(name)
    return names


def taken(number: int, channels: int = 1) -> NDArray[Any]:
    """Return the pixels of a picture by its number."""
    turned = np.roll(pixels(), 7 * number)
    return (
        turned if channels == 1 else np.stack([np.roll(turned, shift) for shift in range(channels)], axis=2)
    )


def pooled(number: int) -> NDArray[Any]:
    blocks: NDArray[Any] = taken(number).reshape(12, 2, 16, 2)
    made: NDArray[Any] = blocks.max(axis=(1, 3))
    return made


def read(path: str | Path) -> NDArray[Any]:
    with Image.open(path) as image:
        return np.asarray(image)


# Failures among others ------------------------------------------------------------------------------------


@pytest.mark.thorough(every=2)
@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("place", [0, 99])
def test_one_bad_picture_of_a_hundred(hostile: Nursery, jobs: int, place: int) -> None:
    names = pictures(100)
    Path(names[place]).write_bytes(Path(names[place]).read_bytes()[:200])
    ran = hostile("pool", *names, "--out-dir", "out", "-j", jobs, changes=True)
    made = [f"out/{name[:3]}-maxpool-2x2.png" for name in names if name != names[place]]
    assert (ran.code, ran.printed) == (1, made)
    first, last = ran.err.decode().splitlines()
    assert first.startswith(f"convcli: {names[place]}: ")
    assert last == "convcli: 100 inputs: 99 done, 1 failed"
    assert ran.changed == {"out", *made}
    for path in made:
        assert np.array_equal(read(path), pooled(int(path[4:7])))


@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("answer", [(), ("--json",)], ids=["paths", "json"])
def test_a_batch_in_which_all_fail(hostile: Nursery, jobs: int, answer: Sequence[str]) -> None:
    for number in range(9):
        Path(f"{number}.png").write_text("no picture")
    ran = hostile("pool", *(f"{number}.png" for number in range(9)), "-j", jobs, *answer)
    assert ran.code == 1
    records = [json.loads(line) for line in ran.printed]
    assert sorted((record["input"], record["output"], record["error"][:15]) for record in records) == [
        (f"{number}.png", None, "is not an image") for number in range(9 if answer else 0)
    ]
    *lines, last = ran.err.decode().splitlines()
    assert sorted(line[9:21] for line in lines) == [f"{number}.png: is no" for number in range(9)]
    assert last == "convcli: 9 inputs: 0 done, 9 failed"


@pytest.mark.parametrize("jobs", JOBS)
def test_each_of_several_filters_fails_or_is_done_by_itself(hostile: Nursery, jobs: int) -> None:
    names = pictures(3)
    Path("001-box.png").touch()
    ran = hostile("apply", *names, "--filter", "box", "--filter", "identity", "-j", jobs, changes=True)
    assert (ran.code, ran.err.decode().splitlines()) == (
        1,
        [
            "convcli: 001-box.png: exists; use --force to overwrite it",
            "convcli: 3 inputs: 2 done, 1 failed",
        ],
    )
    assert ran.printed == [
        f"{name[:3]}-{label}.png" for name in names for label in ("box", "identity") if (name, label) != ("001.png", "box")
    ]  # fmt: skip
    assert ran.changed == set(ran.printed)


# The same file twice, and none ----------------------------------------------------------------------------


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    "twice",
    [
        ("000.png", "000.png"),
        ("000.png", "./000.png"),
        ("000.png", "001.png", "x/../000.png"),
        ("000.png", "x/000.png"),
        ("000.png", "000.bmp"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "options", [(), ("--out-dir", "out"), ("--force",), ("--json",), ("-j", "1")], ids=" ".join
)
def test_two_results_for_one_output_are_refused(
    hostile: Nursery, twice: Sequence[str], options: Sequence[str]
) -> None:
    names = pictures(2)
    Path("x").mkdir()
    shutil.copy(names[0], "x")
    Image.fromarray(taken(0)).save("000.bmp")
    path = "out/000-box" if "out" in options else "000-box"
    why = "2 results have this output; rename an input, or run them separately"
    assert_refused_with(hostile("apply", *twice, "--filter", "box", *options), 2, f"{path}: {why}")
    listed = hostile(
        "apply", "--files0-from", "-", "--filter", "box", *options, stdin="\0".join(twice).encode()
    )
    assert_refused_with(listed, 2, f"{path}: {why}")


def test_the_same_file_under_two_names_is_done_twice(hostile: Nursery) -> None:
    pictures(1)
    Path("link.png").symlink_to("000.png")
    os.link("000.png", "hard.png")
    ran = hostile("pool", "000.png", "link.png", "hard.png")
    assert (ran.code, ran.err) == (0, b"")
    for name in ran.printed:
        assert np.array_equal(read(name), pooled(0))
    assert len(ran.printed) == len(ran.changed) == 3


NONE = [
    (("apply", "--filter", "box"), 2, "IMAGE: missing"),
    (("apply", "--filter", "box", "--out-dir", "out"), 2, "IMAGE: missing"),
    (("pool",), 2, "IMAGE: missing"),
    (("explain", "--filter", "box"), 2, "IMAGE: missing"),
    (("learn",), 2, ""),
    (("learn", "one.png"), 2, ""),
    (("apply", "", "--filter", "box"), 2, "IMAGE: has an empty file name"),
    (("pool", "--recursive", "--out-dir", "out"), 2, "IMAGE: missing"),
    (("pool", "--recursive", "empty", "--out-dir", "out"), 2, "empty: contains no pictures"),
    (("pool", "--files0-from", "-"), 2, "--files0-from -: contains no names"),
    (("pool", "--files0-from", "nothing"), 2, "--files0-from nothing: contains no names"),
    (("pool", "--files0-from", "gap"), 2, "--files0-from gap: name number 2 is empty"),
    (("pool", "--files0-from", "none"), 1, "none: no such file or directory"),
    (("pool", "--files0-from", "empty"), 1, "empty: is a "),
]


@pytest.mark.parametrize(
    ("arguments", "code", "why"), NONE, ids=[" ".join(arguments) for arguments, *_ in NONE]
)
def test_no_inputs(hostile: Nursery, arguments: Sequence[str], code: int, why: str) -> None:
    Path("empty").mkdir()
    Path("gap").write_bytes(b"a\0\0b\0")
    Path("nothing").touch()
    assert_refused_with(hostile(*arguments), code, why)


# Thousands of names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", JOBS)
@pytest.mark.parametrize("most", [11_000, pytest.param(100_000, marks=pytest.mark.thorough)])
def test_memory_stays_flat_whatever_the_number_of_names(hostile: Nursery, jobs: int, most: int) -> None:
    peaks = []
    for count in (1000, most):
        listed = "\0".join(f"none-{number}.png" for number in range(count)).encode()
        ran = hostile("pool", "--files0-from", "-", "-j", jobs, stdin=listed, seconds=2 * SECONDS)
        lines = ran.err.splitlines()
        assert (ran.code, ran.out, len(lines)) == (1, b"", count + 1)
        assert lines[0] == b"convcli: none-0.png: no such file or directory"
        assert lines[-2] == f"convcli: none-{count - 1}.png: no such file or directory".encode()
        assert lines[-1] == f"convcli: {count} inputs: 0 done, {count} failed".encode()
        peaks.append(ran.peak)
    assert peaks[1] - peaks[0] < (most - 1000) * BYTES_A_NAME


@pytest.mark.parametrize("jobs", JOBS)
def test_memory_stays_flat_while_much_is_done(hostile: Nursery, jobs: int) -> None:
    """What stays of a picture would be seen: these are 0.2 MB each."""
    Image.fromarray(np.zeros((480, 480), np.uint8)).save("g.png")
    peaks = []
    for count in (8, 160):
        Path(f"{count}").mkdir()
        for number in range(count):
            os.link("g.png", f"{count}/{number}.png")
        names = [f"{count}/{number}.png" for number in range(count)]
        ran = hostile("pool", *names, "--f", "8", "--out-dir", f"of {count}", "-j", jobs)
        assert (ran.code, ran.err, len(ran.printed)) == (0, b"", count)
        peaks.append(ran.peak)
    assert peaks[1] - peaks[0] < 8_000_000


# Many runs at once ----------------------------------------------------------------------------------------


def in_shell(line: str, given: bytes = b"") -> Ended:
    """Run a line of bash, in which ``$CONVCLI`` is the program."""
    variables = os.environ | {
        "CONVCLI": shlex.join(CONVCLI),
        "HOME": str(Path.cwd()),
        "OPENBLAS_NUM_THREADS": "1",
    }
    ran = subprocess.run(
        ["bash", "-c", line],
        input=given,
        capture_output=True,
        env=variables,
        timeout=2 * SECONDS,
        check=False,
    )
    return Ended(ran.returncode, ran.stdout, ran.stderr, 0, 0, frozenset())


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("to", ["pipe", "file"])
def test_no_lines_are_mixed_under_xargs(to: str) -> None:
    """Lines longer than a pipe takes at once can be kept apart in a file alone."""
    names = pictures(24)
    options = "--filter sobel" if to == "pipe" else "--filter gaussian:sigma=5,size=41"
    into = "" if to == "pipe" else "> lines"
    given = "\0".join([*names, *(f"none-{number}.png" for number in range(24))]).encode()
    ran = in_shell(f"xargs -0 -P8 -n6 $CONVCLI apply {options} --json -j 2 --out-dir out {into}", given)
    assert ran.code == 123  # which is what xargs makes of a code of 1
    lines = (Path("lines").read_bytes() if into else ran.out).splitlines()
    done = [line for line in lines if b'"error"' not in line]
    assert sorted(json.loads(line)["input"] for line in done) == names
    assert sorted(json.loads(line)["input"] for line in lines if line not in done) == sorted(
        f"none-{number}.png" for number in range(24)
    )
    assert to == "pipe" or min(map(len, done)) > 8192
    said = sorted(line for line in ran.err.decode().splitlines() if "inputs" not in line)
    missing = [f"convcli: none-{number}.png: no such file or directory" for number in range(24)]
    assert said == sorted(missing)


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("jobs", JOBS)
def test_a_line_is_written_at_once(hostile: Nursery, jobs: int) -> None:
    names = pictures(6)
    tracer = ["-o", "calls", "-s", "1", "-e", "trace=write"]
    options = ("--filter", "gaussian:sigma=5,size=41", "--json", "-j", jobs)
    ran = hostile("apply", *names, "none.png", *options, tracer=tracer, changes=True)
    assert ran.code == 1
    calls = Path("calls").read_text()
    assert [int(size) for size in re.findall(r" write\(1, [^,]*, (\d+)", calls)] == [
        len(line) for line in ran.out.splitlines(keepends=True)
    ]
    assert len(re.findall(r" write\(2, ", calls)) == len(ran.err.splitlines()) == 2


@pytest.mark.usefixtures("in_folder")
@pytest.mark.skipif(shutil.which("parallel") is None and "CI" not in os.environ, reason="needs GNU parallel")
def test_parallel_runs_it(tmp_path: Path) -> None:
    names = [*pictures(6), "it's [a] $name.png"]
    shutil.copy(names[0], tmp_path / names[-1])
    (tmp_path / ".parallel").mkdir()
    (tmp_path / ".parallel" / "will-cite").touch()
    command = "parallel -0 -k -j4 --joblog log $CONVCLI pool {} --out-dir out"
    ran = in_shell(command, "\0".join([*names, "none.png"]).encode())
    made = [f"out/{name[:-4]}-maxpool-2x2.png" for name in names]
    assert (ran.code, ran.printed) == (1, made)  # of jobs failed
    assert ran.message == "none.png: no such file or directory"
    codes = [line.split("\t")[6:8] for line in Path("log").read_text().splitlines()[1:]]
    assert sorted(codes) == [["0", "0"]] * 7 + [["1", "0"]]
    for number, path in enumerate(made[:6]):
        assert np.array_equal(read(path), pooled(number))


# Processes that are killed --------------------------------------------------------------------------------


def until(found: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(process: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except FileNotFoundError:
        return []


def opened(process: int, name: str) -> bool:
    try:
        return any(file.readlink().name == name for file in Path(f"/proc/{process}/fd").iterdir())
    except FileNotFoundError:
        return False


@contextmanager
def batch_that_waits(*arguments: str) -> Iterator[tuple["subprocess.Popen[bytes]", int, int]]:
    """Run a batch of which a process waits for the picture ``pipe.png``; gives both, and the pipe's end."""
    os.mkfifo("pipe.png")
    end = os.open("pipe.png", os.O_RDWR)
    with subprocess.Popen([*CONVCLI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        try:
            waiting: list[int] = []

            def found() -> bool:
                assert process.poll() is None
                waiting[:] = [child for child in children(process.pid) if opened(child, "pipe.png")]
                return bool(waiting)

            until(found)
            yield process, waiting[0], end
        finally:
            process.kill()
            os.close(end)


@pytest.mark.thorough(every=2)
@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
@pytest.mark.parametrize("place", [0, 3])
def test_a_process_that_is_killed_loses_its_picture_alone(number: signal.Signals, place: int) -> None:
    names = pictures(8)
    inputs = [*names[:place], "pipe.png", *names[place:]]
    with batch_that_waits("pool", *inputs, "--out-dir", "out", "-j", "2") as (process, waiting, _):
        os.kill(waiting, number)
        out, err = process.communicate(timeout=SECONDS)
    made = [f"out/{name[:3]}-maxpool-2x2.png" for name in names]
    assert out.decode().splitlines() == made
    assert err.decode().splitlines() == [
        f"convcli: pipe.png: its process was ended by signal {number.value}",
        "convcli: 9 inputs: 8 done, 1 failed",
    ]
    assert process.returncode == 1
    for index, path in enumerate(made):
        assert np.array_equal(read(path), pooled(index))


@pytest.mark.usefixtures("in_folder")
def test_a_process_that_is_killed_when_it_has_nothing_to_do_is_not_missed() -> None:
    names = pictures(3)
    with batch_that_waits("pool", *names, "pipe.png", "--out-dir", "out", "-j", "2") as (
        process,
        waiting,
        end,
    ):
        assert process.stdout is not None
        told = [process.stdout.readline().decode() for _ in names]
        for child in children(process.pid):
            if child != waiting:
                os.kill(child, signal.SIGKILL)
        os.write(end, Path(names[0]).read_bytes())
        os.dup2(os.open(os.devnull, os.O_RDONLY), end)  # the last writer goes
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (0, b"")
    stems = ["000", "001", "002", "pipe"]
    assert [*told, out.decode()] == [f"out/{stem}-maxpool-2x2.png\n" for stem in stems]
    assert np.array_equal(read("out/pipe-maxpool-2x2.png"), pooled(0))


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_outlives_the_batch(number: signal.Signals) -> None:
    names = pictures(3)
    with batch_that_waits("pool", *names, "pipe.png", "--out-dir", "out", "-j", "2") as (
        process,
        waiting,
        end,
    ):
        started = {waiting, *children(process.pid)}
        process.send_signal(number)
        process.wait(SECONDS)
        os.dup2(os.open(os.devnull, os.O_RDONLY), end)  # the pipe ends
        until(lambda: not any(Path(f"/proc/{child}/fd/0").exists() for child in started))
    assert process.returncode == -number
    assert not list(Path().rglob(".convcli-*"))


# As they finish, and in order -----------------------------------------------------------------------------


@pytest.mark.usefixtures("in_folder")
def test_json_comes_as_pictures_finish() -> None:
    names = pictures(3)
    arguments = ("pool", "pipe.png", *names, "--json", "-j", "2")
    with batch_that_waits(*arguments) as (process, _, end):
        assert process.stdout is not None
        records = [json.loads(process.stdout.readline()) for _ in names]
        assert sorted(record["input"] for record in records) == names
        os.write(end, Path(names[1]).read_bytes())
        os.dup2(os.open(os.devnull, os.O_RDONLY), end)  # the pipe ends
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (0, b"")
    last = json.loads(out)
    assert (last["input"], last["output"], last["shape_out"]) == ("pipe.png", "pipe-maxpool-2x2.png", "12x16")
    assert np.array_equal(read(last["output"]), pooled(1))


@pytest.mark.usefixtures("in_folder")
def test_paths_come_in_the_order_of_the_inputs() -> None:
    names = pictures(3)
    with batch_that_waits("pool", "pipe.png", *names, "-j", "2") as (process, _, end):
        until(lambda: len(list(Path().glob("*-maxpool-2x2.png"))) == 3)
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        assert process.stdout.read() is None
        os.set_blocking(process.stdout.fileno(), True)
        os.write(end, Path(names[0]).read_bytes())
        os.dup2(os.open(os.devnull, os.O_RDONLY), end)  # the pipe ends
        out, err = process.communicate(timeout=SECONDS)
    assert (process.returncode, err) == (0, b"")
    stems = ["pipe", "000", "001", "002"]
    assert out.decode().splitlines() == [f"{stem}-maxpool-2x2.png" for stem in stems]


@pytest.mark.parametrize("jobs", [1, 2])
def test_json_of_a_batch_comes_line_by_line(hostile: Nursery, jobs: int) -> None:
    names = pictures(5)
    reader, writer = os.pipe()
    parts: list[bytes] = []

    def collect() -> None:
        while part := os.read(reader, 1 << 20):
            parts.append(part)

    reading = Thread(target=collect)
    reading.start()
    ran = hostile("pool", *names, "--json", "-j", jobs, stdout=writer)
    os.close(writer)
    reading.join(SECONDS)
    os.close(reader)
    assert (ran.code, ran.err) == (0, b"")
    records = [json.loads(line) for line in b"".join(parts).splitlines()]
    assert sorted((record["input"], record["output"]) for record in records) == [
        (name, f"{name[:3]}-maxpool-2x2.png") for name in names
    ]


# However many share it ------------------------------------------------------------------------------------

KINDS = ["png", "jpeg", "tiff", "webp", "bmp", "pnm", "avif", "jp2", "jxl", "npy", "csv", "txt"]


@pytest.mark.thorough(every=7)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "command", [("apply", "--filter", "sobel"), ("pool", "--mode", "avg")], ids=["apply", "pool"]
)
def test_files_and_lines_are_the_same_however_many_share_the_work(
    hostile: Nursery, command: Sequence[str], kind: str
) -> None:
    names = pictures(9, channels=1 if kind in {"csv", "txt"} else 3)
    seen = set()
    for jobs in (1, 2, 9):
        ran = hostile(*command, *names, "--format", kind, "--out-dir", "out", "--force", "-j", jobs)
        assert (ran.code, ran.err, len(ran.printed)) == (0, b"", 9)
        made = b"".join(Path(path).read_bytes() for path in ran.printed)
        seen.add((ran.out, hashlib.sha256(made).hexdigest()))
    assert len(seen) == 1


@pytest.mark.parametrize("jobs", JOBS)
def test_json_is_the_same_however_many_share_the_work(hostile: Nursery, jobs: int) -> None:
    names = pictures(6)
    ran = hostile("apply", *names, "--filter", "sobel", "--json", "-j", jobs)
    assert (ran.code, ran.err) == (0, b"")
    records = sorted(
        (json.loads(line) for line in ran.out.splitlines()), key=lambda record: str(record["input"])
    )
    for number, record in enumerate(records):
        alone = json.loads(
            hostile("apply", names[number], "--filter", "sobel", "--json", "-o", f"{number}.png").out
        )
        same = {key: value for key, value in alone.items() if key not in {"seconds", "output", "plan"}}
        assert {key: record[key] for key in same} == same
        assert (record["input"], record["output"]) == (names[number], f"{number:03d}-sobel.png")
        assert Path(record["output"]).read_bytes() == Path(f"{number}.png").read_bytes()


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize(("jobs", "processes"), [(1, 0), (2, 2), (64, 3)])
def test_no_more_processes_than_pictures(hostile: Nursery, jobs: int, processes: int) -> None:
    names = pictures(3)
    tracer = ["-o", "calls", "-e", "trace=fork,vfork,clone,clone3"]
    ran = hostile("pool", *names, "-j", jobs, tracer=tracer)
    assert (ran.code, ran.err, ran.printed) == (0, b"", [f"{name[:3]}-maxpool-2x2.png" for name in names])
    assert len(re.findall(r"(?:fork|clone3?)\(", Path("calls").read_text())) == processes


@pytest.mark.parametrize("jobs", ["0", "-1", "x", "1.5", "1e3", "99999999999999999999999"])
def test_a_number_of_jobs_that_cannot_be(hostile: Nursery, jobs: str) -> None:
    names = pictures(2)
    ran = hostile("pool", *names, "-j", jobs)
    if jobs.isdecimal() and int(jobs):
        assert (ran.code, ran.err, len(ran.printed)) == (0, b"", 2)
        return
    assert (ran.code, ran.out) == (2, b"")
    assert jobs in ran.message


# The bar --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("jobs", JOBS)
def test_how_far_it_is_is_shown_on_a_terminal_alone(hostile: Nursery, jobs: int) -> None:
    names = pictures(6)
    with terminal() as (child, shown):
        ran = hostile("pool", *names, "-j", jobs, stderr=child)
    assert (ran.code, ran.printed) == (0, [f"{name[:3]}-maxpool-2x2.png" for name in names])
    assert re.search(rb"[0-6]/6\b", shown)
    with terminal() as (child, shown):
        ran = hostile("pool", *names, "-j", jobs, "--force", stdout=child)
    assert (ran.code, ran.err) == (0, b"")
    assert b"/6" not in shown
    assert b"\x1b" not in shown
    assert len(shown.splitlines()) == 6


def test_one_picture_has_no_bar(hostile: Nursery) -> None:
    names = pictures(1)
    with terminal() as (child, shown):
        ran = hostile("pool", *names, stderr=child)
    assert (ran.code, ran.out, bytes(shown)) == (0, b"000-maxpool-2x2.png\n", b"")


@pytest.mark.parametrize("jobs", JOBS)
def test_failures_are_whole_lines_beside_the_bar(hostile: Nursery, jobs: int) -> None:
    with terminal() as (child, shown):
        ran = hostile("pool", *(f"{number}.png" for number in range(5)), "-j", jobs, stderr=child)
    assert (ran.code, ran.out) == (1, b"")
    lines = re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", bytes(shown)).replace(b"\r", b"\n").split(b"\n")
    said = [line.decode() for line in lines if line.startswith(b"convcli: ")]
    missing = [f"convcli: {number}.png: no such file or directory" for number in range(5)]
    assert said == [*missing, "convcli: 5 inputs: 0 done, 5 failed"]
