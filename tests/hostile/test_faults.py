"""System calls fail one after another, or are the last of a process; memory runs out at every point.

What is there afterwards is the old or the new, and whole; what is said is one line. strace makes the faults: it
is attached before the run begins, so that the number of a call is the same in every run. Everything has been
loaded by then, but for the one test of a process that starts. The quick run takes every twentieth fault.
"""

import os
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile, PngImagePlugin, UnidentifiedImageError

from tests.hostile.run_convcli import CONVCLI, PATHS, Ended, Nursery, changed
from tests.support.command_line import Runner, contents
from tests.support.sampling import SAMPLE_AND_REST, sample_or_rest

PIXELS = {name: np.random.default_rng(ord(name)).integers(0, 256, (20, 30), np.uint8) for name in "abcd"}


@dataclass(frozen=True)
class Traced(Ended):
    """How a traced run ended; of its calls those that were asked for, as strace writes them."""

    calls: list[str]

    @property
    def hit(self) -> str:
        """The calls that were made to fail, in each process the same one; empty if none was."""
        return "; ".join(line for line in self.calls if "(INJECTED)" in line)

    @property
    def killed(self) -> int:
        return sum("+++ killed by SIGKILL" in line for line in self.calls)

    def most(self) -> Counter[str]:
        """Return how often each call was made by the process that made it most often."""
        made = Counter(re.findall(r"^(\d+ +\w+)\(", "\n".join(self.calls), re.MULTILINE))
        most: Counter[str] = Counter()
        for process_and_call, times in made.items():
            call = process_and_call.split()[1]
            most[call] = max(most[call], times)
        return most


def traced(nursery: Nursery, arguments: Sequence[str], folder: Path, *options: str, **how: Any) -> Traced:
    """Run a command line in a folder under strace; nothing is checked but that it ends in time."""
    with tempfile.NamedTemporaryFile() as file:
        ended = nursery.run(*arguments, folder=folder, tracer=["-y", "-o", file.name, *options], **how)
        calls = file.read().decode("utf-8", "replace").splitlines()
    return Traced(**vars(ended), calls=calls)


# Scenarios ------------------------------------------------------------------------------------------------

APPLY = ("apply", "a.png", "--filter", "identity")
SCENARIOS: dict[str, tuple[str, ...]] = {
    "new": (*APPLY, "-o", "new.png"),
    "replaced": (*APPLY, "-o", "old.png", "--force"),
    "link": (*APPLY, "-o", "link.png", "--force"),
    "stream": (*APPLY, "-o", "-"),
    "batch": ("apply", "a.png", "b.png", "c.png", "d.png", *APPLY[2:], "--out-dir", "out", "-j", "2"),
}
MADE = {
    "new": {"new.png": "a"},
    "replaced": {"old.png": "a"},
    "link": {"named.png": "a"},
    "stream": {},
    "batch": {f"out/{name}-identity.png": name for name in "abcd"},
}
WITH_ALL = ["-e", "trace=all"]


@dataclass(frozen=True)
class Clean:
    """What a run without faults makes, from what."""

    name: str
    template: Path
    before: dict[str, object]
    after: dict[str, object]
    trace: Traced


@pytest.fixture(scope="module")
def cleans(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Clean]:
    """Run every scenario without a fault, and check what it makes against numpy's pixels."""
    template = tmp_path_factory.mktemp("template")
    for name, pixels in PIXELS.items():
        Image.fromarray(pixels).save(template / f"{name}.png")
    for name in ("old.png", "named.png"):
        (template / name).write_bytes(b"precious")
        (template / name).chmod(0o640)
    (template / "link.png").symlink_to("named.png")
    found = {}
    for name, arguments in SCENARIOS.items():
        folder = copied(template)
        trace = traced(nursery, arguments, folder, *WITH_ALL)
        assert (trace.code, trace.err) == (0, b""), trace
        for made, source in MADE[name].items():
            with Image.open(folder / made) as image:
                assert np.array_equal(np.asarray(image), PIXELS[source])
        found[name] = Clean(name, template, contents(template), contents(folder), trace)
    return found


