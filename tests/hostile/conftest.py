"""What the tests of hostile cases share."""

import os
import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.hostile.run_convcli import Nursery


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Run convcli in children of one process."""
    started = Nursery()
    yield started
    started.close()


@pytest.fixture
def hostile(nursery: Nursery, in_folder: object) -> Nursery:  # noqa: ARG001 -- for what it does
    """Run convcli in an empty folder."""
    return nursery


@pytest.fixture(scope="session")
def strace() -> None:
    """Skip where strace cannot do what it is needed for; fail where everything is to be tested."""
    why = _why_no_strace()
    if why and "CI" in os.environ:
        pytest.fail(why)
    if why:
        pytest.skip(why)


def _why_no_strace() -> str:
    """Return why strace cannot look at a process that it has not started; nothing if it can."""
    if shutil.which("strace") is None:
        return "strace is not installed"
    with subprocess.Popen(["sleep", "60"]) as process:
        command = ["strace", "-o", os.devnull, "-f", "-p", str(process.pid)]
        with subprocess.Popen(command, stderr=subprocess.PIPE) as tracer:
            assert tracer.stderr is not None
            said = tracer.stderr.readline().decode()  # that it is attached, or why not
            process.kill()
    return "" if "attached" in said else said
