"""Atomic writes: whatever fails, the files on disk are either complete or untouched."""

import errno
import os
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest

from convcli.errors import OutputError
from convcli.files.atomic import check_target, write_atomically

not_as_root = pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")


def writer(data: bytes) -> Callable[[BinaryIO], object]:
    return lambda stream: stream.write(data)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@contextmanager
def mode_of_folder(folder: Path, mode: int) -> Iterator[None]:
    before = stat.S_IMODE(folder.stat().st_mode)
    folder.chmod(mode)
    try:
        yield
    finally:
        folder.chmod(before)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return a file with something in it, alone in its folder."""
    path = tmp_path / "x.bin"
    path.write_bytes(b"old")
    return path


# check_target ----------------------------------------------------------------------------------------------


def test_new_name_may_be_written(tmp_path: Path) -> None:
    check_target(tmp_path / "x.bin")
    assert list(tmp_path.iterdir()) == []


def test_new_name_may_be_written_beside_its_input(old: Path) -> None:
    check_target(old.with_name("y.bin"), [old])


def test_name_without_a_folder_is_in_the_current_one(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(old.parent)
    check_target("y.bin", ["x.bin"])


def test_existing_file_needs_force(old: Path) -> None:
    with pytest.raises(OutputError, match="exists; use --force to overwrite it") as caught:
        check_target(old)
    assert caught.value.what == str(old)


def test_existing_file_may_be_replaced(old: Path) -> None:
    check_target(old, replace=True)


def test_link_to_an_existing_file_needs_force(old: Path) -> None:
    link = old.with_name("link")
    link.symlink_to(old)
    with pytest.raises(OutputError, match="exists"):
        check_target(link)


def test_link_to_a_missing_file_may_be_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("missing")
    check_target(tmp_path / "link")


@pytest.mark.parametrize("replace", [False, True])
@pytest.mark.parametrize(
    "spelling",
    ["x.bin", "./x.bin", "sub/../x.bin", "{folder}/x.bin", "{folder}//./x.bin", "link", "hard", "sub/up"],
)
@pytest.mark.parametrize("other_way", [False, True])
def test_input_is_never_the_output(
    spelling: str, replace: bool, other_way: bool, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = old.parent
    (folder / "sub").mkdir()
    (folder / "link").symlink_to("x.bin")
    (folder / "hard").hardlink_to(old)
    (folder / "sub" / "up").symlink_to("../link")
    monkeypatch.chdir(folder)
    target, source = spelling.format(folder=folder), "x.bin"
    if other_way:
        target, source = source, target
    with pytest.raises(OutputError, match="is an input"):
        check_target(target, ["missing.bin", source], replace=replace)


def test_missing_input_is_ignored(old: Path) -> None:
    check_target(old, [old.with_name("gone")], replace=True)


@pytest.mark.parametrize("replace", [False, True])
def test_folder_is_refused(replace: bool, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder; give the name of a file in it"):
        check_target(tmp_path, replace=replace)


def test_link_to_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "link").symlink_to("sub")
    with pytest.raises(OutputError, match="is a folder"):
        check_target(tmp_path / "link", replace=True)


def test_folder_of_the_target_must_exist(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=f"there is no folder {tmp_path / 'missing'}"):
        check_target(tmp_path / "missing" / "x.bin")


def test_file_instead_of_the_folder_is_refused(old: Path) -> None:
    with pytest.raises(OutputError, match=f"there is no folder {old}"):
        check_target(old / "x.bin")


def test_name_of_255_bytes_may_be_written(tmp_path: Path) -> None:
    check_target(tmp_path / ("x" * 255))


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128, "x" * 5000], ids=["256", "128 of 2 bytes", "5000"])
def test_name_that_is_too_long_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="name too long"):
        check_target(tmp_path / name)


def test_folder_name_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        check_target(tmp_path / ("x" * 256) / "x.bin")


def test_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(OutputError):
        check_target(tmp_path / "link" / "x.bin")


@pytest.mark.parametrize("device", ["/dev/null", "/dev/full"])
def test_device_may_be_written_without_force(device: str) -> None:
    check_target(device)


def test_fifo_may_be_written_without_force(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    check_target(tmp_path / "pipe")


@not_as_root
def test_new_file_in_a_read_only_folder_is_refused(tmp_path: Path) -> None:
    with (
        mode_of_folder(tmp_path, 0o555),
        pytest.raises(OutputError, match="no permission to write in the folder"),
    ):
        check_target(tmp_path / "x.bin")


@not_as_root
def test_replacing_a_file_in_a_read_only_folder_is_refused(old: Path) -> None:
    with (
        mode_of_folder(old.parent, 0o555),
        pytest.raises(OutputError, match="no permission to write in the folder"),
    ):
        check_target(old, replace=True)


@not_as_root
@pytest.mark.parametrize("mode", [0o000, 0o600])
def test_file_in_a_folder_without_access_is_refused(mode: int, old: Path) -> None:
    with mode_of_folder(old.parent, mode), pytest.raises(OutputError):
        check_target(old, replace=True)


# write_atomically: what is there afterwards ----------------------------------------------------------------


@pytest.mark.parametrize("replace", [False, True])
def test_new_file_is_complete_and_no_temporary_remains(replace: bool, tmp_path: Path) -> None:
    write_atomically(tmp_path / "x.bin", writer(b"new"), replace=replace)
    assert contents(tmp_path) == {"x.bin": b"new"}


def test_path_may_be_a_string(tmp_path: Path) -> None:
    write_atomically(str(tmp_path / "x.bin"), writer(b"new"))
    assert contents(tmp_path) == {"x.bin": b"new"}


def test_name_without_a_folder_is_written_in_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("x.bin", writer(b"new"))
    assert contents(tmp_path) == {"x.bin": b"new"}


@pytest.mark.parametrize("name", [b"\xff\xfe.bin", b" ", b"a\nb", b"-x", b"[b]*?.bin", b"x" * 255])
def test_unusual_names(name: bytes, tmp_path: Path) -> None:
    write_atomically(tmp_path / os.fsdecode(name), writer(b"new"))
    assert os.listdir(os.fsencode(tmp_path)) == [name]  # noqa: PTH208 -- the names as bytes


def test_empty_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x.bin", writer(b""))
    assert contents(tmp_path) == {"x.bin": b""}


def test_writer_may_seek_and_read(tmp_path: Path) -> None:
    def write(stream: BinaryIO) -> None:
        stream.write(b"....new")
        stream.seek(4)
        word = stream.read()
        stream.seek(0)
        stream.write(word + b"!")

    write_atomically(tmp_path / "x.bin", write)
    assert contents(tmp_path) == {"x.bin": b"new!new"}


def test_target_appears_only_when_complete(tmp_path: Path) -> None:
    seen: list[bool] = []

    def write(stream: BinaryIO) -> None:
        stream.write(b"half")
        stream.flush()
        seen.append((tmp_path / "x.bin").exists())

    write_atomically(tmp_path / "x.bin", write)
    assert seen == [False]


def test_old_file_stays_until_the_new_one_is_complete(old: Path) -> None:
    seen: list[bytes] = []

    def write(stream: BinaryIO) -> None:
        stream.write(b"half")
        stream.flush()
        seen.append(old.read_bytes())

    write_atomically(old, write, replace=True)
    assert seen == [b"old"]
    assert contents(old.parent) == {"x.bin": b"half"}


def test_existing_file_is_kept_without_replace(old: Path) -> None:
    with pytest.raises(OutputError, match="exists; use --force to overwrite it") as caught:
        write_atomically(old, writer(b"new"))
    assert caught.value.what == str(old)
    assert contents(old.parent) == {"x.bin": b"old"}


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o444, 0o755])
def test_replaced_file_keeps_its_permissions(mode: int, old: Path) -> None:
    old.chmod(mode)
    with umask(0o022):
        write_atomically(old, writer(b"new"), replace=True)
    assert stat.S_IMODE(old.stat().st_mode) == mode
    old.chmod(0o600)
    assert contents(old.parent) == {"x.bin": b"new"}


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664), (0o000, 0o666)])
@pytest.mark.parametrize("replace", [False, True])
def test_new_file_has_the_permissions_of_the_umask(
    mask: int, mode: int, replace: bool, tmp_path: Path
) -> None:
    with umask(mask):
        write_atomically(tmp_path / "x.bin", writer(b"new"), replace=replace)
    assert stat.S_IMODE((tmp_path / "x.bin").stat().st_mode) == mode


# write_atomically: links and devices -----------------------------------------------------------------------


@pytest.mark.parametrize("relative", [False, True])
def test_link_stays_and_its_target_is_replaced(relative: bool, old: Path) -> None:
    folder = old.parent / "sub"
    folder.mkdir()
    link = folder / "link"
    link.symlink_to("../x.bin" if relative else old)
    write_atomically(link, writer(b"new"), replace=True)
    assert link.is_symlink()
    assert contents(old.parent) == {"x.bin": b"new"}
    assert [path.name for path in folder.iterdir()] == ["link"]


def test_link_to_an_existing_file_is_kept_without_replace(old: Path) -> None:
    link = old.with_name("link")
    link.symlink_to("x.bin")
    with pytest.raises(OutputError, match="exists") as caught:
        write_atomically(link, writer(b"new"))
    assert caught.value.what == str(link)
    assert contents(old.parent) == {"x.bin": b"old", "link": b"old"}
    assert link.is_symlink()


def test_link_to_a_missing_file_creates_the_file(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("missing")
    write_atomically(tmp_path / "link", writer(b"new"))
    assert (tmp_path / "link").readlink() == Path("missing")
    assert contents(tmp_path) == {"link": b"new", "missing": b"new"}


def test_fifo_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    try:
        write_atomically(pipe, writer(b"new" * 50_000))
    finally:
        reader.join()
    assert received == [b"new" * 50_000]
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]
    assert pipe.is_fifo()


def test_device_is_written_to_and_stays() -> None:
    write_atomically("/dev/null", writer(b"new"), replace=True)
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("size", [1, 1_000_000])
def test_full_device_is_reported(size: int) -> None:
    with pytest.raises(OutputError, match=r"^/dev/full: no space left on device$"):
        write_atomically("/dev/full", writer(bytes(size)), replace=True)


# write_atomically: what goes wrong -------------------------------------------------------------------------


def test_missing_folder_is_reported(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such file or directory"):
        write_atomically(tmp_path / "missing" / "x.bin", writer(b"new"))
    assert list(tmp_path.iterdir()) == []


def test_file_instead_of_the_folder_is_reported(old: Path) -> None:
    with pytest.raises(OutputError, match="not a directory"):
        write_atomically(old / "x.bin", writer(b"new"), replace=True)
    assert contents(old.parent) == {"x.bin": b"old"}


@pytest.mark.parametrize("replace", [False, True])
def test_folder_instead_of_the_file_is_reported(replace: bool, tmp_path: Path) -> None:
    (tmp_path / "x.bin").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        write_atomically(tmp_path / "x.bin", writer(b"new"), replace=replace)
    assert list((tmp_path / "x.bin").iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["x.bin"]


@pytest.mark.parametrize("name", ["x" * 256, "é" * 128], ids=["256", "128 of 2 bytes"])
def test_name_that_is_too_long_is_reported(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="name too long"):
        write_atomically(tmp_path / name, writer(b"new"))
    assert list(tmp_path.iterdir()) == []


@not_as_root
@pytest.mark.parametrize("replace", [False, True])
def test_read_only_folder_is_reported(replace: bool, old: Path) -> None:
    target = old if replace else old.with_name("y.bin")
    with mode_of_folder(old.parent, 0o555), pytest.raises(OutputError, match="permission denied"):
        write_atomically(target, writer(b"new"), replace=replace)
    assert contents(old.parent) == {"x.bin": b"old"}


@not_as_root
def test_folder_without_access_is_reported(old: Path) -> None:
    with mode_of_folder(old.parent, 0o600), pytest.raises(OutputError, match="permission denied"):
        write_atomically(old, writer(b"new"), replace=True)
    assert contents(old.parent) == {"x.bin": b"old"}


FAILURES = [
    pytest.param(OSError(errno.ENOSPC, "No space left on device"), OutputError, id="a full disk"),
    pytest.param(OSError("a message only"), OutputError, id="an error without a number"),
    pytest.param(OutputError("x", "the encoder refuses"), OutputError, id="an encoder"),
    pytest.param(RuntimeError("a bug"), RuntimeError, id="a bug"),
    pytest.param(MemoryError(), MemoryError, id="no memory"),
    pytest.param(KeyboardInterrupt(), KeyboardInterrupt, id="an interrupt"),
    pytest.param(SystemExit(1), SystemExit, id="an exit"),
]


def failing_writer(error: BaseException) -> Callable[[BinaryIO], object]:
    def write(stream: BinaryIO) -> None:
        stream.write(b"half")
        stream.flush()
        raise error

    return write


@pytest.mark.parametrize(("error", "raised"), FAILURES)
def test_writer_that_fails_leaves_the_old_file(
    error: BaseException, raised: type[BaseException], old: Path
) -> None:
    with pytest.raises(raised):
        write_atomically(old, failing_writer(error), replace=True)
    assert contents(old.parent) == {"x.bin": b"old"}


@pytest.mark.parametrize(("error", "raised"), FAILURES)
def test_writer_that_fails_leaves_no_new_file(
    error: BaseException, raised: type[BaseException], tmp_path: Path
) -> None:
    with pytest.raises(raised):
        write_atomically(tmp_path / "x.bin", failing_writer(error))
    assert list(tmp_path.iterdir()) == []


def test_failure_names_the_file_as_it_was_given_and_the_reason(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(old.parent)
    with pytest.raises(OutputError, match=r"^\./x\.bin: no space left on device$"):
        write_atomically(
            "./x.bin", failing_writer(OSError(errno.ENOSPC, "No space left on device")), replace=True
        )


def refuse(*arguments: object, **options: object) -> None:
    raise OSError(errno.EIO, "Input/output error", arguments, options)


@pytest.mark.parametrize("replace", [False, True])
def test_data_that_does_not_reach_the_disk_leaves_the_old_file(
    replace: bool, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", refuse)
    target = old if replace else old.with_name("y.bin")
    with pytest.raises(OutputError, match="input/output error"):
        write_atomically(target, writer(b"new"), replace=replace)
    assert contents(old.parent) == {"x.bin": b"old"}


@pytest.mark.parametrize("replace", [False, True])
def test_rename_that_fails_leaves_the_old_file(
    replace: bool, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rename", "replace", "link"):
        monkeypatch.setattr(os, name, refuse)
    target = old if replace else old.with_name("y.bin")
    with pytest.raises(OutputError, match="input/output error"):
        write_atomically(target, writer(b"new"), replace=replace)
    assert contents(old.parent) == {"x.bin": b"old"}


def test_permissions_that_cannot_be_set_leave_the_old_file(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "chmod", refuse)
    monkeypatch.setattr(os, "fchmod", refuse)
    with pytest.raises(OutputError, match="input/output error"):
        write_atomically(old, writer(b"new"), replace=True)
    assert contents(old.parent) == {"x.bin": b"old"}


def test_file_system_without_hard_links_takes_a_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse)
    write_atomically(tmp_path / "x.bin", writer(b"new"))
    assert contents(tmp_path) == {"x.bin": b"new"}


def test_file_system_without_hard_links_keeps_an_existing_file(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(OutputError, match="exists"):
        write_atomically(old, writer(b"new"))
    assert contents(old.parent) == {"x.bin": b"old"}


@pytest.mark.parametrize("size", [0, 1, 9_999])
def test_disk_that_fills_up_leaves_the_old_file(size: int, old: Path) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        with pytest.raises(OutputError, match="file too large"):
            write_atomically(old, writer(bytes(10_000)), replace=True)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert contents(old.parent) == {"x.bin": b"old"}


# write_atomically: two at once -----------------------------------------------------------------------------


def test_file_created_during_the_write_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "x.bin"

    def write(stream: BinaryIO) -> None:
        stream.write(b"mine")
        target.write_bytes(b"theirs")

    with pytest.raises(OutputError, match="exists"):
        write_atomically(target, write)
    assert contents(tmp_path) == {"x.bin": b"theirs"}


def test_folder_removed_during_the_write_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "sub"
    folder.mkdir()

    def write(stream: BinaryIO) -> None:
        stream.write(b"mine")
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()

    with pytest.raises(OutputError, match="no such file or directory"):
        write_atomically(folder / "x.bin", write)
    assert list(tmp_path.iterdir()) == []


def race(target: Path, count: int, *, replace: bool) -> tuple[list[bytes], int]:
    """Let writers finish at the same moment; return the data of those that won and how many lost."""
    ready = threading.Barrier(count)
    won: list[bytes] = []
    lost: list[OutputError] = []

    def compete(data: bytes) -> None:
        def write(stream: BinaryIO) -> None:
            stream.write(data)
            ready.wait()

        try:
            write_atomically(target, write, replace=replace)
        except OutputError as error:
            lost.append(error)
        else:
            won.append(data)

    threads = [threading.Thread(target=compete, args=(b"%d" % number * 1000,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return won, len(lost)


@pytest.mark.parametrize("attempt", range(5))
def test_one_of_several_writers_wins_without_replace(attempt: int, tmp_path: Path) -> None:
    won, lost = race(tmp_path / f"{attempt}.bin", 4, replace=False)
    assert (len(won), lost) == (1, 3)
    assert contents(tmp_path) == {f"{attempt}.bin": won[0]}


def test_several_writers_leave_one_complete_file(old: Path) -> None:
    won, lost = race(old, 4, replace=True)
    assert (len(won), lost) == (4, 0)
    assert len(contents(old.parent)) == 1
    assert old.read_bytes() in won


def test_no_descriptor_is_left_open(old: Path) -> None:
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("no /proc here")
    before = len(list(descriptors.iterdir()))
    write_atomically(old.with_name("y.bin"), writer(b"new"))
    for target in (old, old.parent / "missing" / "x.bin", Path("/dev/full")):
        with pytest.raises(OutputError):
            write_atomically(target, writer(b"new"))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(old, failing_writer(KeyboardInterrupt()), replace=True)
    assert len(list(descriptors.iterdir())) == before