def copied(template: Path) -> Path:
    folder = Path(tempfile.mkdtemp(dir=template.parent))
    shutil.copytree(template, folder, symlinks=True, dirs_exist_ok=True)
    return folder


# A call that fails ----------------------------------------------------------------------------------------

OPENED = "EIO EMFILE ENOMEM EACCES EINTR"
CALLS: dict[str, tuple[tuple[str, ...], str]] = {
    "open": (("open", "openat"), OPENED),
    "read": (("read",), "EIO EINTR"),
    "write": (("write",), "ENOSPC EDQUOT EIO EINTR"),
    "fsync": (("fsync",), "EIO ENOSPC EDQUOT EINTR"),
    "link": (("link", "linkat"), "EIO ENOSPC EPERM EMLINK EINTR"),
    "rename": (("rename", "renameat", "renameat2"), "EIO ENOSPC EACCES EINTR"),
    "unlink": (("unlink", "unlinkat"), "EIO EACCES EINTR"),
    "fchmod": (("fchmod",), "EPERM EIO EINTR"),
    "stat": (("newfstatat", "fstat", "stat", "lstat", "statx"), "EIO ENOMEM EACCES"),
    "readlink": (("readlink", "readlinkat"), "EIO EACCES"),
    "folder": (("getcwd", "access", "faccessat2"), "EIO ENOMEM"),
    "close": (("close",), "EIO ENOSPC"),
    "mkdir": (("mkdir", "mkdirat"), "EACCES ENOSPC EDQUOT"),
    "process": (("clone", "clone3", "fork", "socketpair"), "EAGAIN ENOMEM EMFILE"),
    "wait": (("poll", "wait4"), "EINTR ENOMEM"),
}
OF_FILES = ["open", "read", "write", "fsync", "unlink", "stat", "folder", "close"]
FAULTS = {
    "new": [*OF_FILES, "link"],
    "replaced": [*OF_FILES, "rename", "fchmod"],
    "link": [*OF_FILES, "rename", "fchmod", "readlink"],
    "stream": ["open", "read", "write", "stat", "close"],
    "batch": [*(set(OF_FILES) - {"close"}), "link", "mkdir", "process", "wait"],
}
INTERRUPTED = {"open", "read", "write", "fsync", "fchmod", "wait"}  # what a signal can interrupt, of a disk


@pytest.mark.thorough(every=3)
@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in FAULTS for kind in sorted(FAULTS[name])])
@pytest.mark.parametrize("part", SAMPLE_AND_REST)
def test_a_call_that_fails_is_said_and_nothing_is_half_done(
    nursery: Nursery, cleans: dict[str, Clean], name: str, kind: str, part: str
) -> None:
    clean = cleans[name]
    calls, errors = CALLS[kind]
    most = clean.trace.most()
    faults = [
        (call, error, time)
        for call in calls
        for error in errors.split()
        for time in range(2 if call == "wait4" else 1, most[call] + 1)  # the first wait4 is the helper's
    ]
    problems, hits, lates = [], 0, 0
    some = sample_or_rest(faults, part)
    for call, error, time in some:
        if lates == 2:  # enough to know
            break
        folder = copied(clean.template)
        inject = f"inject={call}:error={error}:when={time}"
        try:
            trace = traced(nursery, SCENARIOS[name], folder, "-e", f"trace={call}", "-e", inject)
        except AssertionError as late:
            problems.append(str(late))
            lates += 1
            continue
        hits += bool(trace.hit)
        why = wrong(clean, trace, contents(folder), kind, error)
        if why:
            problems.append(f"{why}: {error} of call {time}, {trace.hit}\n    {trace.err.decode()!r}")
        shutil.rmtree(folder)
    assert not problems, f"{len(problems)} of {hits}:\n" + "\n".join(problems)
    assert hits or not some


