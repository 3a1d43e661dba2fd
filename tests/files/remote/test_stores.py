"""Stores of any kind, tried with fsspec's own in memory; missing packages; and what becomes of processes."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from convcli.errors import OutputError, OutputExists
from convcli.files.atomic import check_target, write_atomically
from convcli.files.opening import open_input
from convcli.files.remote import clients, writing
from convcli.files.remote.clients import attempt
from convcli.files.remote.failures import described, is_transient
from convcli.files.remote.listing import NameSet, find_objects, is_listed, list_objects
from convcli.files.remote.reading import fetch_ahead, open_object
from tests.support.command_line import SAMPLES, Runner, assert_failed
from tests.support.object_store import await_requests, own_clients

fsspec = pytest.importorskip("fsspec", reason="the extra cloud is not installed")

NAMES = ("a/1.png", "a/2.PNG", "a/b/3.png", "a/b/.4.png", "a/.c/5.png", "a/6.txt", "ab/7.png", "8.png")


@pytest.fixture(scope="module")
def files() -> Iterator[Any]:
    with own_clients():
        yield fsspec.filesystem("memory")


@pytest.fixture
def memory(files: Any) -> Iterator[Any]:
    """A store without objects."""
    files.store.clear()
    yield files
    await_requests()
    files.store.clear()


def put(files: Any, *names: str) -> None:
    for name in names:
        files.pipe_file(f"/box/{name}", name.encode())


def write(url: str, content: bytes = b"new", *, replace: bool = False) -> None:
    write_atomically(url, lambda stream: stream.write(content), replace=replace)


def test_objects_are_written_once_and_read(memory: Any) -> None:
    check_target("memory://box/x")
    write("memory://box/x")
    with open_input("memory://box/x") as stream:
        assert (stream.seekable(), stream.read()) == (True, b"new")
    with pytest.raises(OutputExists, match=r"^memory://box/x: exists; use --force to overwrite it$"):
        check_target("memory://box/x")
    with pytest.raises(OutputExists, match=r"^memory://box/x: exists; use --force to overwrite it$"):
        write("memory://box/x", b"other")
    check_target("memory://box/x", replace=True)
    write("memory://box/x", b"other", replace=True)
    assert memory.cat_file("/box/x") == b"other"


def test_an_object_may_be_called_as_a_folder(memory: Any) -> None:
    put(memory, "x/y")
    assert not writing.object_exists("memory://box/x")
    assert writing.object_exists("memory://box/x/y")


def test_inputs_are_not_overwritten(memory: Any) -> None:
    put(memory, "x")
    with pytest.raises(OutputError, match="is an input"):
        check_target("memory:///box/x", ["memory://box/x"], replace=True)


def test_a_write_that_is_broken_off_leaves_nothing(memory: Any) -> None:
    def fail(stream: Any) -> None:
        stream.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically("memory://box/x", fail)
    assert not memory.store


@pytest.mark.parametrize(
    "url", ["ftp://host/x", "github://x/y", "file:///x", "simplecache://x", "nonsense://x"]
)
def test_what_may_appear_in_part_is_not_written_to(url: str) -> None:
    with pytest.raises(
        OutputError, match="cannot be written to; write to a file, or to an object store: s3://, gs://"
    ):
        check_target(url)
    with pytest.raises(OutputError, match="cannot be written to"):
        write(url)


@pytest.mark.parametrize("url", ["s3://", "s3://bucket", "s3://bucket/", "s3://bucket/a/"])
def test_folders_are_not_written_to(url: str) -> None:
    with pytest.raises(OutputError, match="is a folder; give the name of an object in it"):
        check_target(url)


# Listing ------------------------------------------------------------------------------------------------


def test_objects_that_begin_with_a_text(memory: Any) -> None:
    put(memory, *NAMES)
    assert list(list_objects("memory://box/a/", deep=False)) == [
        f"memory://box/a/{n}" for n in ("1.png", "2.PNG", "6.txt")
    ]
    assert list(list_objects("memory://box/a", deep=True)) == sorted(
        f"memory://box/{n}" for n in NAMES if n[0] == "a"
    )
    assert list(list_objects("memory://box/none/", deep=True)) == []


def test_pictures_in_a_folder(memory: Any) -> None:
    put(memory, *NAMES)
    found = list(find_objects("memory://box/a", extensions={".png"}, without="memory://box/a/out"))
    assert found == [
        ("memory://box/a/1.png", ""),
        ("memory://box/a/2.PNG", ""),
        ("memory://box/a/b/3.png", "b"),
    ]
    assert list(find_objects("memory://box/a*/*.png")) == [
        ("memory://box/a/1.png", ""),
        ("memory://box/ab/7.png", ""),
    ]
    put(memory, "a/out/9.png", "a/outer/9.png")
    found = list(find_objects("memory://box/a", extensions={".png"}, without="memory://box/a/out"))
    assert found[-1] == ("memory://box/a/outer/9.png", "outer")
    assert len(found) == 4


def test_a_run_lists_a_folder_once(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    put(memory, "out/1.png", "out/a/2.png")
    listed: list[str] = []
    find = type(memory).find

    def noted(files: Any, path: str) -> Any:
        listed.append(path)
        return find(files, path)

    monkeypatch.setattr(type(memory), "find", noted)
    urls = [f"memory://box/out/{name}" for name in ("1.png", "a/2.png", "a/1.png", "png")]
    assert [is_listed(url, "memory://box/out", "run") for url in urls * 3] == [True, True, False, False] * 3
    assert listed == ["/box/out"]
    put(memory, "out/png")
    assert is_listed(urls[-1], "memory://box/out", "other run")


def test_names_take_little_memory() -> None:
    count = 100_000
    names = NameSet(f"{number:08}-sobel.png" for number in range(count))
    size = sum(sys.getsizeof(group) for group in names._groups)
    assert size < 32 * count
    chosen = random.Random(4).sample(range(2 * count), 1000)
    assert all((f"{number:08}-sobel.png" in names) == (number < count) for number in chosen)
    assert not any(part in names for part in ("", "sobel.png", "1-sobel.png", "00000001-sobel.png\0"))


# Fetching ahead -----------------------------------------------------------------------------------------


def test_what_was_fetched_ahead_is_not_fetched_again(memory: Any) -> None:
    put(memory, "1", "2")
    fetch_ahead("memory://box/1")
    assert open_object("memory://box/1").read() == b"1"
    memory.pipe_file("/box/1", b"changed")
    assert open_object("memory://box/1").read() == b"changed"  # it is not kept


def test_a_failure_of_fetching_ahead_is_reported_when_it_is_opened(memory: Any) -> None:  # noqa: ARG001
    fetch_ahead("memory://box/none")
    with pytest.raises(FileNotFoundError, match=r"^there is no such object$"):
        open_object("memory://box/none")


# Failures -----------------------------------------------------------------------------------------------


def test_a_missing_extra_is_named(convcli: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    ran = convcli("apply", "s3://bucket/x.png", "--filter", "box", "-o", tmp_path / "x.png")
    assert_failed(ran, 1, "s3://bucket/x.png: needs the extra: pip install 'convcli[cloud]'\n")
    ran = convcli("apply", SAMPLES / "camera.png", "--filter", "box", "--out-dir", "s3://bucket/x")
    assert_failed(ran, 1, "s3://bucket/x: needs the extra: pip install 'convcli[cloud]'\n")


@pytest.mark.parametrize(
    ("url", "module", "advice"),
    [
        ("gs://bucket/x.png", "gcsfs", "gs:// needs a driver: pip install gcsfs\n"),
        ("az://box/x.png", "adlfs", "az:// needs a driver: pip install adlfs\n"),
        ("s3://bucket/x.png", "s3fs", "s3:// needs a driver: pip install 'convcli[cloud]'\n"),
        ("https://host/x.png", "aiohttp", "https:// needs a driver: pip install 'convcli[cloud]'\n"),
    ],
)
def test_a_missing_driver_is_named(
    convcli: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, module: str, advice: str
) -> None:
    monkeypatch.delitem(sys.modules, "fsspec.implementations.http", raising=False)  # it imports aiohttp
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(sys.modules["fsspec.registry"], "registry", {})  # of what was imported
    ran = convcli("apply", url, "--filter", "box", "-o", tmp_path / "x.png")
    assert_failed(ran, 1, f"{url}: {advice}")


def test_an_unknown_scheme(convcli: Runner, tmp_path: Path) -> None:
    ran = convcli("apply", "what://bucket/x.png", "--filter", "box", "-o", tmp_path / "x.png")
    assert_failed(
        ran, 1, "what://bucket/x.png: what:// is no scheme that fsspec knows, such as s3, gs, az, https"
    )


def test_a_password_of_a_store_is_refused_and_not_shown(convcli: Runner, tmp_path: Path) -> None:
    ran = convcli(
        "apply", "s3://key:secret@bucket/x.png", "--filter", "box", "-o", tmp_path / "x.png", "--json"
    )
    assert (ran.code, "secret" in ran.out + ran.err) == (1, False)
    assert ran.err.startswith("convcli: s3://***@bucket/x.png: has a password; give it to fsspec")


@pytest.mark.parametrize("url", ["s3://", "s3://box", "gs://box/"])
def test_a_bucket_is_a_folder(url: str) -> None:
    with pytest.raises(IsADirectoryError, match=r"^is a folder$"):
        open_object(url)


def test_any_error_of_a_driver_is_described(memory: Any) -> None:  # noqa: ARG001
    tries: list[int] = []

    def fail(files: Any, path: str) -> None:  # noqa: ARG001
        tries.append(len(tries))
        raise KeyError("https://host/x?secret\n of a driver")

    with pytest.raises(OSError, match=r"^'https://host/x\?\*\*\* of a driver'$"):
        attempt("memory://box/x", fail)
    assert len(tries) == 1


def test_memory_that_is_short_is_no_failure_of_the_store(memory: Any) -> None:  # noqa: ARG001
    def fail(files: Any, path: str) -> None:  # noqa: ARG001
        raise MemoryError

    with pytest.raises(MemoryError):
        attempt("memory://box/x", fail)


class EndpointConnectionError(Exception):
    """As that of botocore, which is no ConnectionError of Python."""


@pytest.mark.parametrize(
    ("error", "transient", "text"),
    [
        (TimeoutError(), True, "the server does not answer (tried 3 times)"),
        (ConnectionResetError(104, "reset"), True, "the connection fails (tried 3 times): reset"),
        (OSError(5, "I/O"), True, "the connection fails (tried 3 times): I/O"),
        (FileNotFoundError("s3://secret"), False, "there is no such object"),
        (
            PermissionError("Denied"),
            False,
            "access is denied: Denied; check the credentials, or ask for a new link",
        ),
        (ValueError(""), False, "ValueError"),
        (EndpointConnectionError("of botocore"), True, "the connection fails (tried 3 times): of botocore"),
    ],
)
def test_errors(error: Exception, transient: bool, text: str) -> None:
    assert (is_transient(error), str(described(error, 3))) == (transient, text)


# Processes ----------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_has_its_own_clients(memory: Any) -> None:
    put(memory, "x")
    assert open_object("memory://box/x").read() == b"x"
    thread = clients._clients._thread
    assert thread is not None
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 2 * (clients._clients._thread is not None) + 4 * (
                open_object("memory://box/x").read() != b"x"
            )
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert not thread.is_alive()  # it ended before the fork, whatever it held
    assert open_object("memory://box/x").read() == b"x"
