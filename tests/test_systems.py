"""Systems that lack what Linux has: each part is taken away, and the commands do what they did with it."""

import errno
import io
import os
import pathlib
import select
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from convcli.errors import OutputError
from convcli.files.atomic import write_atomically
from convcli.files.opening import open_input
from convcli.parallel import available_cores
from convcli.pipeline.processes import split_jobs
from tests.support.command_line import Ran, Runner, contents

SHAPE = ("shape", "--n", "32", "--f", "5")
PARAMS = ("params", "--f", "5", "--c-in", "3", "--c-out", "6")
APPLY = ("apply", "a.png", "b.png", "--filter", "sobel-x", "--out-dir", "out", "--jobs", "2")
MATRIX = ("apply", "six.csv", "--filter", "vertical", "--padding", "valid")
PREVIEW = ("apply", "a.png", "--filter", "box", "-o", "box.png", "--preview", "--force")

MISSING = {
    os: [
        "O_NONBLOCK", "fchmod", "fchown", "fork", "get_terminal_size", "getpgrp", "getuid", "getxattr", "link",
        "memfd_create", "mkfifo", "sched_getaffinity", "set_blocking", "setxattr", "sysconf", "sysconf_names",
        "tcgetpgrp", "waitstatus_to_exitcode",
    ],
    signal: ["SIGCHLD", "SIGHUP", "SIGKILL", "SIGPIPE", "SIGQUIT", "pthread_sigmask"],
}  # fmt: skip
ATTRIBUTES = [(module, name) for module, names in MISSING.items() for name in names]
# What pathlib raises there is no OSError, and has a class of its own from Python 3.13 on.
UNSUPPORTED = getattr(pathlib, "UnsupportedOperation", NotImplementedError)("os.link() is unsupported")
MODULES = ["fcntl", "grp", "pty", "pwd", "resource", "termios", "tty"]

# What the commands are run by in a process of its own, after some code has taken parts of the system away.
COMMANDS = f"""
import sys
from convcli.__main__ import main
from convcli.cli.error_handling import run
for command in {(SHAPE, PARAMS, APPLY, (*APPLY, "--force"), MATRIX)}:
    assert run(command) == 0, command
sys.stdout.isatty = lambda: True
assert run({PREVIEW}) == 0
del sys.stdout.isatty
sys.argv[1:] = ["apply", "-", "--filter", "sobel-y", "-o", "-"]
main()
"""
WITHOUT_SIGNALS = f"import signal\nfor name in {MISSING[signal]}: delattr(signal, name)\n"
WITHOUT_MODULES = f"import sys\nsys.modules.update(dict.fromkeys({MODULES}))\n"
# The subprocess module, which Typer loads, needs waitstatus_to_exitcode itself.
WITHOUT_FUNCTIONS = f"""
import os
for name in {[name for name in MISSING[os] if name != "waitstatus_to_exitcode"]}: delattr(os, name)
"""
# Windows knows neither these folders nor select() on anything but sockets.
WITHOUT_FILES = """
import os, select, sys
def no_select(*_):
    raise OSError(10038, "not a socket")
select.select = no_select
def hide(event, arguments):
    if event == "open" and str(arguments[0]).startswith(("/proc/", "/sys/", "/dev/std")):
        raise FileNotFoundError(2, "No such file or directory", arguments[0])
sys.addaudithook(hide)
found = os.stat
def stat(path, **options):
    hide("open", [path])
    return found(path, **options)
os.stat = stat
"""


@pytest.fixture(autouse=True)
def two_pictures(in_folder: Path) -> Iterator[Path]:
    """A folder with ``a.png``, ``b.png`` and the textbook's ``six.csv``."""
    pixels = np.random.default_rng(3).integers(0, 255, (2, 12, 16, 3), np.uint8, endpoint=True)
    for name, values in zip("ab", pixels, strict=True):
        Image.fromarray(values).save(f"{name}.png")
    Path("six.csv").write_text(6 * "10 10 10 0 0 0\n")
    available_cores.cache_clear()
    yield in_folder
    available_cores.cache_clear()