def wrong(clean: Clean, trace: Traced, after: dict[str, object], kind: str, error: str) -> str:
    """Return what is wrong with a run in which a call failed; nothing if all is right."""
    # Where another process was traced meanwhile, strace does not say again to what a call wrote.
    of_stdout = re.search(r"\bwrite\(1<|write resumed", trace.hit) is not None
    temporaries = [name for name in after if ".convcli-" in name]
    files = {file: content for file, content in after.items() if file not in temporaries}
    if temporaries and kind != "unlink":  # what cannot be removed stays
        return f"left {temporaries}"
    if trace.code == 0:
        whole = files == clean.after and trace.err == b"" and sorted(trace.out) == sorted(clean.trace.out)
        return "" if whole else f"done, but not what was to be done: {trace.out!r}"
    if error == "EINTR" and kind in INTERRUPTED:
        return "an interrupted call was not made again"
    return wrong_failure(clean, trace, files, of_stdout=of_stdout)


def wrong_failure(clean: Clean, trace: Traced, files: dict[str, object], *, of_stdout: bool) -> str:
    lines = trace.err.decode().splitlines()
    if trace.code != 1:
        return f"ended with {trace.code}"
    if b"Traceback" in trace.err or not lines or not all(line.startswith("convcli: ") for line in lines):
        return "not the one line"
    if b"convcli: standard output: " in trace.err and not of_stdout:
        return "standard output is blamed"
    if clean.name == "batch":
        return wrong_batch(clean, trace, files, of_stdout=of_stdout)
    if len(lines) != 1 or trace.out:
        return f"said {len(lines)} lines, printed {trace.out!r}"
    if files != clean.before and not (of_stdout and files == clean.after):
        return f"failed, and changed {sorted(changed(clean.before, files))}"
    return ""


def wrong_batch(clean: Clean, trace: Traced, files: dict[str, object], *, of_stdout: bool = False) -> str:
    """Return what is wrong with the files of a batch that failed: each is there and whole, or is not there."""
    half = [name for name in files if files[name] != clean.after[name]]
    lost = [name for name in clean.before if name not in files]
    made = sorted(name for name in files if name in MADE["batch"])
    printed = sorted(trace.out.decode().splitlines())
    if half or lost:
        return f"half done: {half}, lost: {lost}"
    silent = of_stdout or trace.code == -signal.SIGKILL or b": its process was ended by " in trace.err
    silent = silent or b"convcli: system: " in trace.err  # which ended the batch, not a picture
    if not set(printed) <= set(made) or (printed != made and not silent):
        return f"printed {printed} and made {made}"
    return ""


# A process that is killed ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("name", SCENARIOS)
@pytest.mark.parametrize("part", SAMPLE_AND_REST)
def test_a_process_that_is_killed_at_any_call_leaves_old_or_new(
    nursery: Nursery, cleans: dict[str, Clean], name: str, part: str
) -> None:
    clean = cleans[name]
    problems, kills = [], 0
    places = [
        (call, time)
        for call, most in clean.trace.most().items()
        for time in range(1 + (call == "wait4"), most + 1)  # of the main process, and of each that it starts
    ]
    some = sample_or_rest(places, part)
    if name == "batch" and part == "rest":
        some = some[::4]  # its processes do alike what the other scenarios do, and each run takes its time
    for call, time in some:
        folder = copied(clean.template)
        options = "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={time}"
        trace = traced(nursery, SCENARIOS[name], folder, *options)
        kills += trace.killed
        why = wrong_after_a_kill(clean, trace, contents(folder)) or wrong_again(nursery, clean, folder)
        if why:
            problems.append(f"{why}: at {call} {time}, {trace.code} {trace.err!r}, {trace.calls[-3:]}")
        shutil.rmtree(folder)
    assert kills >= len(some) // 2  # of a batch the processes change places
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems)


def wrong_after_a_kill(clean: Clean, trace: Traced, after: dict[str, object]) -> str:
    temporaries = [name for name in after if ".convcli-" in name]
    files = {name: content for name, content in after.items() if name not in temporaries}
    if not trace.killed:
        return "" if trace.code == 0 and after == clean.after else f"not killed, and {trace.code}"
    if len(temporaries) > trace.killed:
        return f"left {temporaries} after {trace.killed} kills"
    if clean.name == "batch":
        # One that is killed when all is done, or before it was given anything, loses nothing.
        nothing_lost = trace.code == 0 and files == clean.after
        said = trace.code == 1 and b"ended by signal 9" in trace.err
        if not (nothing_lost or said or trace.code == -signal.SIGKILL):
            return "a process that is lost was not said"
        return wrong_batch(clean, trace, files)
    if trace.code != -signal.SIGKILL or trace.err:
        return "not killed"
    if files not in (clean.before, clean.after):
        return f"neither old nor new: {sorted(changed(clean.before, files))}"
    return "" if trace.out in (b"", clean.trace.out) else f"printed {trace.out!r}"


