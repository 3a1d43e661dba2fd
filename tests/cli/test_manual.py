"""The manual page: whole, current, and roff that shows what it says."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from convcli.cli.app import root_command
from convcli.cli.command_line import COMMANDS
from convcli.cli.manual import escape
from convcli.kernels.catalog import CATALOG
from convcli.networks.sources import shipped_networks
from tests.support.command_line import Runner

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "convcli" / "cli" / "convcli.1"
MACROS = {"TH", "if", "SH", "SS", "PP", "TP", "nf", "fi", "br", "nh", "ad"}
ESCAPES = {
    r"\e": "\\",
    r"\-": "-",
    r"\(aq": "'",
    r"\(ga": "`",
    r"\(ha": "^",
    r"\(ti": "~",
    r"\(dq": '"',
    r"\&": "",
}
ESCAPE = re.compile(r"\\\[u([0-9A-F]{4,6})\]|\\\(..|\\f[BIR]|\\.")


def told(line: str) -> str:
    """Return what a line of roff shows; an escape that is not known fails."""

    def character(match: re.Match[str]) -> str:
        if match[1]:
            return chr(int(match[1], 16))
        return "" if match[0].startswith(r"\f") else ESCAPES[match[0]]

    return ESCAPE.sub(character, line)


def lines() -> list[str]:
    return COMMITTED.read_text("ascii").splitlines()[1:]


def sections(macro: str) -> dict[str, list[str]]:
    """Return the lines below each heading."""
    found: dict[str, list[str]] = {}
    for line in lines():
        if line.startswith((f".{macro} ", ".SH ")):
            found[told(line.partition(" ")[2]).strip('"')] = []
        elif found:
            found[list(found)[-1]].append(line)
    return found


def test_the_committed_page_is_current(convcli: Runner) -> None:
    """Where it is not: ``convcli --man > convcli/cli/convcli.1``."""
    ran = convcli("--man")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == COMMITTED.read_text("ascii")


def test_it_is_installed_where_man_looks() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    (source,) = settings["tool"]["setuptools"]["data-files"]["share/man/man1"]
    assert ROOT / source == COMMITTED


def test_every_line_is_text_or_a_macro_that_is_known() -> None:
    for line in lines():
        assert not line.startswith("'"), line
        if line.startswith("."):
            assert line[1:].partition(" ")[0] in MACROS, line
        told(line)  # fails where an escape is unknown


def test_the_sections_are_those_of_manual_pages() -> None:
    assert [line[4:] for line in lines() if line.startswith(".SH ")] == [
        "NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "COMMANDS", "FILTERS", "LAYERS", "NETWORKS",
        "EXIT STATUS", "ENVIRONMENT", "FILES", "SEE ALSO",
    ]  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_example_of_a_command_is_there(name: str) -> None:
    root = root_command()
    context = typer.Context(root)
    one = root.get_command(context, name)
    assert one is not None
    ((heading, body),) = [item for item in sections("SS").items() if item[0].startswith(f"convcli {name} ")]
    bold = {told(word) for line in body for word in re.findall(r"\\fB(.*?)\\fR", line)}
    for parameter in one.params:
        if parameter.param_type_name == "option":
            assert set(parameter.opts) <= bold
    assert "[OPTIONS]" in heading
    shown = " ".join(" ".join(map(told, body)).replace("\\ ", " ").split())
    examples = [line.strip() for line in (one.help or "").splitlines() if line.strip().startswith("convcli ")]
    assert len(examples) >= 2
    for example in examples:
        assert " ".join(example.split()) in shown


def test_hidden_options_are_there() -> None:
    shown = " ".join(map(told, sections("SH")["OPTIONS"]))
    for option in ("--version", "--man", "--install-completion", "--show-completion", "--shell SHELL"):
        assert option in shown


def test_filters_and_networks_are_there() -> None:
    found = sections("SH")
    assert [told(line) for line in found["FILTERS"] if line.startswith(r"\fB")] == list(CATALOG)
    assert [told(line) for line in found["NETWORKS"] if line.startswith(r"\fB")] == list(shipped_networks())


def test_what_is_not_wrapped_fits_80_columns() -> None:
    is_kept = False
    for line in lines():
        is_kept = line == ".nf" or (is_kept and line != ".fi")
        assert not is_kept or len(told(line)) + 7 <= 80, line


@given(st.text(st.characters(min_codepoint=32, blacklist_categories=["Cs", "Cc"])))
def test_escaped_text_is_shown_as_it_is(text: str) -> None:
    written = escape(text)
    assert written.isascii()
    assert not written.startswith((".", "'"))
    assert told(written) == text


@pytest.mark.skipif(shutil.which("mandoc") is None, reason="there is no mandoc")
def test_mandoc_finds_nothing_wrong() -> None:
    ran = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", COMMITTED], capture_output=True, check=False
    )
    complaints = ran.stdout.decode().splitlines()
    assert [line for line in complaints if "missing date" not in line] == []


@pytest.mark.skipif(shutil.which("groff") is None, reason="there is no groff")
def test_groff_finds_nothing_wrong() -> None:
    ran = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-z", COMMITTED], capture_output=True, check=True)
    assert ran.stderr == b""


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_terminals_of_the_c_locale_show_every_sign() -> None:
    asked = ["groff", "-man", "-ww", "-Tascii", str(COMMITTED)]
    ran = subprocess.run(asked, capture_output=True, check=True)
    assert ran.stderr == b""
    assert b"(f*f*c_in + 1)*c_out parameters" in b" ".join(ran.stdout.split())