def answers(convcli: Runner) -> tuple[list[Ran], dict[str, object]]:
    """Return how the commands ended, and the outputs they wrote."""
    ran = [convcli(*command) for command in (SHAPE, PARAMS, MATRIX, APPLY, (*APPLY, "--force"))]
    return ran, contents(Path("out"))


def take_away(monkeypatch: pytest.MonkeyPatch, module: object, name: str) -> None:
    monkeypatch.delattr(module, name)
    if name == "link":  # pathlib has looked for it when it was loaded
        monkeypatch.setattr(Path, "hardlink_to", Mock(side_effect=UNSUPPORTED))


# One part at a time


@pytest.mark.thorough(every=7)
@pytest.mark.parametrize(("module", "name"), ATTRIBUTES, ids=[name for _, name in ATTRIBUTES])
def test_commands_work_where_one_part_is_missing(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    ran, files = answers(convcli)
    assert [(one.code, one.out, one.err) for one in ran] == [
        (0, "28x28\n", ""),
        (0, "456\n", ""),
        (0, 4 * "0 30 30 0\n", ""),
        (0, "out/a-sobel-x.png\nout/b-sobel-x.png\n", ""),
        (0, "out/a-sobel-x.png\nout/b-sobel-x.png\n", ""),
    ]
    for path in Path("out").iterdir():
        path.unlink()
    take_away(monkeypatch, module, name)
    assert answers(convcli) == (ran, files)


@pytest.mark.parametrize(
    ("module", "name"), [(os, "fork"), (os, "waitstatus_to_exitcode"), (signal, "pthread_sigmask")]
)
def test_a_batch_stays_in_one_process_that_has_all_threads_without(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str
) -> None:
    assert split_jobs(2, 5) == (2, 1)
    take_away(monkeypatch, module, name)
    assert split_jobs(2, 5) == (1, 2)


def test_a_batch_stays_in_one_process_on_macos(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert split_jobs(2, 5) == (1, 2)


def test_commands_work_where_the_terminal_has_no_size(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    shown = convcli("params", "lenet5")
    assert (shown.code, shown.err) == (0, "")
    assert max(map(len, shown.out.splitlines())) <= 80

    monkeypatch.setattr(os, "get_terminal_size", Mock(side_effect=OSError(errno.ENOTTY, "no terminal")))
    assert convcli("params", "lenet5") == shown
    take_away(monkeypatch, os, "get_terminal_size")
    assert convcli("params", "lenet5") == shown


@pytest.mark.parametrize("error", [UNSUPPORTED, OSError(errno.EPERM, "Operation not permitted")])
def test_without_hard_links_an_output_still_never_replaces_a_file_unasked(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", Mock(side_effect=error))
    write_atomically("new", lambda stream: stream.write(b"whole"))
    assert Path("new").read_bytes() == b"whole"

    def write(stream: io.BufferedIOBase) -> None:
        stream.write(b"late")
        Path("taken").write_bytes(b"first")  # somebody else, after the name was checked

    with pytest.raises(OutputError, match=r"^taken: exists"):
        write_atomically("taken", write)  # type: ignore[arg-type] # a BinaryIO is a buffered stream
    assert Path("taken").read_bytes() == b"first"
    assert not list(Path().glob(".convcli-*"))


@pytest.mark.parametrize("name", ["fchown", "fchmod", "setxattr", "getxattr"])
def test_a_replaced_file_keeps_its_permissions_without(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    Path("old").write_bytes(b"old")
    Path("old").chmod(0o640)
    take_away(monkeypatch, os, name)
    write_atomically("old", lambda stream: stream.write(b"new"), replace=True)
    assert Path("old").read_bytes() == b"new"
    assert stat.S_IMODE(Path("old").stat().st_mode) == 0o640


def test_a_file_of_another_group_gives_its_rights_to_no_other_group(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("old").write_bytes(b"old")
    Path("old").chmod(0o660)
    take_away(monkeypatch, os, "fchown")
    group = Path("old").stat().st_gid
    found = os.fstat

    def of_another_group(descriptor: int) -> os.stat_result:
        fields = list(found(descriptor))
        fields[5] = group + 1
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", of_another_group)
    write_atomically("old", lambda stream: stream.write(b"new"), replace=True)
    assert stat.S_IMODE(Path("old").stat().st_mode) == 0o600


def test_named_pipes_work_without_o_nonblock(monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo("pipe")
    take_away(monkeypatch, os, "O_NONBLOCK")
    writer = threading.Thread(
        target=write_atomically, args=("pipe", lambda stream: stream.write(b"through")), daemon=True
    )
    writer.start()
    with open_input("pipe") as stream:
        assert stream.read() == b"through"
    writer.join(60)


# A process that starts without them


def started(before: str, folder: Path) -> tuple[int, bytes, str, dict[str, object]]:
    """Run the commands in a new process; returns its exit code, what it wrote, and the files."""
    folder.mkdir()
    for name in ("a.png", "b.png", "six.csv"):
        (folder / name).write_bytes(Path(name).read_bytes())
    variables = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    with Path("a.png").open("rb") as picture:
        ran = subprocess.run(
            [sys.executable, "-c", before + COMMANDS],
            cwd=folder,
            stdin=picture,
            capture_output=True,
            env=variables | {"TERM": "xterm-256color", "PYTHONPATH": os.pathsep.join(sys.path)},
            check=False,
        )
    return ran.returncode, ran.stdout, ran.stderr.decode(), contents(folder)


@pytest.mark.thorough
def test_convcli_starts_where_they_are_missing(tmp_path: Path) -> None:
    normal = started("", tmp_path / "normal")
    code, out, err, files = normal
    assert (code, err) == (0, "")
    assert out.startswith(b"28x28\n456\nout/a-sobel-x.png\nout/b-sobel-x.png\n")
    assert b"\x1b[38;5;" in out  # the preview, in colors
    assert b"\x89PNG" in out
    assert {"out/a-sobel-x.png", "out/b-sobel-x.png", "box.png"} < set(files)
    assert started(WITHOUT_SIGNALS, tmp_path / "signals") == normal
    assert started(WITHOUT_MODULES, tmp_path / "modules") == normal
    assert started(WITHOUT_FILES, tmp_path / "files") == normal
    everything = WITHOUT_FUNCTIONS + WITHOUT_SIGNALS + WITHOUT_MODULES + WITHOUT_FILES
    assert started(everything, tmp_path / "everything") == normal


def test_a_closed_pipe_ends_convcli_quietly_without_sigpipe() -> None:
    read, write = os.pipe()
    os.close(read)
    ran = subprocess.run(
        [sys.executable, "-c", f"{WITHOUT_SIGNALS}from convcli.__main__ import main\nmain()", *SHAPE],
        stdout=write,
        stderr=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    os.close(write)
    assert (ran.returncode, ran.stderr) == (1, b"")


def test_on_windows_an_interrupt_is_not_taken_for_wrong_usage() -> None:
    code = "import os, signal\nfrom convcli.signals import die_by_signal\nos.name = 'nt'\ndie_by_signal(signal.SIGINT)"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        check=False,
    )
    assert ran.returncode == 128 + signal.SIGINT


def test_standard_input_is_read_where_only_sockets_can_be_waited_for(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(select, "select", Mock(side_effect=OSError(10038, "not a socket")))
    with Path("six.csv").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        ran = convcli("apply", "-", *MATRIX[2:])
    assert ran.all == (0, 4 * "0 30 30 0\n", "")