def wrong_again(nursery: Nursery, clean: Clean, folder: Path) -> str:
    """Return what is wrong with a new run where a process was killed."""
    again = nursery.run(*SCENARIOS[clean.name], "--force", folder=folder)
    files = {name: content for name, content in contents(folder).items() if ".convcli-" not in name}
    if (again.code, again.out, again.err) != (0, clean.trace.out, b"") or files != clean.after:
        return f"the next run: {again}, {sorted(changed(clean.after, files))}"
    return ""


# No memory ------------------------------------------------------------------------------------------------

SIDE = 1500
LARGE: dict[str, tuple[str, ...]] = {
    "apply": ("apply", "large.png", "--filter", "sobel-x", "--padding", "valid", "-o", "made.png"),
    "bank": ("apply", "large.png", "--kernel", "@bank.npy", "--padding", "valid", "-o", "made.npy"),
    "pool": ("pool", "large.png", "--f", "2", "-o", "made.png"),
}
MORE = [int(2 ** (16 + step / 3)) for step in range(37)]  # bytes: 64 kB to 268 MB
ENOUGH = MORE[-1]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    pixels = np.random.default_rng(3).integers(0, 64, (SIDE, SIDE), np.uint8)  # edges do not saturate
    Image.fromarray(pixels).save(folder / "large.png")
    np.save(folder / "large.npy", pixels)
    np.save(folder / "bank.npy", np.random.default_rng(4).integers(-9, 9, (3, 3, 1, 4)))
    return folder


