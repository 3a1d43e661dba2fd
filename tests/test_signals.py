"""Signals that arrive while the program is in a long call of C code, which delays Python's handlers."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.hostile.run_convcli import PATHS

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT]
PROGRAM = """
import hashlib, os, signal
from collections import deque
from contextlib import nullcontext
from itertools import repeat
from convcli.signals import cleanup_at_signal, install_signal_handlers, interruptible

signal.signal(signal.SIGUSR1, signal.SIG_IGN)
signal.signal(signal.{ignored}, signal.SIG_IGN)
install_signal_handlers()
with cleanup_at_signal(lambda: os.write(1, b"cleaned up")) if {cleans} else nullcontext():
    os.write(1, b"ready\\n")
    {call}
"""
WITHOUT_LOCK = "with interruptible(): hashlib.pbkdf2_hmac('sha256', b'', b'', 2**31 - 1)"  # many minutes
WITH_LOCK = "with interruptible(): deque(repeat(None, 1 << 60), maxlen=0)"  # keeps Python's global lock


def ended_by(*numbers: int, call: str, cleans: bool, ignored: str = "SIGUSR1") -> tuple[int, bytes, bytes]:
    """Return how a program ends that signals meet in a call."""
    command = [sys.executable, "-c", PROGRAM.format(call=call, cleans=cleans, ignored=ignored)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | PATHS, bufsize=0
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
            time.sleep(0.1)  # for the call to begin: a signal that is too early tests nothing
            for number in numbers:
                process.send_signal(number)
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, out, err


@pytest.mark.thorough(every=4)
@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_ends_a_long_call_and_cleans_up(number: signal.Signals) -> None:
    assert ended_by(number, call=WITHOUT_LOCK, cleans=True) == (-number, b"cleaned up", b"")


@pytest.mark.parametrize("call", [WITHOUT_LOCK, WITH_LOCK])
def test_a_signal_ends_a_long_call_at_once(call: str) -> None:
    assert ended_by(signal.SIGTERM, call=call, cleans=False) == (-signal.SIGTERM, b"", b"")


@pytest.mark.parametrize("cleans", [True, False])
def test_a_signal_that_is_ignored_stays_ignored(cleans: bool) -> None:
    """As under nohup."""
    ended = ended_by(signal.SIGHUP, signal.SIGTERM, call=WITHOUT_LOCK, cleans=cleans, ignored="SIGHUP")
    assert ended == (-signal.SIGTERM, b"cleaned up" * cleans, b"")


def test_a_cleanup_that_never_ends_is_left() -> None:
    """As where a terminal that is stopped takes no output."""
    call = "with cleanup_at_signal(lambda: os.read(os.pipe()[0], 1)): os.kill(os.getpid(), signal.SIGINT)"
    assert ended_by(0, call=call, cleans=False) == (-signal.SIGINT, b"", b"")


def test_the_handlers_are_back_after_the_call() -> None:
    call = (
        "with interruptible(): pass\n"
        "with cleanup_at_signal(lambda: os.write(1, b'cleaned up')): os.kill(os.getpid(), signal.SIGTERM)"
    )
    ended = ended_by(0, call="pass\n" + call, cleans=False)
    assert ended == (-signal.SIGTERM, b"cleaned up", b"")


def test_temporary_files_are_removed(tmp_path: Path) -> None:
    """Where a long call is made while a file is written."""
    call = (
        "from convcli.files.atomic import write_atomically\n"
        "def write(_):\n"
        f"    {WITHOUT_LOCK}\n"
        f"write_atomically({str(tmp_path / 'x')!r}, write)"
    )
    assert ended_by(signal.SIGTERM, call="pass\n" + call, cleans=False) == (-signal.SIGTERM, b"", b"")
    assert not list(tmp_path.iterdir())


def test_other_programs_keep_their_handlers() -> None:
    """Nothing changes where convcli's handlers are not installed."""
    program = (
        "import signal, _thread; from convcli.signals import cleanup_at_signal, interruptible\n"
        "before = [signal.getsignal(number) for number in (2, 15)]\n"
        "with interruptible(): assert before == [signal.getsignal(number) for number in (2, 15)]\n"
        "with cleanup_at_signal(print), interruptible(): pass\n"
        "assert before == [signal.getsignal(number) for number in (2, 15)]\n"
        "assert (_thread._count(), signal.set_wakeup_fd(-1)) == (0, -1)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, env=os.environ | PATHS, timeout=60, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, b"", b"")
