"""The entry point, in this process: signals and exit codes."""

import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from io import BytesIO, TextIOWrapper
from pathlib import Path
from threading import get_ident

import pytest

from convcli import __main__ as entry
from convcli.cli import error_handling
from convcli.cli.version import version_text
from convcli.files.atomic import write_atomically
from convcli.files.streams import BrokenPipe
from convcli.signals import cleanup_at_signal
from tests.support.command_line import Runner

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    handlers = {number: signal.getsignal(number) for number in (*SIGNALS, signal.SIGPIPE)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Run the entry point with arguments and return the exit code."""

    def call(*arguments: str) -> object:
        monkeypatch.setattr(sys, "argv", ["convcli", *arguments])
        monkeypatch.setattr(os, "_exit", sys.exit)
        monkeypatch.setattr("convcli.signals.start_new_thread", lambda *_: 0)  # it would end the tests
        with pytest.raises(SystemExit) as ended:
            entry.main()
        return ended.value.code

    return call


def test_the_version_is_told_at_once(ends: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> None:
    assert ends("--version") == 0
    assert capsys.readouterr() == (version_text(), "")


def test_a_command_line_is_run(ends: Callable[..., object], capsys: pytest.CaptureFixture[str]) -> None:
    assert ends("shape", "--n", "32", "--f", "5") == 0
    assert capsys.readouterr() == ("28x28\n", "")


def test_an_answer_that_is_lost_at_the_end_is_a_failure(
    ends: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    full = TextIOWrapper(BytesIO())
    full.close()
    monkeypatch.setattr(sys, "stderr", full)
    assert ends("--version") == 1


def test_a_version_that_cannot_be_written_is_a_failure(
    ends: Callable[..., object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert ends("--version") == 1
    assert capsys.readouterr().err == "convcli: standard output: is closed\n"


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_takes_its_course_when_all_is_cleared_up(
    ends: Callable[..., object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, number: signal.Signals
) -> None:
    told: list[object] = []

    def write(_: object) -> None:
        assert len(list(tmp_path.iterdir())) == 1
        handler = signal.getsignal(number)
        assert callable(handler)
        with (
            cleanup_at_signal(lambda: told.append("first")),
            cleanup_at_signal(lambda: told.append(1 // 0)),
        ):
            handler(number, None)

    def interrupted(_: list[str]) -> int:
        write_atomically(tmp_path / "x", write)
        raise AssertionError

    def kill(thread: int, which: int) -> None:
        told.append((thread, which, list(tmp_path.iterdir()), [signal.getsignal(each) for each in SIGNALS]))

    monkeypatch.setattr(error_handling, "run", interrupted)
    monkeypatch.setattr(signal, "pthread_kill", kill)
    assert ends("filters") == 128 + number
    handlers = [signal.SIG_DFL if each == number else signal.SIG_IGN for each in SIGNALS]
    assert told == ["first", (get_ident(), number, [], handlers)]


def test_a_mistake_in_the_program_is_told_in_one_line(
    ends: Callable[..., object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def mistaken(_: list[str]) -> int:
        return [0][1]

    monkeypatch.setattr(error_handling, "run", mistaken)
    assert ends("filters") == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(
        r"convcli: internal error: IndexError in test_main\.py, line \d+: list index out of range; please report it\n",
        err,
    )


@pytest.mark.parametrize("error", [MemoryError(), ZeroDivisionError()])
def test_memory_that_runs_out_while_a_failure_is_told(
    ends: Callable[..., object],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    error: Exception,
) -> None:
    def failing(_: object) -> int:
        raise error

    def message(*_: str) -> None:
        raise MemoryError

    monkeypatch.setattr(error_handling, "run", failing)
    monkeypatch.setattr(entry, "message", message)
    assert ends("filters") == 1
    assert capfd.readouterr() == (
        "", "convcli: memory: not enough is available; use a smaller image or filter\n"
    )  # fmt: skip


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(28, "No space left on device", "/tmp/x"), "/tmp/x: no space left on device"),
        (OSError(12, "Cannot allocate memory"), "system: cannot allocate memory"),
        (ImportError("no _x"), "installation: a part of convcli cannot be loaded: no _x; reinstall it"),
    ],
)
def test_what_the_system_refuses(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, error: Exception, line: str
) -> None:
    def failing(**_: object) -> None:
        raise error

    monkeypatch.setattr(error_handling, "read_command", lambda _: (failing, {}))
    assert convcli("filters").all == (1, "", f"convcli: {line}\n")


def test_an_ignored_signal_stays_ignored(ends: Callable[..., object]) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert ends("--version") == 0
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


def test_closed_descriptors_are_taken_by_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    fstat = os.fstat

    def closed(descriptor: int) -> os.stat_result:
        if descriptor == 1:
            raise OSError
        return fstat(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fstat", closed)
        patched.setattr(os, "open", lambda path, _: opened.append(path))
        entry._occupy_closed_descriptors()
    assert opened == [os.devnull]


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (MemoryError(), 1, "memory: not enough is available; use a smaller image or filter"),
        (SystemExit(3), 3, None),
        (SystemExit(None), 0, None),
    ],
)
def test_what_may_leave_a_command(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, line: str | None
) -> None:
    def failing(**_: object) -> None:
        raise error

    monkeypatch.setattr(error_handling, "read_command", lambda _: (failing, {}))
    assert convcli("filters").all == (code, "", "" if line is None else f"convcli: {line}\n")


def test_a_reader_who_left_ends_a_help_page(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def left(**_: object) -> None:
        try:
            raise BrokenPipeError
        except BrokenPipeError:
            sys.exit(1)

    monkeypatch.setattr(
        "convcli.cli.app.root_command", lambda: type("Root", (), {"main": staticmethod(left)})
    )
    with pytest.raises(BrokenPipe):
        convcli("--help")


def test_an_unforeseen_error_is_not_hidden(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(**_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(error_handling, "read_command", lambda _: (failing, {}))
    with pytest.raises(ZeroDivisionError):
        convcli("filters")


def test_without_standard_output_nothing_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stdout", None)
        assert error_handling.run(["--help"]) == 1
    assert capsys.readouterr().err == "convcli: standard output: is closed\n"
