"""Outputs that must not be written, or cannot be; and inputs that are no files, or change meanwhile."""

import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hostile.run_convcli import Ended, Nursery, assert_done, assert_refused_with
from tests.support.command_line import contents

NOBODY = 65534
BOX = ("--filter", "identity")
EXISTS = "exists; use --force to overwrite it"
INPUT = "is an input, and inputs are never overwritten; choose another name"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="takes root to become somebody with fewer rights")


def pixels(seed: int, side: int = 12) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, (side, side)).astype(np.uint8)


def picture(name: str | Path, seed: int = 0, side: int = 12) -> bytes:
    Image.fromarray(pixels(seed, side)).save(name)
    return Path(name).read_bytes()


def assert_holds(name: str | Path, seed: int, side: int = 12) -> None:
    with Image.open(name) as image:
        assert np.array_equal(np.asarray(image), pixels(seed, side))


# What exists ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "target"),
    [(("-o", "old.png"), "old.png"), ((), "a-identity.png"), (("--out-dir", "out"), "out/a-identity.png")],
)
@pytest.mark.parametrize("kind", ["file", "empty", "link", "hard link"])
def test_an_output_that_exists_is_kept_and_replaced_by_force(
    hostile: Nursery, options: tuple[str, ...], target: str, kind: str
) -> None:
    picture("a.png")
    Path("out").mkdir()
    Path("precious").write_bytes(b"" if kind == "empty" else b"old")
    if kind == "link":
        Path(target).symlink_to(Path("precious").resolve())
    elif kind == "hard link":
        Path(target).hardlink_to("precious")
    else:
        Path("precious").rename(target)
    refused = hostile("apply", "a.png", *BOX, *options)
    assert (refused.code, refused.out, refused.message) == (1, b"", f"{target}: {EXISTS}")
    forced = hostile("apply", "a.png", *BOX, *options, "--force")
    assert (forced.code, forced.printed, forced.err) == (0, [target], b"")
    assert forced.changed == {"precious" if kind == "link" else target}
    assert_holds(target, 0)
    assert Path(target).is_symlink() == (kind == "link")
    if kind == "hard link":
        assert Path("precious").read_bytes() == b"old"


@pytest.mark.parametrize("force", [(), ("--force",)])
@pytest.mark.parametrize(
    "spelling",
    ["a.png", "./a.png", "sub/../a.png", "{}/a.png", "{}//./a.png", "link", "hard", "sub/up", "folder/a.png"],
)
def test_the_input_is_never_the_output(hostile: Nursery, spelling: str, force: tuple[str, ...]) -> None:
    picture("a.png")
    Path("sub").mkdir()
    Path("link").symlink_to("a.png")
    Path("hard").hardlink_to("a.png")
    Path("sub/up").symlink_to("../link")
    Path("folder").symlink_to(".")
    target = spelling.format(Path.cwd())
    for source, output in (("a.png", target), (target, "a.png")):
        ran = hostile("apply", source, *BOX, "-o", output, "--format", "png", *force)
        assert_refused_with(ran, 1, f"{output}: {INPUT}")


def test_the_input_in_another_case_is_not_overwritten(hostile: Nursery) -> None:
    """A file system that folds case cannot be had here: where names differ by case, both stay."""
    before = picture("a.png", 1)
    ran = hostile("apply", "a.png", *BOX, "-o", "A.PNG", "--force")
    if Path("A.png").exists():
        assert_refused_with(ran, 1, f"A.PNG: {INPUT}")
    else:
        assert_done(ran, "A.PNG")
        assert_holds("A.PNG", 1)
    assert Path("a.png").read_bytes() == before


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_output_of_a_batch_is_never_another_input(hostile: Nursery, jobs: str) -> None:
    picture("a.png")
    picture("a-identity.png", 1)
    ran = hostile("apply", "a.png", "a-identity.png", *BOX, "--force", "-j", jobs, changes=True)
    assert (ran.code, ran.printed) == (1, ["a-identity-identity.png"])
    assert ran.err.decode().splitlines() == [
        f"convcli: a-identity.png: {INPUT}",
        "convcli: 2 inputs: 1 done, 1 failed",
    ]
    assert ran.changed == {"a-identity-identity.png"}


