"""Help pages: where a newcomer starts, at every width, and errors that say what is meant."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from convcli.cli.command_line import COMMANDS
from convcli.errors import closest_spelling, describe_os_error, resolve_alias
from tests.support.command_line import Runner, nothing_changes, on_terminal


@pytest.fixture
def photo(in_folder: Path) -> Path:
    """A small color picture, ``photo.png``, a kernel and a network."""
    pixels = np.random.default_rng(1).integers(0, 255, (12, 16, 3), np.uint8, endpoint=True)
    Image.fromarray(pixels).save(in_folder / "photo.png")
    (in_folder / "kernel.csv").write_text("1,0,-1\n")
    (in_folder / "mine.net").write_text("in 32x32x3\nconv 6 f5\n")
    return in_folder / "photo.png"


# Pages ----------------------------------------------------------------------------------------------------


def test_the_first_page_fits_a_terminal_of_24_rows_and_80_columns() -> None:
    ran = on_terminal(columns=80, LINES="24")
    lines = ran.out.splitlines()
    assert (ran.code, ran.err) == (0, "")
    assert len(lines) < 24  # a row is the prompt's
    assert max(map(len, lines)) <= 80
    for command in COMMANDS:
        (row,) = [line for line in lines if line.startswith(f"  {command} ")]
        assert row.endswith(".")
    assert sum(line.startswith("  convcli ") for line in lines) == 3
    for word in ("convcli help apply; convcli help layers", "convcli --man", "--install-completion"):
        assert word in ran.out


def test_help_lists_the_options_that_the_first_page_leaves_out(convcli: Runner) -> None:
    rows = [line.split("  ")[1] for line in convcli("--help").out.partition("Options:\n")[2].splitlines()]
    names = "--version", "--man", "--install-completion", "--show-completion", "--shell SHELL", "-h, --help"
    assert [row for row in rows if row] == list(names)


@pytest.mark.parametrize("columns", [40, 80, 200])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_pages_fit_the_width(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, command: str, columns: int
) -> None:
    """What is to be copied is kept whole; all else is wrapped, and below 100 columns, which read well."""
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = convcli(*[command][: len(command)], "--help").out.splitlines()
    prose = [line for line in lines if not line.startswith("  convcli ")]
    assert max(map(len, prose)) <= min(columns, 100)
    assert not [line for line in prose if re.search(r"[a-z,]\.\.\.$", line)]


def test_a_page_is_the_same_in_a_pipe_and_on_a_terminal(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert on_terminal("shape", "--help").out == convcli("shape", "--help").out


def test_remarks_stand_below_examples_on_a_narrow_terminal(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    assert "  convcli shape --n 32 --f 5\n      28x28\n" in convcli("shape", "--help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_is_its_page(convcli: Runner, command: str) -> None:
    assert convcli("help", command).all == convcli(command, "--help").all


def test_help_alone_is_the_first_page(convcli: Runner) -> None:
    assert convcli("help").all == convcli().all
    assert convcli("help", "help").out.startswith("Usage: convcli help ")
    why = "unknown command or topic: did you mean"
    assert convcli("help", "aply").all == (2, "", f"convcli: aply: {why} apply?\n")
    assert convcli("help", "layer").all == (2, "", f"convcli: layer: {why} layers?\n")


# Suggestions ----------------------------------------------------------------------------------------------

APPLY = ("apply", "photo.png")
BOX = (*APPLY, "--filter", "box")
SIZE = "must be a size such as 32, 32x24 or 32x24x3, with whole numbers of at least 1"
PADDING = (
    "must be valid, same, a number, AxB (vertical x horizontal) or T:BxL:R, with whole numbers of at least 0"
)
PAIR = "must be one number, or two as in 4x3 (vertical x horizontal), with whole numbers of at least 1"
A_NUMBER = "a number starts a repeat, as in: 3 x { conv 64 f3 p1, relu }"


@pytest.mark.usefixtures("photo")
@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("convolve", "photo.png"), "convolve: unknown command: did you mean apply?"),
        (("Apply",), "Apply: unknown command: did you mean apply?"),
        (("macs",), "macs: unknown command: did you mean params?"),
        ((*APPLY, "--boarder", "edge"), "--boarder: no such option: did you mean --border?"),
        (("shape", "--padd", "1"), "--padd: no such option: did you mean --padding?"),
        (("shape", "--pad", "1"), "--pad: no such option: did you mean --padding?"),
        ((*APPLY, "--quiet"), "--quiet: no such option; --help lists the options"),
        ((*APPLY, "--width", "9"), "--width: no such option; --help lists the options"),
        (
            ("photo.png", "--filter", "sobel"),
            "photo.png: is not a command; for a file: convcli apply photo.png ...",
        ),
        (("my.net",), "my.net: is not a command; for a file: convcli params my.net ..."),
        (("shape", "--n", "32", "--k", "5"), "--k: no such option: did you mean --f?"),
        (("params", "-k", "5"), "-k: no such option: did you mean --f?"),
        (("pool", "photo.png", "--kernel_size", "2"), "--kernel_size: no such option: did you mean --f?"),
        ((*APPLY, "--k", "9"), "--k: no such option; --help lists the options"),
        (
            ("explain", "--at", "20", "100"),
            "--at '20': must be a column and a row of the result, such as 12,7; write --at 20,100",
        ),
        (
            ("explain", "photo.png", "--at", "20", "100"),
            "explain: got unexpected extra argument(s) (100); write --at 20,100",
        ),
        ((*APPLY, "-j", "two"), "--jobs 'two': must be a whole number"),
        (("explain", "photo.png", "--frame", "all"), "--frame 'all': must be a whole number"),
        (("explain", "--n", "6", "--f", "3", "--seconds", "x"), "--seconds 'x': must be a number"),
        (("hlep",), "hlep: unknown command: did you mean help?"),
        (("help", "xyz"), f"xyz: unknown command or topic: choose from {', '.join(COMMANDS)}, layers, help"),
        (("xyz", "help"), f"xyz: unknown command: choose from {', '.join(COMMANDS)}, help"),
        (("",), f"'': unknown command: choose from {', '.join(COMMANDS)}, help"),
        (("--verison",), "--verison: no such option: did you mean --version?"),
        (
            ("--filter", "box"),
            "--filter: no such option; options follow a command, as in: convcli apply photo.png "
            "--filter sobel-x",
        ),
        ((*APPLY, "--filter", "blur"), "blur: unknown filter: did you mean gaussian?"),
        ((*APPLY, "--filter", "edges"), "edges: unknown filter: did you mean sobel?"),
        (
            (*APPLY, "--filter", "gaussian,sigma=2"),
            "gaussian,sigma=2: unknown filter: did you mean gaussian:sigma=2?",
        ),
        ((*APPLY, "--filter", "box=5"), "box=5: unknown filter: did you mean box:size=5?"),
        ((*APPLY, "--filter", "sobel x"), "sobel x: unknown filter: did you mean sobel-x?"),
        ((*APPLY, "--filter", "box:5"), "box:5: options are written by name, as in box:size=5"),
        ((*APPLY, "--filter", "kernel.csv"), "kernel.csv: is a file, not a name: --kernel @kernel.csv"),
        ((*APPLY, "--filter", "@kernel.csv"), "@kernel.csv: is a file, not a name: --kernel @kernel.csv"),
        (("filters", "kernel.csv"), "kernel.csv: is a file, not a name: --kernel @kernel.csv"),
        ((*APPLY, "--kernel", "sobel-x"), "--kernel: sobel-x is the name of a filter; use --filter sobel-x"),
        (
            (*APPLY, "--kernel", "kernel.csv"),
            "--kernel: kernel.csv is a file; write it with an @: --kernel @kernel.csv",
        ),
        (
            (*APPLY, "--kernel", "@kernl.csv"),
            "kernl.csv: no such file or directory: did you mean kernel.csv?",
        ),
        ((*APPLY, "box"), "box: is a filter, not a picture: --filter box"),
        ((*BOX, "--signed", "absolute"), "--signed 'absolute': unknown value; did you mean abs?"),
        ((*BOX, "--border", "replicate"), "border 'replicate': unknown value; did you mean edge?"),
        ((*BOX, "--border", "zeros"), "border 'zeros': unknown value; did you mean zero?"),
        (
            (*BOX, "--border", "constant=3"),
            "border 'constant=3': write the value after a colon, as in constant:128",
        ),
        ((*BOX, "--channels", "red"), "--channels 'red': unknown value; did you mean r?"),
        (
            (*BOX, "--format", "jepg"),
            "format 'jepg': is not one of png, jpeg, tiff, webp, bmp, pnm, avif, gif, jp2, jxl, npy, csv, txt, zarr; did you mean jpeg?",
        ),
        ((*BOX, "--padding", "smae"), f"padding 'smae': {PADDING}; did you mean same?"),
        ((*BOX, "--padding", "half"), f"padding 'half': {PADDING}; did you mean same?"),
        (("shape", "--n", "9", "--f", "3", "--p", "none"), f"padding 'none': {PADDING}; did you mean valid?"),
        ((*BOX, "--padding", "1,2"), f"padding '1,2': {PADDING}; did you mean 1x2?"),
        (("pool", "photo.png", "--mode", "mean"), "--mode 'mean': unknown value; did you mean avg?"),
        (("pool", "photo.png", "--f", "2,2"), f"filter '2,2': {PAIR}; did you mean 2x2?"),
        (("params", "resnet18", "--dtype", "half"), "dtype 'half': unknown value; did you mean fp16?"),
        (
            ("learn", "a.png", "b.png", "--optimizer", "Adam"),
            "--optimizer 'Adam': unknown value; did you mean adam?",
        ),
        (("shape", "--n", "32,32", "--f", "5"), f"input '32,32': {SIZE}; did you mean 32x32?"),
        (("shape", "--n", "32*32", "--f", "5"), f"input '32*32': {SIZE}; did you mean 32x32?"),
        (("shape", "--n", "(32, 32, 3)", "--f", "5"), f"input '(32, 32, 3)': {SIZE}; did you mean 32x32x3?"),
        (("shape", "--n", "1,2,3,4", "--f", "5"), f"input '1,2,3,4': {SIZE}; did you mean 1x2x3x4?"),
        (("shape", "32", "5"), "shape: sizes are given by options, as in: convcli shape --n 32 --f 5"),
        (
            ("params", "5", "3", "6"),
            "params: sizes are given by options, as in: convcli params --f 5 --c-in 3 --c-out 6",
        ),
        (("shape", "32"), f"line 1, column 1: {A_NUMBER}; give the input size by --n"),
        (
            ("shape", "in 32,32,3, conv 6 f5"),
            f"line 1, column 7: {A_NUMBER}; separate the sides of a size with x, as in 32x32x3 and f5x3",
        ),
        (("shape", "max f2", "--n", "9x9x1"), "line 1, column 1: unknown layer 'max': did you mean maxpool?"),
        (("shape", "mine"), "mine: is not a shipped network; did you mean mine.net?"),
        (("shape", "mien.net"), "mien.net: no such file or directory: did you mean mine.net?"),
        (("shape", "mine.nte"), "mine.nte: no such file or directory: did you mean mine.net?"),
        (("filters", "help"), None),
    ],
)
def test_errors_suggest(
    convcli: Runner, in_folder: Path, arguments: tuple[str, ...], line: str | None
) -> None:
    with nothing_changes(in_folder):
        ran = convcli(*arguments)
    if line is None:
        assert ran.err.endswith("; for the help page run: convcli help filters\n")
        return
    assert ran.all == (2, "", f"convcli: {line}\n")


@pytest.mark.usefixtures("photo")
def test_a_missing_picture_suggests_the_one_that_is_there(convcli: Runner) -> None:
    ran = convcli("apply", "phto.png", "--filter", "box")
    assert ran.all == (1, "", "convcli: phto.png: no such file or directory: did you mean photo.png?\n")


@pytest.mark.usefixtures("in_folder")
def test_a_link_to_nothing_is_not_suggested_for_itself(convcli: Runner) -> None:
    Path("photo-link.png").symlink_to("nothing.png")
    ran = convcli("apply", "photo-link.png", "--filter", "box")
    assert ran.all == (1, "", "convcli: photo-link.png: no such file or directory\n")


def test_sizes_with_the_sign_of_multiplication_are_read(convcli: Runner) -> None:
    assert convcli("shape", "--n", "32×32", "--f", "5").all == (0, "28x28\n", "")


def test_files_of_another_folder_are_suggested_with_it(in_folder: Path) -> None:
    (in_folder / "sub").mkdir()
    (in_folder / "sub" / "photo.png").touch()
    missing = FileNotFoundError(2, "No such file or directory", "sub/phoot.png")
    assert describe_os_error(missing) == "no such file or directory: did you mean sub/photo.png?"
    for name in ("nowhere/photo.png", "else.txt", "\0", "", None):
        missing = FileNotFoundError(2, "No such file or directory", name)
        assert describe_os_error(missing) == "no such file or directory"


def test_words_of_others_mean_only_what_may_be_chosen() -> None:
    assert resolve_alias("mean", ["max", "avg"]) == "avg"
    assert resolve_alias("mean", ["box", "gaussian"]) == "box"
    assert resolve_alias("mean", ["zero"]) is None
    assert closest_spelling("abc", []) is None


def test_help_of_layers_has_every_word_and_examples_that_run(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = convcli("help", "layers")
    assert (page.code, page.err) == (0, "")
    assert max(map(len, page.out.splitlines())) <= 80
    told = set(re.findall(r"\w+", page.out))
    assert {
        "conv",
        "dw",
        "tconv",
        "maxpool",
        "avgpool",
        "gap",
        "fc",
        "flatten",
        "bn",
        "add",
        "cat",
        "mul",
        *("split", "out", "from", "use", "up", "crop", "slice", "shuffle", "pixelshuffle", "pixelunshuffle"),
        *("gn", "instancenorm", "rms", "scale", "prelu", "gmp", "blurpool", "leakyrelu", "logsoftmax"),
    } <= told
    examples = [
        shlex.split(line) for line in page.out.splitlines() if line.startswith("  convcli ") and '"' in line
    ]
    assert len(examples) == 3
    for _, *arguments in examples:
        ran = convcli(*arguments)
        assert (ran.code, ran.err) == (0, "")
        assert ran.out


# Groups of options ----------------------------------------------------------------------------------------

HEADING = re.compile(r"(?m)^([A-Z][a-z ]+):$")


def test_options_of_apply_are_grouped_and_the_common_ten_come_first(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    _, *parts = HEADING.split(convcli("apply", "--help").out)
    groups = dict(zip(parts[::2], parts[1::2], strict=True))
    assert list(groups) == [
        "Arguments", "Common options", "Filter", "Sliding window", "Pixels", "Output", "Input",
        "Large pictures", "Batch", "Display",
    ]  # fmt: skip
    longest = {
        heading: re.findall(r"(?m)^  (?:-.*?, )?--([a-z0-9-]{3,})", text) for heading, text in groups.items()
    }
    assert longest["Common options"] == [
        "filter", "kernel", "padding", "stride", "channels", "signed", "output", "out-dir", "force",
        "preview", "help",
    ]  # fmt: skip
    assert longest["Batch"] == ["recursive", "files0-from", "shard", "skip-existing", "jobs", "dask"]
    assert longest["Large pictures"] == ["by-tiles", "level", "region", "pyramid"]
    assert longest["Display"] == ["preview-as", "json", "text"]


@pytest.mark.parametrize("command", ["pool", "explain", "learn", "shape", "params"])
def test_long_lists_of_options_have_headings(convcli: Runner, command: str) -> None:
    headings = HEADING.findall(convcli(command, "--help").out)
    assert headings[:2] == ["Arguments", "Common options"]
    assert headings[-1] == "Display"


def test_a_short_list_of_options_has_one_heading(convcli: Runner) -> None:
    assert HEADING.findall(convcli("filters", "--help").out) == ["Arguments", "Options"]


@pytest.mark.parametrize("columns", [30, 34, 47, 80])
@pytest.mark.parametrize("command", COMMANDS)
def test_pages_never_break_words(
    convcli: Runner, monkeypatch: pytest.MonkeyPatch, command: str, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    whole = convcli(command, "--help").out.split()
    monkeypatch.setenv("COLUMNS", str(columns))
    assert convcli(command, "--help").out.split() == whole


def test_defaults_stand_in_the_sentence(convcli: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    page = convcli("apply", "--help").out
    assert "Stride, the step of the window: s or AxB (default: 1).\n" in page
    assert "[default" not in page