def slides(pixels: np.ndarray[Any, Any], taps: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    rows, columns = pixels.shape[0] - 2, pixels.shape[1] - 2
    cells = [(row, column) for row in range(3) for column in range(3)]
    parts = (taps[cell] * pixels[cell[0] :, cell[1] :][:rows, :columns].astype(np.int64) for cell in cells)
    return np.asarray(sum(parts))


def expected(name: str, pixels: np.ndarray[Any, Any], folder: Path) -> np.ndarray[Any, Any]:
    if name == "pool":
        return np.asarray(pixels.reshape(SIDE // 2, 2, SIDE // 2, 2).max((1, 3)))
    if name == "apply":
        sobel = np.array([[1, 0, -1], [2, 0, -2], [1, 0, -1]])
        return np.asarray(abs(slides(pixels, sobel)))
    bank = np.load(folder / "bank.npy")
    return np.stack([slides(pixels, bank[:, :, 0, number]) for number in range(4)], axis=2)


def read(file: Path) -> np.ndarray[Any, Any]:
    if file.suffix == ".npy":
        return np.asarray(np.load(file))
    with Image.open(file) as image:
        return np.asarray(image)


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("part", SAMPLE_AND_REST)
def test_memory_that_runs_out_anywhere_is_said(nursery: Nursery, large: Path, name: str, part: str) -> None:
    pages = int(Path(f"/proc/{nursery.process.pid}/statm").read_text("ascii").split()[0])
    taken = pages * os.sysconf("SC_PAGE_SIZE")
    right = expected(name, np.load(large / "large.npy"), large)
    made = large / LARGE[name][-1]
    problems, codes = [], []
    some = sample_or_rest(MORE, part, step=6)  # the least and the most are in the sample
    for more in some:
        made.unlink(missing_ok=True)
        ended = nursery.run(*LARGE[name], folder=large, limits={"RLIMIT_AS": taken + more})
        codes.append(ended.code)
        why = wrong_for_memory(ended, made, right)
        if why:
            problems.append(f"{more} bytes more: {why}; {ended.code} {ended.err.decode()[-400:]!r}")
    made.unlink(missing_ok=True)
    assert not problems, f"{len(problems)} of {len(some)}:\n" + "\n".join(problems)
    assert codes[0] == 1, codes
    assert codes[-1] == 0 or part == "rest", codes


def wrong_for_memory(ended: Ended, made: Path, right: np.ndarray[Any, Any]) -> str:
    left = [path.name for path in made.parent.iterdir() if ".convcli-" in path.name]
    if left:
        return f"left {left}"
    if ended.code == 0:
        whole = (ended.out, ended.err) == (f"{made.name}\n".encode(), b"") and np.array_equal(
            read(made), right
        )
        return "" if whole else "done, but not what was to be done"
    said = ended.err.decode()
    one_line = said.startswith("convcli: ") and said.index("\n") == len(said) - 1
    if ended.code != 1 or not one_line or made.exists() or ended.out:
        return "neither done nor refused"
    return "" if "memory" in said else "not told that it is memory"


ALLOCATIONS = {"mmap": "error=ENOMEM", "mremap": "error=ENOMEM", "brk": "retval=0", "clone3": "error=EAGAIN"}


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.parametrize("part", SAMPLE_AND_REST)
def test_an_allocation_that_fails_is_said(nursery: Nursery, large: Path, name: str, part: str) -> None:
    """Threads share the work here: their calls come in no fixed order, which those of a number hit then."""
    right = expected(name, np.load(large / "large.npy"), large)
    made = large / LARGE[name][-1]
    most = traced(nursery, LARGE[name], large, *WITH_ALL).most()
    problems, hits = [], 0
    places = [
        (call, time)
        for call in ALLOCATIONS
        for time in range(1, most[call] + 1, 1 + most[call] // 20)  # more than 20 are alike
    ]
    for call, time in sample_or_rest(places, part):
        made.unlink(missing_ok=True)
        options = "-e", f"trace={call}", "-e", f"inject={call}:{ALLOCATIONS[call]}:when={time}"
        try:
            trace = traced(nursery, LARGE[name], large, *options)
        except AssertionError as late:
            problems.append(f"{call} {time}: {late}")
            continue
        hits += bool(trace.hit)
        why = wrong_for_memory(trace, made, right)
        if why:
            problems.append(f"{call} {time}: {why}; {trace.code} {trace.err.decode()[-400:]!r}")
    made.unlink(missing_ok=True)
    assert not problems, f"{len(problems)} of {hits}:\n" + "\n".join(problems)
    assert hits


# A module that cannot be loaded ---------------------------------------------------------------------------


@pytest.mark.usefixtures("strace")
@pytest.mark.parametrize("error", ["EMFILE", "EIO"])
@pytest.mark.parametrize("part", SAMPLE_AND_REST)
def test_a_module_that_cannot_be_loaded_is_said(in_folder: Path, error: str, part: str) -> None:
    """Of some hundred files that a start opens, every fortieth: they are alike, and a start takes its time."""
    Image.fromarray(PIXELS["a"]).save("a.png")
    command = [*CONVCLI, *SCENARIOS["new"]]

    def started(*options: str) -> subprocess.CompletedProcess[bytes]:
        Path("new.png").unlink(missing_ok=True)
        tracer = ["strace", "-f", "-qq", "-o", "trace", "-e", "trace=openat", *options]
        environment = os.environ | PATHS
        return subprocess.run(
            [*tracer, *command], env=environment, capture_output=True, timeout=60, check=False
        )

    assert started().returncode == 0
    files = re.findall(r"openat\(.*", Path("trace").read_text("utf-8"))
    first = next(place for place, line in enumerate(files) if "error_handling" in line)
    problems = []
    for time in sample_or_rest(range(first + 2, len(files), 40), part, step=5):
        ran = started("-e", f"inject=openat:error={error}:when={time}")
        lines = ran.stderr.decode().splitlines()
        done = ran.returncode == 0 and not lines and np.array_equal(read(in_folder / "new.png"), PIXELS["a"])
        said = ran.returncode == 1 and len(lines) == 1 and lines[0].startswith("convcli: ")
        if not (done or (said and not Path("new.png").exists())):
            problems.append(f"{ran.returncode}, {files[time - 1][:160]}: {lines[-1:]}")
    assert not problems, f"{len(problems)}:\n" + "\n".join(problems)


# Exceptions of decoders and encoders ----------------------------------------------------------------------

ODD = "first\nsecond \x1b[31mred"
RAISED: list[BaseException] = [
    OSError("a message"),
    OSError(5, "Input/output error"),
    TimeoutError(110, "Connection timed out"),
    ValueError(ODD),
    SyntaxError("broken PNG file"),
    KeyError("mode"),
    IndexError("list index out of range"),
    TypeError("not a tuple"),
    AttributeError("no attribute"),
    EOFError(),
    OverflowError("too large"),
    ZeroDivisionError("division by zero"),
    FloatingPointError("underflow"),
    RuntimeError("could not create decoder object"),
    RecursionError("too deep"),
    NotImplementedError(),
    AssertionError(),
    BufferError("exported"),
    StopIteration(),
    SystemError("tile cannot extend outside image"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    UserWarning("a warning"),
    struct.error("unpack requires a buffer of 4 bytes"),
    zlib.error("Error -3 while decompressing data"),
    Image.DecompressionBombError("too many pixels"),
    UnidentifiedImageError("cannot identify"),
    MemoryError(),
    ImportError("no plugin"),
]
DECODING = [
    (PngImagePlugin.PngImageFile, "_open"),
    (ImageFile.ImageFile, "load"),
    (Image.Image, "crop"),
    (Image.Image, "getexif"),
    (Image.Image, "convert"),
]


@pytest.mark.parametrize(("place", "function"), DECODING, ids=lambda part: getattr(part, "__name__", part))
def test_whatever_a_decoder_raises_is_one_line(
    convcli: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch, place: Any, function: str
) -> None:
    Image.fromarray(PIXELS["a"]).convert("P").save("a.png")
    problems = []
    for error in RAISED:
        with monkeypatch.context() as patched:
            patched.setattr(
                "convcli.pictures.formats.pillow.decoder.is_owned", lambda: True
            )  # warnings are a caller's
            patched.setattr(place, function, raising(error))
            problems.append(wrong_for_error(convcli, SCENARIOS["new"], "a.png: ", error))
        assert [path.name for path in in_folder.iterdir()] == ["a.png"]
    assert not any(problems), "\n".join(filter(None, problems))


@pytest.mark.parametrize("extension", ["jpg", "tiff", "webp", "bmp", "ppm", "avif"])
def test_whatever_an_encoder_raises_is_one_line(
    convcli: Runner, in_folder: Path, monkeypatch: pytest.MonkeyPatch, extension: str
) -> None:
    Image.fromarray(PIXELS["a"]).save("a.png")
    old = Path(f"old.{extension}")
    old.write_bytes(b"precious")
    problems = []
    for error in RAISED:
        named = "a.png: " if isinstance(error, MemoryError) else f"{old}: "
        with monkeypatch.context() as patched:
            patched.setattr(Image.Image, "save", raising(error))
            patched.setitem(Image.SAVE, "JPEG", raising(error))  # called without `save`
            problems.append(wrong_for_error(convcli, (*APPLY, "-o", str(old), "--force"), named, error))
        assert (old.read_bytes(), len(list(in_folder.iterdir()))) == (b"precious", 2)
    assert not any(problems), "\n".join(filter(None, problems))


def raising(error: BaseException) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def wrong_for_error(convcli: Runner, arguments: tuple[str, ...], start: str, error: BaseException) -> str:
    """Return what is wrong with a run in which an error was raised; nothing if all is right."""
    kind = type(error).__name__
    try:
        ran = convcli(*arguments)
    except BaseException as escaped:  # whatever it is, it is a traceback
        return f"{kind}: escapes as {type(escaped).__name__}"
    line = ran.err.removesuffix("\n")
    if (ran.code, ran.out) != (1, "") or not line.startswith(f"convcli: {start}") or not line.isprintable():
        return f"{kind}: {ran}"
    if line.endswith(": ") or (isinstance(error, MemoryError) and "memory" not in line):
        return f"{kind}: no reason in {line!r}"
    return ""
