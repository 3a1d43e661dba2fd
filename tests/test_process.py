"""convcli as a process of its own: what it loads, what it costs, and how it ends."""

import errno
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli import __version__
from tests.support.command_line import SAMPLES, Runner, on_terminal

COMMANDS = ["apply", "pool", "explain", "learn", "shape", "params", "filters", "lesson"]
CONVCLI = [sys.executable, "-m", "convcli"]
SHELL_CONVCLI = shlex.join(CONVCLI)
SIZE = ("shape", "--n", "32", "--f", "5")


def ended(*arguments: str, environment: dict[str, str] | None = None) -> tuple[int, str, str]:
    """Run convcli with pipes and return how it ended."""
    variables = os.environ | (environment or {})
    ran = subprocess.run(
        [*CONVCLI, *arguments], stdin=subprocess.DEVNULL, capture_output=True, env=variables, check=False
    )
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


def in_shell(script: str) -> tuple[int, str, str]:
    """Run a script of bash, where ``convcli`` is the program."""
    prepared = f'convcli() {{ {SHELL_CONVCLI} "$@"; }}\n{script}'
    ran = subprocess.run(["bash", "-c", prepared], capture_output=True, stdin=subprocess.DEVNULL, check=False)
    return ran.returncode, ran.stdout.decode(), ran.stderr.decode()


@pytest.fixture
def photo(in_folder: Path) -> Path:
    """A small colour picture, ``photo.png``; and what else the examples of the help read."""
    pixels = np.random.default_rng(1).integers(0, 255, (24, 32, 3), np.uint8, endpoint=True)
    Image.fromarray(pixels).save(in_folder / "photo.png")
    frames = [Image.fromarray(np.roll(pixels[..., 0], shift, 1)) for shift in range(3)]
    frames[0].save(in_folder / "moving.gif", save_all=True, append_images=frames[1:], duration=100)
    (in_folder / "six.csv").write_text(6 * "10 10 10 0 0 0\n")
    shutil.copy(SAMPLES.parent / "docs/models" / "resnet18.onnx", in_folder / "model.onnx")
    shutil.copy(SAMPLES / "red-edge.json", in_folder / "volume.json")
    return in_folder / "photo.png"


# What it loads and costs ----------------------------------------------------------------------------------


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (SIZE, 0),
        (("shape", "--n", "32", "--f", "5", "--want", "32"), 0),
        (("shape", "--n", "3", "--f", "5"), 2),
        (("explain", "--n", "6", "--f", "3"), 0),
        (("params", "--f", "5", "--c-in", "3", "--c-out", "6"), 0),
        (("params", "--n", "32x32x3", "--f", "5", "--c-out", "6"), 0),
        (("params", "--n", "128x128x1", "--dense", "300"), 0),
        (("params", "resnet50"), 0),
        (("params", "unet", "--by-block", "--csv"), 0),
        (("params", "vgg11", "--against", "vgg16"), 0),
        (("params", "--list"), 0),
        (("params", "unet", "-o", "-"), 0),
        (("shape", "googlenet", "--json"), 0),
        (("shape", "conv 6 f5, relux", "--n", "9x9x3"), 2),
    ],
)
def test_sizes_into_a_pipe_load_nothing_heavy(arguments: tuple[str, ...], code: int) -> None:
    program = (
        "import sys\n"
        "from convcli.cli.error_handling import run\n"
        "code = run(sys.argv[1:])\n"
        "print('loaded', *sorted({'numpy', 'PIL', 'typer', 'rich', 'pydantic'} & set(sys.modules)), file=sys.stderr)\n"
        "sys.exit(code)\n"
    )
    ran = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, check=False)
    assert ran.returncode == code
    assert ran.stderr.decode().splitlines()[-1] == "loaded"