def test_a_kernel_file_is_never_the_output(hostile: Nursery) -> None:
    picture("a.png")
    np.save("k.npy", np.ones((1, 1)))
    Path("hard.npy").hardlink_to("k.npy")
    for output in ("k.npy", "./hard.npy"):
        ran = hostile("apply", "a.png", "--kernel", "@k.npy", "-o", output, "--force")
        assert_refused_with(ran, 1, f"{output}: {INPUT}")


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("a.png", "b.png", "-o", "x.png"), "x.png"),
        (("a.png", "a.png"), "a-identity"),
        (("a.png", "./a.png", "--force"), "a-identity"),
        (("a.png", "sub/a.png"), "a-identity"),
        (("a.png", "sub/a.png", "--out-dir", "new"), "new/a-identity"),
        (("a.png", "a.jpg"), "a-identity"),
        (("a.png", *BOX), "a-identity"),
        (("a.png", "b.png", "--name", "one.png"), "--name 'one.png'"),
        (("la.png", "lb.png", "--force"), "{}/t.png"),
    ],
)
def test_two_results_for_one_output_are_wrong_usage(
    hostile: Nursery, arguments: tuple[str, ...], named: str
) -> None:
    Path("sub").mkdir()
    for name in ("a.png", "b.png", "la.png", "lb.png", "sub/a.png", "a.jpg"):
        picture(name)
    for name in ("la", "lb"):
        Path(f"{name}-identity.png").symlink_to("t.png")
    ran = hostile("apply", *arguments, *BOX)
    assert_refused_with(ran, 2, named.format(Path.cwd()))


# Folders and names ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "code", "start", "why"),
    [
        (("-o", "sub"), 2, "sub: ", "is a folder; use --out-dir to write into it"),
        (("-o", "sub.png", "--force"), 2, "sub.png: ", "is a folder; use --out-dir to write into it"),
        (("-o", "new/"), 2, "new/: ", "is a folder; use --out-dir to write into it"),
        (("-o", "link.png"), 2, "link.png: ", "is a folder; use --out-dir to write into it"),
        (("--out-dir", "taken"), 1, "taken/a-identity.png: ", "is a folder; give the name of a file in it"),
        (("-o", "missing/x.png"), 1, "missing/x.png: ", "there is no folder {}/missing"),
        (("-o", "a.png/x.png"), 1, "a.png/x.png: ", "there is no folder {}/a.png"),
        (("-o", "dangling/x.png"), 1, "dangling/x.png: ", "there is no folder"),
        (("-o", "loop.png"), 1, "loop.png: ", "too many levels of symbolic links"),
        (("-o", "loop.png/x.png"), 1, "loop.png/x.png: ", "too many levels of symbolic links"),
        (("-o", "x" * 252 + ".png"), 1, "x" * 252, "file name too long"),
        (("--out-dir", "a.png"), 1, "a.png: ", "is not a folder"),
        (("--out-dir", "a.png/x"), 1, "a.png/x: ", "not a directory"),
        (("--out-dir", "x" * 256), 1, "x" * 256, "file name too long"),
    ],
)
def test_no_place_for_an_output(
    hostile: Nursery, options: tuple[str, ...], code: int, start: str, why: str
) -> None:
    picture("a.png")
    for folder in ("sub", "sub.png", "taken/a-identity.png"):
        Path(folder).mkdir(parents=True)
    Path("link.png").symlink_to("sub")
    Path("dangling").symlink_to("nowhere")
    Path("loop.png").symlink_to("loop.png")
    ran = hostile("apply", "a.png", *BOX, *options)
    assert_refused_with(ran, code, start, why.format(Path.cwd()))


def test_folders_for_outputs_are_made(hostile: Nursery) -> None:
    picture("a.png", 3)
    ran = hostile("apply", "a.png", *BOX, "--out-dir", "new/deep", "--name", "{filter}/{stem}.{ext}")
    assert_done(ran, "new", "new/deep", "new/deep/identity", "new/deep/identity/a.png")
    assert_holds("new/deep/identity/a.png", 3)


