"""Names that are hard to say, and terminals and pipes that must not be coloured or cut."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.hostile.damaged_pictures import pixels
from tests.hostile.run_convcli import CONVCLI, Nursery, assert_done, assert_refused_with, terminal
from tests.support.command_line import on_terminal

# Stems of files, and how a message or a terminal shows them; a / parts a folder from the file.
STEMS: dict[bytes, str] = {
    b"img[bold][0]": "img[bold][0]",
    b"a[/b]": "a[/b]",
    b"\x1b[31mred\x1b]0;title\x07": r"\x1b[31mred\x1b]0;title\x07",
    b"new\nline": r"new\nline",
    b"carriage\rreturn": r"carriage\rreturn",
    b"tab\tand\x0bback\x08space\x7f": r"tab\tand\x0bback\x08space\x7f",
    "bidi\u202egnp\u2066\u2069\u200f".encode(): r"bidi\u202egnp\u2066\u2069\u200f",
    "\u2028line\u0085next\u200b".encode(): r"\u2028line\x85next\u200b",
    b"   ": "   ",
    b"caf\xe9 \xff\xfe": r"caf\udce9 \udcff\udcfe",
    b"\xed\xa0\x80\xc0\xaf": r"\udced\udca0\udc80\udcc0\udcaf",
    "\N{FOX FACE}\N{GREEK SMALL LETTER ALPHA}gru\u0308n\u65e5\u672c".encode(): "\N{FOX FACE}\N{GREEK SMALL LETTER ALPHA}gru\u0308n\u65e5\u672c",
    b"%s{stem}{0}$HOME`id`": "%s{stem}{0}$HOME`id`",
    b"'\"\\n*?~#;&|<>": "'\"\\n*?~#;&|<>",
    b"@k=1:2,3": "@k=1:2,3",
    b".hidden.": ".hidden.",
    b"convcli: done: 1": "convcli: done: 1",
    b"--filter": "--filter",
    b"-x": "-x",
}  # fmt: skip
IDS = [text.replace("\\", "^") for text in STEMS.values()]
each_stem = pytest.mark.parametrize(("stem", "shown"), STEMS.items(), ids=IDS)


def picture(name: bytes) -> bytes:
    """Make a picture of that name, in its folder; returns the name."""
    path = Path(os.fsdecode(name))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        Image.fromarray(pixels()).save(stream, "PNG")
    return name


def derived(stem: bytes, label: bytes = b"identity") -> bytes:
    return stem.rpartition(b"/")[2] + b"-" + label + b".png"


def assert_is_the_picture(name: bytes) -> None:
    with Image.open(os.fsdecode(name)) as image:
        assert np.array_equal(np.asarray(image), pixels())


# Names in answers -----------------------------------------------------------------------------------------


@each_stem
def test_a_pipe_gets_the_bytes_of_the_name(hostile: Nursery, stem: bytes, shown: str) -> None:
    name = picture(stem + b".png")
    ran = hostile("apply", "--filter", "identity", "--", name)
    assert_done(ran, os.fsdecode(derived(stem)))
    assert ran.out == derived(stem) + b"\n", shown
    assert_is_the_picture(derived(stem))


@each_stem
def test_pool_writes_where_it_is_told(hostile: Nursery, stem: bytes, shown: str) -> None:
    name = picture(stem + b".png")
    target = b"./" + stem.rpartition(b"/")[2] + b".made.png"
    ran = hostile("pool", b"./" + name, "--f", "1", "-o", target)
    assert_done(ran, os.fsdecode(target)[2:])
    assert ran.out == target + b"\n", shown
    assert_is_the_picture(target)


@pytest.mark.thorough(every=3)
@each_stem
def test_json_gives_the_name_back(hostile: Nursery, stem: bytes, shown: str) -> None:
    name = picture(b"./" + stem + b".png")
    for command in (("apply", "--filter", "identity"), ("pool", "--f", "1")):
        ran = hostile(*command, "--json", "--out-dir", b"out" + stem.rpartition(b"/")[2], name)
        assert (ran.code, ran.err, ran.out.count(b"\n"), ran.out.isascii()) == (0, b"", 1, True), shown
        record = json.loads(ran.out)
        assert os.fsencode(record["input"]) == name
        assert os.fsencode(record["output"]).startswith(b"out" + stem.rpartition(b"/")[2] + b"/")
        assert_is_the_picture(os.fsencode(record["output"]))
        again = hostile(
            *command, "--json", "--out-dir", b"out" + stem.rpartition(b"/")[2], "--skip-existing", name
        )
        assert json.loads(again.out) == {
            "input": record["input"],
            "output": record["output"],
            "skipped": True,
        }


@each_stem
def test_a_terminal_shows_a_name_without_doing_what_it_says(
    hostile: Nursery, stem: bytes, shown: str
) -> None:
    name = picture(stem + b".png")
    with terminal() as (child, on_screen):
        ran = hostile("apply", "--filter", "identity", "--", name, stdout=child)
    assert (ran.code, ran.err) == (0, b"")
    (line,) = bytes(on_screen).decode().removesuffix("\r\n").split("\n")
    assert (
        line
        == f"{shown.rpartition('/')[2]}-identity.png  (24x32, int16 from {pixels().min()} to {pixels().max()})"
    )


@pytest.mark.thorough(every=7)
@pytest.mark.parametrize("stem", list(STEMS)[:9], ids=IDS[:9])
def test_every_answer_of_a_terminal_shows_names_so(hostile: Nursery, stem: bytes) -> None:
    flat = stem.replace(b"/", b"")
    picture(flat + b".png")
    np.savetxt(os.fsdecode(flat + b".csv"), np.eye(3, dtype=int), "%d")
    Path(os.fsdecode(flat + b".net")).write_text("in 9x9x3\nconv 6 f5\n")
    at = b"./" + flat
    for arguments in (
        ("apply", at + b".csv", "--kernel", b"@" + at + b".csv"),
        ("apply", at + b".png", "--kernel", b"@" + at + b".csv", "-o", b"./made" + flat + b".png"),
        ("explain", at + b".csv", "--kernel", b"@" + at + b".csv"),
        ("learn", at + b".png", at + b".png", "--closed-form", "-o", b"./k" + flat + b".json"),
        ("params", at + b".net"),
        ("shape", at + b".net"),
        ("params", at + b".net", "--against", at + b".net"),
        ("filters", b"@" + at + b".csv"),
    ):
        with terminal() as (child, on_screen):
            ran = hostile(*arguments, stdout=child, environment={"NO_COLOR": "1"})  # which leaves no escapes
        assert (ran.code, ran.err) == (0, b""), arguments
        lines = bytes(on_screen).decode().replace("\r\n", "\n")
        assert lines.replace("\n", "").isprintable(), arguments


def test_a_tree_and_a_list_of_such_names(hostile: Nursery) -> None:
    names = {picture(b"tree/" + stem + b"/" + stem.rpartition(b"/")[2] + b".png") for stem in STEMS}
    seen = {name for name in names if not name.startswith(b"tree/.")}  # what is hidden is not read
    of_tree = ("--recursive", "tree", "--out-dir", "of tree")
    of_list = ("--files0-from", "-", "--out-dir", "of list")
    for arguments, wanted in ((of_tree, seen), (of_list, names)):
        ran = hostile("pool", *arguments, "--f", "1", "--json", "-j", "2", stdin=b"\0".join(names))
        assert (ran.code, ran.err) == (0, b"")
        records = [json.loads(line) for line in ran.out.splitlines()]
        assert sorted(os.fsencode(record["input"]) for record in records) == sorted(wanted)
        for record in records:
            assert_is_the_picture(os.fsencode(record["output"]))
            if arguments is of_tree:
                place = record["output"].removeprefix("of tree/").removesuffix("-maxpool-1x1.png")
                assert record["input"] == f"tree/{place}.png"


# Names in messages ----------------------------------------------------------------------------------------


@pytest.mark.thorough(every=7)
@each_stem
def test_a_message_is_one_line_whatever_the_name(hostile: Nursery, stem: bytes, shown: str) -> None:
    at, said = b"./" + stem + b".png", f"./{shown}.png"
    missing = f"{said}: no such file or directory"
    for arguments in (
        ("apply", at, "--filter", "identity"),
        ("apply", at, "--filter", "identity", "-o", "-"),
        ("pool", at),
        ("explain", at, "--filter", "box"),
        ("learn", at, at),
    ):
        assert_refused_with(hostile(*arguments), 1, missing)
    told = hostile("apply", at, "--filter", "identity", "--json")
    assert (told.code, told.message) == (1, missing)
    name, why = os.fsdecode(at), "no such file or directory"
    assert json.loads(told.out) == {"input": name, "output": None, "error": why}
    picture(at)
    assert_refused_with(
        hostile("pool", at, "-o", at), 1, f"{said}: is an input, and inputs are never overwritten"
    )
    target = b"./of " + stem.rpartition(b"/")[2] + b".png"
    picture(target)
    assert_refused_with(
        hostile("pool", at, "-o", target), 1, f"./of {shown.rpartition('/')[2]}.png: exists; use --force"
    )
    target = b"of " + stem.rpartition(b"/")[2] + b".\x1b[1m"
    what = f"of {shown.rpartition('/')[2]}" + r".\x1b[1m: unknown extension"
    assert_refused_with(hostile("pool", at, "-o", target), 2, what)
    in_a_file = b"./of " + stem.rpartition(b"/")[2] + b".png/x"
    refused = hostile("pool", at, "--out-dir", in_a_file)
    assert (refused.code, refused.out) == (1, b"")
    assert "not a directory" in refused.message


@pytest.mark.parametrize(
    "arguments",
    [
        ("apply", "g.png", "--filter", "\x1b[31m\nbox"),
        ("apply", "g.png", "--kernel", "1 \x1b[31m\n2"),
        ("apply", "g.png", "--filter", "box", "--\x1b[31m\nx"),
        ("apply", "g.png", "--filter", "box", "--jobs", "\x1b[31m\n"),
        ("apply", "g.png", "--filter", "box", "--format", "\x1b[31m\n"),
        ("apply", "g.png", "--filter", "box", "--name", "{\x1b[31m\n}"),
        ("apply", "g.png", "--filter", "box", "--background", "\x1b[31m\n"),
        ("apply", "g.png", "--filter", "box", "--max-pixels", "\u202e1"),
        ("\x1b[31m\napply",),
        ("shape", "\x1b[31m\nconv", "--n", "9x9x3"),
        ("filters", b"\xff\x1b[31m"),
        ("params", "x", "y\x1b[31m\n"),
    ],
    ids=ascii,
)
def test_a_message_is_one_line_whatever_was_typed(hostile: Nursery, arguments: Sequence[str]) -> None:
    picture(b"g.png")
    ran = hostile(*arguments)
    assert (ran.code, ran.out) == (2, b"")
    assert ran.message


@pytest.mark.parametrize(
    "arguments", [("-x.png", "--filter", "identity"), ("--filter", "identity", "-x.png")]
)
def test_a_name_that_looks_like_an_option(hostile: Nursery, arguments: Sequence[str]) -> None:
    picture(b"-x.png")
    assert_refused_with(hostile("apply", *arguments), 2, "-x: no such option")


@pytest.mark.parametrize("name", [("--", "-x.png"), ("./-x.png",)], ids=" ".join)
def test_a_name_with_a_hyphen(hostile: Nursery, name: Sequence[str]) -> None:
    picture(b"-x.png")
    ran = hostile("apply", "--filter", "identity", *name)
    assert_done(ran, "-x-identity.png")
    assert ran.out == b"-x-identity.png\n"
    assert_is_the_picture(b"-x-identity.png")


# Names that are too long ----------------------------------------------------------------------------------

LONG = {b"a" * 251: "a" * 251, "\u65e5".encode() * 83 + b"xx": "\u65e5" * 83 + "xx"}
each_long = pytest.mark.parametrize(("stem", "shown"), LONG.items(), ids=["ascii", "wide"])
TOO_LONG = "file name too long"


@each_long
@pytest.mark.parametrize("options", [(), ("--force",), ("--skip-existing",), ("--out-dir", ".")], ids=str)
def test_a_derived_name_that_is_too_long_is_said(
    hostile: Nursery, stem: bytes, shown: str, options: Sequence[str]
) -> None:
    picture(stem + b".png")
    ran = hostile("apply", stem + b".png", "--filter", "box", *options)
    assert_refused_with(ran, 1, f"{shown}-box.png: {TOO_LONG}")
    told = hostile("apply", stem + b".png", "--filter", "box", "--json")
    assert (told.code, told.message) == (1, f"{shown}-box.png: {TOO_LONG}")
    assert json.loads(told.out)["error"] == TOO_LONG


@each_long
def test_the_others_are_done(hostile: Nursery, stem: bytes, shown: str) -> None:
    names = [picture(name) for name in (b"a.png", stem + b".png", b"b.png")]
    ran = hostile("pool", *names, "--f", "1", changes=True)
    assert (ran.code, ran.printed) == (1, ["a-maxpool-1x1.png", "b-maxpool-1x1.png"])
    first, last = ran.err.decode().splitlines()
    assert first == f"convcli: {shown}-maxpool-1x1.png: {TOO_LONG}"
    assert last == "convcli: 3 inputs: 2 done, 1 failed"
    assert ran.changed == set(ran.printed)


@each_long
def test_a_name_that_just_fits_is_read_and_written(hostile: Nursery, stem: bytes, shown: str) -> None:
    picture(stem + b".png")
    ran = hostile("pool", stem + b".png", "--f", "1", "--out-dir", "out", "--name", "{stem}.{ext}")
    assert_done(ran, "out", f"out/{shown}.png")
    assert_is_the_picture(b"out/" + stem + b".png")


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("apply", "LONG", "--filter", "box"), 1),
        (("apply", "g.png", "--filter", "box", "-o", "LONG"), 1),
        (("apply", "g.png", "--filter", "box", "-o", "LONG", "--force"), 1),
        (("apply", "g.png", "--filter", "box", "--out-dir", "LONG"), 1),
        (("apply", "g.png", "--filter", "box", "--name", "{stem}LONG"), 1),
        (("apply", "--recursive", "LONG", "--filter", "box", "--out-dir", "out"), 1),
        (("apply", "--files0-from", "LONG", "--filter", "box"), 1),
        (("apply", "g.png", "--kernel", "@LONG.csv"), 2),
        (("learn", "g.png", "LONG"), 1),
        (("learn", "g.png", "g.png", "-o", "LONG.json"), 1),
        (("learn", "g.png", "g.png", "--curve", "LONG"), 1),
        (("explain", "LONG", "--filter", "box"), 1),
        (("params", "LONG.net"), 2),
        (("filters", "@LONG.csv"), 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else str(value),
)  # fmt: skip
@pytest.mark.parametrize("long", ["a" * 300 + ".png", "b/" * 2500 + "c.png"], ids=["name", "path"])
def test_a_typed_name_that_is_too_long_is_named(
    hostile: Nursery, arguments: Sequence[str], code: int, long: str
) -> None:
    picture(b"g.png")
    typed = [word.replace("LONG", long) for word in arguments]
    ran = hostile(*typed, changes=True)
    assert (ran.code, ran.out) == (code, b"")
    assert "standard output" not in ran.message
    assert long[:100] in ran.message
    assert TOO_LONG in ran.message
    assert ran.changed <= {"out"}


# Locales, terminals, and what a pipe gets -----------------------------------------------------------------

C = {"LC_ALL": "C", "LANG": "C"}
POOR = C | {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
COLOURED = {"FORCE_COLOR": "1", "CLICOLOR_FORCE": "1", "PY_COLORS": "1", "TERM": "xterm-256color"}
CI = COLOURED | {"CI": "true", "GITHUB_ACTIONS": "true", "TTY_COMPATIBLE": "1", "TTY_INTERACTIVE": "1"}


def process(*arguments: str | bytes, environment: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    """Run a process of its own: what a locale or a variable does is decided at its start."""
    ran = subprocess.run(
        [*CONVCLI, *arguments], capture_output=True, env=os.environ | environment, timeout=60, check=False
    )
    return ran.returncode, ran.stdout, ran.stderr


@pytest.mark.thorough(every=2)
@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("environment", [C, POOR], ids=["C", "without UTF-8"])
@pytest.mark.parametrize("stem", ["gr\u00fcn\u65e5".encode(), b"caf\xe9"], ids=["UTF-8", "bytes"])
def test_the_c_locale(stem: bytes, environment: dict[str, str]) -> None:
    name = picture(stem + b".png")
    told = process("apply", name, b"none" + name, "--filter", "identity", environment=environment)
    first, last = told[2].splitlines()
    assert (told[0], told[1]) == (1, derived(stem) + b"\n")
    assert first.startswith(b"convcli: none")
    assert b".png: no such file or directory" in first
    assert first.decode().isprintable()
    assert last == b"convcli: 2 inputs: 1 done, 1 failed"
    assert_is_the_picture(derived(stem))
    code, out, err = process("pool", name, "--f", "1", "--json", environment=environment)
    assert (code, err) == (0, b"")
    assert json.loads(out)["input"].encode("utf-8", "surrogateescape") == name


PIPED = [("--help",), ("apply", "--help"), ("filters",), ("filters", "sobel"), ("params", "resnet18", "--by-block"),
         ("apply", "--fliter", "box"), ("aply",), ("apply", "none.png", "none2.png", "--filter", "box")]  # fmt: skip


@pytest.mark.thorough(every=3)
@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("arguments", PIPED, ids=" ".join)
def test_no_variable_brings_colour_into_a_pipe(arguments: tuple[str, ...]) -> None:
    plain = process(*arguments, environment={"COLUMNS": "80", "TERM": "dumb", "NO_COLOR": "1"})
    assert plain == process(*arguments, environment=CI | {"COLUMNS": "80"})
    assert b"\x1b" not in plain[1] + plain[2]
    assert plain[1] + plain[2]


@pytest.mark.parametrize(
    ("environment", "colour", "escapes"),
    [
        ({"NO_COLOR": "1", **COLOURED}, False, True),
        ({"TERM": "dumb"}, False, False),
        ({"TERM": "xterm-256color", "COLUMNS": "20"}, True, True),
    ],
    ids=["no colour", "dumb", "narrow"],
)
def test_the_progress_of_a_batch_on_a_terminal(
    hostile: Nursery, environment: dict[str, str], colour: bool, escapes: bool
) -> None:
    names = [picture(f"{number}.png".encode()) for number in range(6)]
    with terminal() as (child, shown):
        ran = hostile("pool", *names, "-j", "2", stderr=child, environment=environment)
    assert (ran.code, ran.printed) == (0, [f"{number}-maxpool-2x2.png" for number in range(6)])
    end = (
        b"convcli: 6 inputs: 6\r\n  done\r\n"
        if "COLUMNS" in environment
        else b"convcli: 6 inputs: 6 done\r\n"
    )
    assert bytes(shown).endswith(end)
    coloured = [part for part in bytes(shown).split(b"\x1b[")[1:] if part.lstrip(b"0123456789;")[:1] == b"m"]
    assert [part for part in coloured if part[:1] in b"349" and b"m" in part[:10]] == [] or colour
    assert (b"\x1b" in shown) == escapes


@pytest.mark.thorough(every=3)
@pytest.mark.parametrize(
    ("arguments", "whole"),
    [
        (("shape", "--n", "1234567x7654321", "--f", "5"), "1234563x7654317"),
        (("params", "--f", "5", "--c-in", "300000", "--c-out", "600000"), "4,500,000,600,000"),
        (("apply", "a-name-longer-than-twenty-columns.png", "--filter", "identity"), "a-name-longer-than-twenty-columns-identity.png"),
        (("filters", "gaussian:sigma=2"), "gaussian:sigma=2"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)  # fmt: skip
@pytest.mark.parametrize(
    "environment", [{}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}], ids=str
)
def test_twenty_columns_cut_no_value(
    in_folder: Path, arguments: tuple[str, ...], whole: str, environment: dict[str, str]
) -> None:
    assert in_folder.is_dir()
    picture(b"a-name-longer-than-twenty-columns.png")
    ran = on_terminal(*arguments, columns=20, **environment)
    assert (ran.code, ran.err) == (0, "")
    assert whole in ran.out
    assert "\u2026" not in ran.out
    assert "\x1b" not in ran.out or not environment