def test_pictures_that_pillow_keeps_whole_load_no_extra(tmp_path: Path) -> None:
    Image.fromarray(np.zeros((5, 7, 3), np.uint8)).save(tmp_path / "in.tif")
    program = (
        "import sys\n"
        "from convcli.cli.error_handling import run\n"
        "run(['apply', 'in.tif', '--filter', 'box', '-o', 'out.tif'])\n"
        "run(['pool', 'out.tif', '-o', 'out.png'])\n"
        "print({'tifffile', 'imagecodecs'} & set(sys.modules))\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=True)
    assert ran.stdout.decode().splitlines() == ["out.tif", "out.png", "set()"]


CALLS = """
import sys
calls = 0
def count(frame, event, argument):
    global calls
    calls += event == "call"
sys.setprofile(count)
from convcli.cli.error_handling import run
code = run(sys.argv[1:])
sys.setprofile(None)
print(calls, *sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "most"), [(SIZE, 60_000), (("params", "resnet50"), 90_000), (("params", "lenet5"), 80_000)]
)
def test_what_a_size_costs(arguments: tuple[str, ...], most: int) -> None:
    """Count calls, not time, which another process may spoil; bare Python makes about 1,000 at its start."""
    ran = subprocess.run([sys.executable, "-c", CALLS, *arguments], capture_output=True, check=False)
    calls, *modules = ran.stderr.decode().split()
    assert ran.returncode == 0
    assert int(calls) <= most
    assert ("convcli.networks.text.grammar" in modules) == (arguments != SIZE)


PICTURE = ("apply", "photo.png", "--filter", "sobel-x")
PICTURES = {"convcli.kernels.filter", "convcli.pictures.arrays", "convcli.pictures.reading"}
SEARCHES = {"convcli.cli.reports.solutions", "convcli.networks.searching", "convcli.sizes.searching"}
COMPARISON = {"convcli.networks.comparing"}
TABLES = {"convcli.networks.tables"}
KERNEL_FILES = {
    "convcli.kernels.parsing",
    "convcli.kernels.safetensors",
    "convcli.kernels.weights",
    "zipfile",
}
BANKS = {"convcli.kernels.banks", "convcli.layers.volumes", "convcli.pipeline.recipes.banks"}
OTHER_FORMATS = {
    "convcli.pictures.damage.jpeg",
    "convcli.pictures.damage.tiff",
    "convcli.pictures.formats.deep.tiff",
    "convcli.pictures.formats.deep.codecs",
    "convcli.pictures.formats.pillow.unopened",
    "imagecodecs",
    "tempfile",
    "tifffile",
}
FIGURES = {"convcli.cli.terminal.previews", "convcli.drawing.shapes", "convcli.figures.sheet"}


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("arguments", "unneeded"),
    [
        (SIZE, PICTURES | SEARCHES | COMPARISON | TABLES),
        (("params", "resnet50"), PICTURES | SEARCHES | COMPARISON),
        (PICTURE, SEARCHES | TABLES | KERNEL_FILES | BANKS | OTHER_FORMATS | FIGURES),
        (
            ("filters", "gabor"),
            {"numpy", "PIL", "convcli.convolution.rendering"} | SEARCHES | KERNEL_FILES | BANKS | FIGURES,
        ),
        (("filters", "--json"), {"numpy", "PIL"} | SEARCHES | KERNEL_FILES | BANKS | FIGURES),
    ],
)
def test_a_run_loads_only_what_it_needs(arguments: tuple[str, ...], unneeded: set[str]) -> None:
    ran = subprocess.run([sys.executable, "-c", CALLS, *arguments], capture_output=True, check=False)
    assert ran.returncode == 0
    assert not unneeded & set(ran.stderr.decode().split())
    assert all(find_spec(name) for name in unneeded), "a module that was renamed would never be loaded"


def test_importing_the_package_loads_none_of_its_modules() -> None:
    program = "import sys, convcli; print(*(name for name in sys.modules if name.startswith('convcli')))"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert (ran.returncode, ran.stdout.decode(), ran.stderr.decode()) == (0, "convcli\n", "")


# Help and version -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pure", "names"),
    [("1", {"numpy"}), ("0", {"compiled (avx512)", "compiled (avx2)", "compiled (baseline)", "numpy"})],
)
def test_version_and_engine(pure: str, names: set[str]) -> None:
    code, out, err = ended("--version", environment={"CONVCLI_PURE": pure})
    version, engine = out.removesuffix("\n").split("\n")
    assert (code, version, err) == (0, f"convcli {__version__}", "")
    assert engine.removeprefix("engine: ") in names


def test_the_version_loads_nothing_heavy() -> None:
    program = (
        "import os, sys\n"
        "os._exit = lambda code: print(*{'numpy', 'PIL', 'typer', 'rich'} & set(sys.modules), 'loaded', file=sys.stderr)\n"
        "sys.argv = ['convcli', '--version']\n"
        "from convcli.__main__ import main\n"
        "main()\n"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert ran.stderr == b"loaded\n"


def test_no_arguments_print_the_help() -> None:
    code, out, err = ended(environment={"COLUMNS": "80"})
    assert (code, err) == (0, "")
    assert out.startswith("Usage: convcli ")
    for command in COMMANDS:
        assert re.search(rf"^  {command} ", out, re.MULTILINE)


@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_of_the_root(convcli: Runner, monkeypatch: pytest.MonkeyPatch, flag: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    ran = convcli(flag)
    assert (ran.code, ran.err) == (0, "")
    overview, page = convcli().out.split("Options:\n"), ran.out.split("Options:\n")
    assert overview[0] == page[0]
    assert set(overview[1].splitlines()) < set(page[1].splitlines())
    assert max(map(len, ran.out.splitlines())) <= 80


def help_lines(convcli: Runner, monkeypatch: pytest.MonkeyPatch, command: str) -> list[str]:
    monkeypatch.setenv("COLUMNS", "80")
    ran = convcli(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    return ran.out.splitlines()


def examples(lines: list[str]) -> list[list[str]]:
    """Return the command lines of a help page, without what stands behind them; a gap or > parts the two."""
    typed = [line.strip() for line in lines if line.strip().startswith("convcli ")]
    return [shlex.split(re.split(r" {2,}| > ", line)[0]) for line in typed]


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_fits_80_columns(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    assert max(map(len, help_lines(convcli, monkeypatch, command))) <= 80


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_has_examples(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    own = [line for line in examples(help_lines(convcli, monkeypatch, command)) if line[1] == command]
    assert len(own) >= 2


@pytest.mark.thorough(every=5)
@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_examples_of_the_help_run(convcli: Runner, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = convcli(*[command][: len(command)], "--help")
    for _, *arguments in examples(page.out.splitlines()):
        ran = convcli(*arguments)
        note = "convcli: note: --preview shows nothing: standard output is not a terminal\n"
        assert (ran.code, ran.err) == (0, note * ("--preview" in arguments)), arguments
        assert ran.out


def test_help_of_an_unknown_command() -> None:
    assert ended("aply", "--help") == (2, "", "convcli: aply: unknown command: did you mean apply?\n")


# Standard output that fails -------------------------------------------------------------------------------

WRITERS = [
    SIZE,
    ("filters",),
    ("apply", "photo.png", "--filter", "box"),
    ("apply", "photo.png", "--filter", "box", "-o", "-"),
    ("shape", "--help"),
    ("--version",),
]


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("arguments", WRITERS)
def test_closed_standard_output(arguments: tuple[str, ...]) -> None:
    code, out, err = in_shell(f"convcli {shlex.join(arguments)} >&-")
    assert (code, out, err) == (1, "", "convcli: standard output: is closed\n")


@pytest.mark.usefixtures("photo")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("arguments", WRITERS)
def test_full_device(arguments: tuple[str, ...]) -> None:
    code, out, err = in_shell(f"convcli {shlex.join(arguments)} > /dev/full")
    assert (code, out, err) == (1, "", "convcli: standard output: no space left on device\n")


def to_gone_reader(arguments: Sequence[str], *, read: int) -> tuple[int, bytes]:
    """Run convcli into a pipe whose reader takes some bytes and goes away."""
    reader, writer = os.pipe()
    if not read:
        os.close(reader)
    with subprocess.Popen([*CONVCLI, *arguments], stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        if read:
            assert len(os.read(reader, read)) == read
            os.close(reader)
        assert process.stderr is not None
        err = process.stderr.read()
    return process.returncode, err


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("arguments", WRITERS)
def test_reader_that_is_gone_ends_it_quietly(arguments: tuple[str, ...]) -> None:
    assert to_gone_reader(arguments, read=0) == (-signal.SIGPIPE, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_reader_that_goes_after_a_byte_ends_it_quietly(
    monkeypatch: pytest.MonkeyPatch, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    # 300x300 taps are more than a pipe holds
    assert to_gone_reader(["filters", "box:size=300"], read=1) == (-signal.SIGPIPE, b"")


def test_closed_standard_error_does_not_change_the_code() -> None:
    assert in_shell("convcli shape --n 3 --f 5 2>&-") == (2, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_standard_error_does_not_change_the_code() -> None:
    assert in_shell("convcli shape --n 3 --f 5 2> /dev/full") == (2, "", "")


# Standard input -------------------------------------------------------------------------------------------


def test_standard_input_is_left_alone() -> None:
    script = "printf '7\\n9\\n' | while read n; do convcli shape --n $n --f 3; done"
    assert in_shell(script) == (0, "5x5\n7x7\n", "")


@pytest.mark.usefixtures("photo")
def test_pictures_leave_standard_input_alone() -> None:
    script = "printf 'box\\nsobel\\n' | while read name; do convcli apply photo.png --filter $name; done"
    assert in_shell(script) == (0, "photo-box.png\nphoto-sobel.png\n", "")


def test_closed_standard_input() -> None:
    code, out, err = in_shell("convcli apply - --filter box <&-")
    assert (code, out, err) == (1, "", "convcli: standard input: is closed\n")


def test_standard_input_that_is_a_terminal_is_refused(in_folder: Path) -> None:
    ran = on_terminal("apply", "-", "--filter", "box")
    why = "standard input: is a terminal; pipe an image into it"
    assert ran.all == (2, "", f"convcli: {why}\n")
    assert not list(in_folder.iterdir())


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize("file_format", ["png", "npy"])
def test_bytes_to_a_terminal_are_refused(file_format: str) -> None:
    ran = on_terminal("apply", "photo.png", "--filter", "box", "-o", "-", "--format", file_format)
    why = f"{file_format} cannot be shown in a terminal; redirect it, or add --format csv"
    assert ran.all == (2, "", f"convcli: -o -: {why}\n")


@pytest.mark.usefixtures("photo")
def test_picture_through_two_processes(in_folder: Path) -> None:
    script = (
        "convcli apply - --filter sobel-x -o - < photo.png | convcli pool - -o small.png\n"
        "convcli apply photo.png --filter sobel-x && convcli pool photo-sobel-x.png -o same.png"
    )
    assert in_shell(script) == (0, "small.png\nphoto-sobel-x.png\nsame.png\n", "")
    assert (in_folder / "small.png").read_bytes() == (in_folder / "same.png").read_bytes()


# Signals --------------------------------------------------------------------------------------------------


def small_png() -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(b"\0\x7f")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def waiting_on(fifo: Path, *, ignoring: signal.Signals | None = None) -> tuple[subprocess.Popen[bytes], int]:
    """Start convcli on a named pipe; returns it, once it has opened the pipe, and the pipe's other end."""
    command = [*CONVCLI, "apply", fifo.name, "--filter", "identity"]
    if ignoring is not None:
        command = ["bash", "-c", f'trap "" {ignoring.value}; exec "$@"', "bash", *command]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while True:
        try:
            writer = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            if error.errno != errno.ENXIO:  # which says that nobody reads it yet
                raise
        else:
            os.set_blocking(writer, True)
            return process, writer
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_it_by_that_signal(in_folder: Path, number: signal.Signals) -> None:
    os.mkfifo(in_folder / "pipe.png")
    process, writer = waiting_on(in_folder / "pipe.png")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    os.close(writer)
    assert (process.returncode, out, err) == (-number, b"", b"")
    assert [path.name for path in in_folder.iterdir()] == ["pipe.png"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_stops_threads_that_would_work_for_minutes(in_folder: Path, number: signal.Signals) -> None:
    np.save("zeros.npy", np.zeros((4000, 4000), np.uint8))
    np.save("taps.npy", np.random.default_rng(1).integers(-(2**40), 2**40, (61, 61)))
    arguments = ("apply", "zeros.npy", "--kernel", "@taps.npy", "--jobs", "6", "-o", "out.npy")
    process = subprocess.Popen([*CONVCLI, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while sum(1 for _ in Path(f"/proc/{process.pid}/task").iterdir()) < 6:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (-number, b"", b"")
    assert sorted(path.name for path in in_folder.iterdir()) == ["taps.npy", "zeros.npy"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_ignored_signal_stays_ignored(in_folder: Path, number: signal.Signals) -> None:
    os.mkfifo(in_folder / "pipe.png")
    process, writer = waiting_on(in_folder / "pipe.png", ignoring=number)
    process.send_signal(number)
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(small_png())
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"pipe-identity.png\n", b"")


def test_picture_from_a_named_pipe(in_folder: Path) -> None:
    os.mkfifo(in_folder / "pipe.png")
    process, writer = waiting_on(in_folder / "pipe.png")
    with os.fdopen(writer, "wb") as pipe:
        pipe.write(small_png())
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, b"pipe-identity.png\n", b"")
    with Image.open("pipe-identity.png") as image:
        assert np.array(image).tolist() == [[0x7F]]


# Terminals and locales ------------------------------------------------------------------------------------

POOR = {"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (SIZE, "floor((32 + 2·0 - 5)/1) + 1 = 28"),
        (("params", "--f", "5", "--c-in", "3", "--c-out", "6"), "(5·5·3 + 1)·6 = 456"),
        (("filters",), "gaussian"),
        (("filters", "sobel"), "sqrt(x² + y²)"),
        (("params", "--help"), "convcli params --f 5 --c-in 3 --c-out 6"),
        ((), "Usage: convcli"),
    ],
)
def test_terminal_of_few_letters_gets_its_answer(arguments: tuple[str, ...], shown: str) -> None:
    ran = on_terminal(
        *arguments, LC_ALL="C", PYTHONIOENCODING="ascii", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0"
    )
    assert (ran.code, ran.err) == (0, "")
    assert shown in ran.out


@pytest.mark.parametrize("page", [("params", "--help"), ("shape", "--help"), ("--help",)])
def test_help_into_a_pipe_of_few_letters(page: tuple[str, ...]) -> None:
    code, out, err = ended(*page, environment=POOR)
    assert (code, err) == (0, "")
    assert "Usage: convcli" in out


def test_message_to_a_stream_of_few_letters() -> None:
    code, out, err = ended("shape", "--n", "3", "--f", "5", environment=POOR)
    assert (code, out) == (2, "")
    assert err.startswith("convcli: filter 5 on input 3: gives floor((3 + 2\\xb70 - 5)/1) + 1 = -1, because ")
    assert err.count("\n") == 1


def test_name_beyond_ascii_in_the_c_locale(in_folder: Path, photo: Path) -> None:
    photo.rename(in_folder / "grün.png")
    assert ended("apply", "grün.png", "--filter", "box", environment=POOR) == (0, "grün-box.png\n", "")


@pytest.mark.parametrize(
    "arguments", [SIZE, ("filters",), ("filters", "sobel-x"), ("--help",), ("shape", "--help")]
)
def test_dumb_terminal_gets_no_escape_sequences(arguments: tuple[str, ...]) -> None:
    ran = on_terminal(*arguments, TERM="dumb")
    assert (ran.code, ran.err) == (0, "")
    assert "\x1b" not in ran.out


@pytest.mark.parametrize("arguments", [SIZE, ("filters",), ("--help",)])
def test_no_color_means_no_colour(arguments: tuple[str, ...]) -> None:
    ran = on_terminal(*arguments, NO_COLOR="1")
    assert (ran.code, ran.err) == (0, "")
    assert not re.search(r"\x1b\[[0-9;]*[34][0-7]", ran.out)


def test_pipe_gets_no_escape_sequences() -> None:
    code, out, err = ended("filters", environment={"FORCE_COLOR": "1"})
    assert (code, err) == (0, "")
    assert "\x1b" not in out
