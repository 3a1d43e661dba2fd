"""Opening files: regular files and pipes are read, everything else is refused."""

import errno
import os
import threading
from pathlib import Path

import pytest

from convcli.files import opening
from convcli.files.opening import open_input


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"some bytes")
    with open_input(tmp_path / "x") as stream:
        assert stream.seekable()
        assert stream.read() == b"some bytes"


@pytest.mark.parametrize(
    ("path", "number"), [("/dev/zero", errno.EINVAL), ("/", errno.EISDIR), ("/none", errno.ENOENT)]
)
def test_devices_and_folders_are_refused(path: str, number: int) -> None:
    with pytest.raises(OSError, match=r".") as caught:
        open_input(path)
    assert caught.value.errno == number


def test_an_empty_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with open_input(tmp_path / "x") as stream:
        assert stream.seekable()
        assert (stream.read(10), stream.read()) == (b"", b"")


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc")
def test_a_file_of_the_system_is_read_though_it_has_no_size() -> None:
    with open_input("/proc/self/status") as stream:
        assert stream.read(5) == b"Name:"
        assert b"\nPid:\t%d\n" % os.getpid() in stream.read()


@pytest.mark.parametrize("size", [5, -1])
def test_a_file_that_waits_for_events_is_refused(tmp_path: Path, size: int) -> None:
    """As /proc/kmsg, which only root can read; a pipe that a process may write to waits like it."""
    os.mkfifo(tmp_path / "x")
    keeper = os.open(tmp_path / "x", os.O_RDWR)
    os.write(keeper, b"event")
    with opening._SystemFile(tmp_path / "x") as stream:
        assert stream.read(5) == b"event"
        with pytest.raises(OSError, match="waits for events of the system, so it is not a file to read"):
            stream.read(size)
    os.close(keeper)


def test_a_pipe_is_read_in_parts_to_its_end(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    content = os.urandom(300_000)  # more than a pipe holds
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(content,))
    writer.start()
    with open_input(tmp_path / "pipe") as stream:
        assert not stream.seekable()
        assert stream.read(10) + stream.read() == content
    writer.join()


def test_pipe_without_a_writer_times_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(opening, "PIPE_TIMEOUT", 0.1)
    with open_input(tmp_path / "pipe") as stream, pytest.raises(TimeoutError, match="no process writes to"):
        stream.read()


def test_connected_writer_may_take_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(opening, "PIPE_TIMEOUT", 0.0)
    keeper = os.open(tmp_path / "pipe", os.O_RDWR)

    def write_late() -> None:
        os.write(keeper, b"late")
        os.close(keeper)

    timer = threading.Timer(0.3, write_late)
    timer.start()
    with open_input(tmp_path / "pipe") as stream:
        assert stream.read() == b"late"
    timer.join()