def test_a_link_to_nothing_is_filled(hostile: Nursery) -> None:
    picture("a.png", 2)
    Path("sub").mkdir()
    Path("x.png").symlink_to("sub/made.png")
    assert_done(hostile("apply", "a.png", *BOX, "-o", "x.png"), "sub/made.png")
    assert Path("x.png").readlink() == Path("sub/made.png")
    assert_holds("sub/made.png", 2)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444, 0o666, 0o755])
def test_permissions_of_what_is_replaced_stay(hostile: Nursery, mode: int) -> None:
    picture("a.png", 1)
    Path("old.png").write_bytes(b"old")
    Path("old.png").chmod(mode)
    Path("link.png").symlink_to("old.png")
    for name, seed in (("old.png", 1), ("link.png", 4)):
        picture("a.png", seed)
        assert_done(hostile("apply", "a.png", *BOX, "-o", name, "--force"), "old.png")
        assert_holds("old.png", seed)
        assert stat.S_IMODE(Path("old.png").stat().st_mode) == mode
    assert Path("link.png").is_symlink()


@as_root
def test_the_owner_of_what_is_replaced_stays(hostile: Nursery) -> None:
    picture("a.png", 1)
    Path("old.png").write_bytes(b"old")
    os.chown("old.png", NOBODY, NOBODY)
    assert_done(hostile("apply", "a.png", *BOX, "-o", "old.png", "--force"), "old.png")
    assert_holds("old.png", 1)
    assert (Path("old.png").stat().st_uid, Path("old.png").stat().st_gid) == (NOBODY, NOBODY)


# Rights ---------------------------------------------------------------------------------------------------

# Arrays, not pictures: somebody with fewer rights may not be allowed to read where Pillow is installed.
LOCKED = "no permission to write in the folder"
DENIED = "permission denied"


@pytest.fixture
def open_to_all() -> Iterator[Path]:
    """Make a folder that anybody can reach and write to, and one in it that can be locked."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o777)
    locked = folder / "locked"
    (locked / "sub").mkdir(parents=True)
    for name in ("a.npy", "locked/in.npy", "locked/sub/in.npy"):
        np.save(folder / name, pixels(0))
    (locked / "list").write_bytes(b"a.npy\0")
    (locked / "k.csv").write_text("1\n")
    (locked / "old.npy").write_bytes(b"old")
    yield folder
    locked.chmod(0o777)
    shutil.rmtree(folder)


@as_root
@pytest.mark.parametrize(
    ("mode", "arguments", "code", "start", "why"),
    [
        (0o555, ("a.npy", *BOX, "-o", "locked/x.npy"), 1, "locked/x.npy: ", LOCKED),
        (0o555, ("a.npy", *BOX, "-o", "locked/old.npy", "--force"), 1, "locked/old.npy: ", LOCKED),
        (0o555, ("a.npy", *BOX, "--out-dir", "locked"), 1, "locked/a-identity.npy: ", LOCKED),
        (0o555, ("a.npy", *BOX, "--out-dir", "locked/new"), 1, "locked/new: ", DENIED),
        (0o666, ("a.npy", *BOX, "-o", "locked/x.npy"), 1, "locked/x.npy: ", "permission"),
        (0o666, ("a.npy", *BOX, "-o", "locked/old.npy", "--force"), 1, "locked/old.npy: ", "permission"),
        (0o666, ("a.npy", *BOX, "--out-dir", "locked"), 1, "locked/a-identity.npy: ", "permission"),
        (0o666, ("locked/in.npy", *BOX), 1, "locked/in.npy: ", DENIED),
        (0o666, ("locked/in.npy", *BOX, "-o", "x.npy"), 1, "locked/in.npy: ", DENIED),
        (0o666, ("--recursive", "locked/sub", *BOX, "--out-dir", "x"), 1, "locked/sub: ", DENIED),
        (0o666, ("--files0-from", "locked/list", *BOX), 1, "locked/list: ", DENIED),
        (0o666, ("a.npy", "--kernel", "@locked/k.csv"), 2, "locked/k.csv: ", DENIED),
        (0o311, ("--recursive", "locked", *BOX, "--out-dir", "x"), 1, "locked: ", DENIED),
    ],
)
def test_a_folder_without_a_right(
    hostile: Nursery,
    open_to_all: Path,
    mode: int,
    arguments: tuple[str, ...],
    code: int,
    start: str,
    why: str,
) -> None:
    (open_to_all / "locked").chmod(mode)
    ran = hostile("apply", *arguments, folder=open_to_all, user=NOBODY)
    assert_refused_with(ran, code, start, why)


@as_root
def test_a_folder_in_a_tree_that_cannot_be_read_is_said(hostile: Nursery, open_to_all: Path) -> None:
    (open_to_all / "locked").chmod(0)
    arguments = ("apply", "--recursive", ".", *BOX, "--out-dir", "x")
    ran = hostile(*arguments, folder=open_to_all, user=NOBODY, changes=True)
    assert ran.code == 1
    assert f"locked: {DENIED}" in ran.err.decode()


@as_root
def test_files_without_a_right(hostile: Nursery, open_to_all: Path) -> None:
    source, old = open_to_all / "a.npy", open_to_all / "old.npy"
    source.chmod(0)
    assert_refused_with(
        hostile("apply", "a.npy", *BOX, folder=open_to_all, user=NOBODY), 1, f"a.npy: {DENIED}"
    )
    source.chmod(0o444)
    old.write_bytes(b"old")
    old.chmod(0o444)  # of the superuser: the right on the folder is what counts
    ran = hostile("apply", "a.npy", *BOX, "-o", "old.npy", "--force", folder=open_to_all, user=NOBODY)
    assert_done(ran, "old.npy")
    assert np.array_equal(np.load(old), pixels(0))
    assert stat.S_IMODE(old.stat().st_mode) == 0o444


# Full disks -----------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of 64 kB, with an old file on it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"no file system can be mounted: {mounted.stderr.decode().strip()}")
    try:
        (disk / "old.png").write_bytes(b"old")
        yield disk
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.thorough(every=3)
@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("extension", ["png", "npy", "csv", "tiff", "bmp", "webp"])
def test_a_full_disk_keeps_the_old_file(hostile: Nursery, extension: str) -> None:
    picture("a.png", side=300)
    old = Path(f"disk/old.{extension}")
    old.write_bytes(b"old")
    for output, force in ((old, ("--force",)), (old.with_stem("new"), ())):
        ran = hostile("apply", "a.png", *BOX, "-o", output, *force)
        assert_refused_with(ran, 1, f"{output}: no space left on device")
    assert_done(hostile("apply", "a.png", *BOX, "--stride", "25", "-o", old, "--force"), str(old))


@pytest.mark.usefixtures("small_disk")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_disk_that_fills_up_in_a_batch(hostile: Nursery, jobs: str) -> None:
    names = [f"{number}.png" for number in range(6)]
    for number, name in enumerate(names):
        picture(name, number, side=150)  # 22 kB: two fit
    ran = hostile("apply", *names, *BOX, "--out-dir", "disk", "-j", jobs, changes=True)
    lines = ran.err.decode().splitlines()
    made = [path for path in Path("disk").iterdir() if path.name != "old.png"]
    assert (ran.code, lines[-1]) == (1, f"convcli: 6 inputs: {len(made)} done, {6 - len(made)} failed")
    assert all(line.endswith("-identity.png: no space left on device") for line in lines[:-1])
    assert sorted(ran.printed) == sorted(map(str, made))
    assert 1 <= len(made) <= 2
    for path in made:
        assert_holds(path, int(path.name[0]), side=150)


def limited(hostile: Nursery, size: int, *arguments: str | Path) -> tuple[int, str]:
    """Run with a limit of file size; the messages go to a pipe, which has none."""
    reader, writer = os.pipe()
    with open(reader, "rb") as pipe:  # noqa: PTH123 -- a descriptor
        with open(writer, "wb") as stderr, Path(os.devnull).open("wb") as stdout:  # noqa: PTH123 -- a descriptor
            ran = hostile(*arguments, limits={"RLIMIT_FSIZE": size}, stderr=stderr, stdout=stdout)
        return ran.code, pipe.read().decode()


@pytest.mark.thorough(every=2)
@pytest.mark.parametrize("extension", ["png", "npy", "csv", "tiff"])
def test_a_limit_of_file_size_at_each_place(hostile: Nursery, extension: str) -> None:
    picture("a.png", side=120)
    assert hostile("apply", "a.png", *BOX, "-o", f"whole.{extension}").code == 0
    whole = Path(f"whole.{extension}").read_bytes()
    old = Path(f"old.{extension}")
    old.write_bytes(b"old")
    for size in (0, 1, 4095, 4096, 8192, len(whole) // 2, len(whole) - 1):
        for output, force in ((str(old), ("--force",)), (f"new.{extension}", ())):
            ran = limited(hostile, size, "apply", "a.png", *BOX, "-o", output, *force)
            assert ran == (1, f"convcli: {output}: file too large\n")
    assert old.read_bytes() == b"old"
    assert limited(hostile, len(whole), "apply", "a.png", *BOX, "-o", old, "--force") == (0, "")
    assert old.read_bytes() == whole


def test_a_limit_of_file_size_on_standard_output(hostile: Nursery) -> None:
    picture("a.png", side=120)
    with Path("out").open("wb") as out:
        arguments = ("apply", "a.png", *BOX, "-o", "-")
        ran = hostile(*arguments, stdout=out, limits={"RLIMIT_FSIZE": 5000}, changes=True)
    assert (ran.code, ran.message) == (1, "standard output: file too large")


# What is no file ------------------------------------------------------------------------------------------


@pytest.fixture
def oddities(in_folder: Path) -> Iterator[Path]:
    """Make what stands among files and is none."""
    (in_folder / "folder.png").mkdir()
    os.mkfifo(in_folder / "pipe.png")
    (in_folder / "zero.png").symlink_to("/dev/zero")
    (in_folder / "null.png").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("socket.png")
        yield in_folder


@pytest.mark.usefixtures("oddities")
@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("folder.png", "is a folder; name the images in it or use --recursive"),
        ("zero.png", "is a device or a socket, not a file"),
        ("/dev/zero", "is a device or a socket, not a file"),
        ("null.png", "is a device or a socket, not a file"),
        ("socket.png", "is a device or a socket, not a file"),
        ("missing.png", "no such file or directory"),
        ("folder.png/x.png", "no such file or directory"),
    ],
)
@pytest.mark.parametrize("command", [("apply", *BOX), ("pool",)])
def test_what_is_no_file_is_refused_at_once(
    hostile: Nursery, command: tuple[str, ...], name: str, why: str
) -> None:
    assert_refused_with(hostile(*command, name, "-o", "x.png"), 1, f"{name}: {why}")


@pytest.mark.usefixtures("oddities")
@pytest.mark.parametrize(
    ("arguments", "start"),
    [
        (("--kernel", "@zero.npy"), "zero.npy: "),
        (("--kernel", "@socket.npy"), "socket.npy: "),
        (("--kernel", "@folder.npy"), "folder.npy: "),
        ((*BOX, "--files0-from", "folder.npy"), "folder.npy: "),
        ((*BOX, "--files0-from", "socket.npy"), "socket.npy: "),
    ],
)
def test_kernels_and_lists_that_are_no_files_are_refused(
    hostile: Nursery, arguments: tuple[str, ...], start: str
) -> None:
    for name in ("zero", "socket", "folder"):
        Path(f"{name}.npy").symlink_to(f"{name}.png")
    picture("a.png")
    images = () if "--files0-from" in arguments else ("a.png",)
    ran = hostile("apply", *images, *arguments, "-o", "x.png")
    assert ran.code in (1, 2)
    assert_refused_with(ran, ran.code, start)


@pytest.mark.thorough
@pytest.mark.usefixtures("oddities")
def test_a_pipe_that_nobody_writes_to_is_refused(hostile: Nursery) -> None:
    ran = hostile("apply", "pipe.png", *BOX)
    assert_refused_with(ran, 1, "pipe.png: is a pipe that no process writes to")


def meanwhile(work: Callable[[], Ended], act: Callable[[], None]) -> Ended:
    """Do something while a run waits for it, and return how the run ended."""
    ended: list[Ended] = []
    thread = threading.Thread(target=lambda: ended.append(work()))
    thread.start()
    act()
    thread.join(60)
    assert ended, "it failed, as is said above, or waits for ever"
    return ended[0]


@pytest.mark.usefixtures("oddities")
def test_a_pipe_is_read_and_another_written(hostile: Nursery) -> None:
    content = picture("a.png", 5)
    os.mkfifo("out.png")
    received: list[bytes] = []

    def act() -> None:
        Path("pipe.png").write_bytes(content)
        received.append(Path("out.png").read_bytes())

    ran = meanwhile(lambda: hostile("apply", "pipe.png", *BOX, "-o", "out.png"), act)
    assert_done(ran)
    Path("copy.png").write_bytes(received[0])
    assert_holds("copy.png", 5)
    assert Path("out.png").is_fifo()


@pytest.mark.usefixtures("oddities")
def test_devices_and_sockets_as_outputs(hostile: Nursery) -> None:
    picture("a.png")
    for name in ("null.png", "zero.png"):
        ran = hostile("apply", "a.png", *BOX, "-o", name)
        assert (ran.code, ran.printed, ran.err) == (0, [name], b"")
    full = hostile("apply", "a.png", *BOX, "-o", "/dev/full", "--format", "png")
    assert_refused_with(full, 1, "/dev/full: no space left on device")
    refused = hostile("apply", "a.png", *BOX, "-o", "socket.png", "--force")
    assert_refused_with(refused, 1, "socket.png: no such device or address")
    assert Path("socket.png").is_socket()
    assert Path("null.png").is_symlink()


# What changes meanwhile -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("oddities")
def test_inputs_and_outputs_that_change_while_a_batch_runs(hostile: Nursery) -> None:
    """The first input is a pipe: the batch waits for it, and the others change."""
    content = picture("a.png", 5)
    names = ["gone.png", "text.png", "other.png", "folder-now.png", "taken.png", "good.png"]
    for name in names:
        picture(name)

    def act() -> None:
        with Path("pipe.png").open("wb") as pipe:  # from here on the batch waits
            Path("taken-identity.png").write_bytes(b"theirs")
            Path("gone.png").unlink()
            Path("text.png").write_text("no picture")
            Path("new").write_bytes(content)
            Path("new").rename("other.png")
            Path("folder-now.png").unlink()
            Path("folder-now.png").mkdir()
            pipe.write(content)

    ran = meanwhile(lambda: hostile("apply", "pipe.png", *names, *BOX, "-j", "1", changes=True), act)
    assert ran.code == 1
    assert ran.printed == [f"{stem}-identity.png" for stem in ("pipe", "other", "good")]
    lines = ran.err.decode().splitlines()
    assert lines == [
        "convcli: gone.png: no such file or directory",
        lines[1],
        "convcli: folder-now.png: is a folder; name the images in it or use --recursive",
        f"convcli: taken-identity.png: {EXISTS}",
        "convcli: 7 inputs: 3 done, 4 failed",
    ]
    assert lines[1].startswith("convcli: text.png: is not an image")
    assert_holds("pipe-identity.png", 5)
    assert_holds("other-identity.png", 5)
    assert_holds("good-identity.png", 0)
    assert Path("taken-identity.png").read_bytes() == b"theirs"


@pytest.mark.usefixtures("oddities")
def test_an_input_that_is_replaced_meanwhile_is_still_no_output(hostile: Nursery) -> None:
    content = picture("a.png", 5)
    picture("a-identity.png", 6)

    def act() -> None:
        with Path("pipe.png").open("wb") as pipe:
            picture("new.png", 7)
            Path("new.png").rename("a-identity.png")
            pipe.write(content)

    arguments = ("apply", "pipe.png", "a.png", "a-identity.png", *BOX, "--force", "-j", "1")
    ran = meanwhile(lambda: hostile(*arguments, changes=True), act)
    assert_holds("a-identity.png", 7)
    assert ran.code == 1
    assert f"convcli: a-identity.png: {INPUT}" in ran.err.decode().splitlines()


@pytest.mark.usefixtures("oddities")
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_an_output_that_changes_while_its_input_is_read(hostile: Nursery, force: tuple[str, ...]) -> None:
    content = picture("a.png", 5)

    def act() -> None:
        with Path("pipe.png").open("wb") as pipe:
            Path("x.png").mkdir()
            pipe.write(content)

    ran = meanwhile(lambda: hostile("apply", "pipe.png", *BOX, "-o", "x.png", *force, changes=True), act)
    assert_refused_with(ran, 1, "x.png: is a folder")
    assert list(Path("x.png").iterdir()) == []


@pytest.mark.usefixtures("oddities")
def test_a_folder_for_outputs_that_goes_while_a_batch_runs(hostile: Nursery) -> None:
    content = picture("a.png", 5)

    def act() -> None:
        with Path("pipe.png").open("wb") as pipe:
            Path("out").rmdir()
            pipe.write(content)

    arguments = ("apply", "pipe.png", "a.png", *BOX, "--out-dir", "out", "-j", "1")
    ran = meanwhile(lambda: hostile(*arguments, changes=True), act)
    assert (ran.code, ran.out) == (1, b"")
    for line, name in zip(ran.err.decode().splitlines()[:2], ("pipe", "a"), strict=True):
        assert line.startswith(f"convcli: out/{name}-identity.png: there is no folder ")
    assert not Path("out").exists()


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_processes_with_one_target_leave_one_whole_file(in_folder: Path, force: tuple[str, ...]) -> None:
    for seed in range(4):
        picture(f"{seed}.png", seed, side=200)
    command = [sys.executable, "-m", "convcli", "apply"]
    for attempt in range(2):
        running = [
            subprocess.Popen(
                [*command, f"{seed}.png", *BOX, "-o", f"x{attempt}.png", *force],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for seed in range(4)
        ]
        said = [process.communicate(timeout=60) for process in running]
        codes = [process.returncode for process in running]
        target = f"x{attempt}.png"
        with Image.open(target) as image:
            holders = [seed for seed in range(4) if np.array_equal(np.asarray(image), pixels(seed, 200))]
        assert len(holders) == 1
        if force:
            assert codes == [0] * 4
        else:
            assert sorted(codes) == [0, 1, 1, 1]
            assert codes[holders[0]] == 0
        for code, (out, err) in zip(codes, said, strict=True):
            told = (
                (f"{target}\n".encode(), b"")
                if code == 0
                else (b"", f"convcli: {target}: {EXISTS}\n".encode())
            )
            assert (out, err) == told
    assert not list(in_folder.glob(".convcli-*"))


# Descriptors ----------------------------------------------------------------------------------------------

FORMATS = ["png", "jpg", "tif", "webp", "bmp", "gif", "ppm", "avif", "npy", "csv"]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_no_descriptor_is_left_open_by_pictures_good_and_bad(hostile: Nursery, jobs: str) -> None:
    """With a limit of 24 descriptors a batch of 120 would fail if any were left by one."""
    image = Image.fromarray(pixels(0))
    good, bad = [], []
    for place in range(60):
        extension = FORMATS[place % len(FORMATS)]
        name = f"{place}.{extension}"
        if extension == "npy":
            np.save(name, pixels(0))
        elif extension == "csv":
            Path(name).write_text("1,2\n3,4\n")
        else:
            image.save(name, **({"compression": "tiff_lzw"} if extension == "tif" else {}))
        content = Path(name).read_bytes()
        Path(f"bad{place}.{extension}").write_bytes(b"\0" + content[: len(content) // 2])
        good.append(name)
        bad.append(f"bad{place}.{extension}")
    arguments = ("apply", *good, *bad, *BOX, "--out-dir", "out", "-j", jobs)
    ran = hostile(*arguments, limits={"RLIMIT_NOFILE": 24}, changes=True)
    lines = ran.err.decode().splitlines()
    assert (ran.code, lines[-1]) == (1, "convcli: 120 inputs: 60 done, 60 failed")
    assert sorted(line.split(": ")[1] for line in lines[:-1]) == sorted(bad)
    assert not any("too many open files" in line for line in lines)
    assert len(contents(Path("out"))) == 60
