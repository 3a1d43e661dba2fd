"""The manual page, generated from the help pages.

``convcli/cli/convcli.1`` is the page that a wheel installs. ``convcli --man > convcli/cli/convcli.1``
regenerates it, and a test fails when it is out of date.
"""

import re
from collections.abc import Iterable, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import typer

from convcli import __version__
from convcli.cli.help_formatting import ARGUMENTS, paragraphs, parameter_groups, split_remark
from convcli.cli.help_topics import LAYER_SYNTAX, NETWORK_EXAMPLES, layer_usages

if TYPE_CHECKING:
    from typer.core import TyperGroup


__all__ = ["escape", "manual_page"]

MAX_COLUMNS = 71  # columns of a line that man does not wrap: 80 without its margins
SOURCE_COLUMNS = 76
SPECIAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}

CONVENTIONS = """\
Standard output carries only the answer. A terminal shows it with explanations; a pipe gets the bare answer (a
size, a number, the path of each output, tab-separated rows); --json prints the complete answer. Messages go
to standard error. - is standard input or output; -- ends the options. Existing files are overwritten only
with --force, and input files never. A size is HxW or HxWxC; a single number is the side of a square."""
EXIT_STATUS = (
    ("0", "Success."),
    ("1", "An input failed, an output could not be written, or a check (--expect, --max-params) failed."),
    ("2", "Wrong usage; nothing was written."),
)
ENVIRONMENT = (
    ("NO_COLOR", "If set, terminal output has no colors."),
    ("COLUMNS", "Width of terminal output and of help pages (default: the width of the terminal)."),
    ("TERM", "Type of the terminal; dumb selects plain text."),
    ("CONVCLI_PURE", "If set to 1, numpy computes instead of the compiled core; see --version."),
    (
        "OPENBLAS_NUM_THREADS",
        "Threads of numpy's matrix products (default: 1). --jobs sets the threads of the filters.",
    ),
    (
        "HOME, SHELL",
        "The home folder for --install-completion, and the shell if convcli was not started from one.",
    ),
    ("XDG_DATA_HOME, XDG_CONFIG_HOME, ZDOTDIR", "Folders for --install-completion instead of those below."),
)
FILES = (
    ("*.net", "A network: its layers as text."),
    (
        "*.csv, *.txt, *.json, *.npy",
        "Kernels for --kernel @FILE; .csv, .txt and .npy files can also be input pictures.",
    ),
    ("*.npz, *.safetensors", "Weights for --kernel @FILE:TENSOR."),
    (
        "~/.local/share/convcli/completion.bash, .zsh",
        "Written by --install-completion; .bashrc or .zshrc loads it.",
    ),
    ("~/.config/fish/completions/convcli.fish", "Written by --install-completion for fish."),
)
SEE_ALSO = "README and docs/ of convcli; convert(1), gm(1), vips(1)."


def escape(text: str) -> str:
    r"""Escape a text so that roff shows it unchanged and it can be copied and pasted.

    Examples
    --------
    >>> escape(".net 'x' -o a\\b 3×3")
    '\\&.net \\(aqx\\(aq \\-o a\\eb 3\\[u00D7]3'
    """
    safe = "".join(SPECIAL.get(c, c if c.isascii() else rf"\[u{ord(c):04X}]") for c in text)
    return rf"\&{safe}" if safe.startswith(".") else safe


def manual_page(root: "TyperGroup") -> str:
    """Return the manual page of all commands, as roff.

    Examples
    --------
    >>> from convcli.cli.app import root_command
    >>> print(manual_page(root_command()).splitlines()[5])
    .SH NAME
    """
    context = typer.Context(root, info_name="convcli", **root.context_settings)
    first_paragraph, *further_paragraphs = paragraphs(root)
    description = [paragraph for paragraph in further_paragraphs if not paragraph.startswith("More:")]
    lines = [
        r".\" Made by: convcli --man > convcli/cli/convcli.1",
        f'.TH CONVCLI 1 "" "convcli {escape(__version__)}" "User Commands"',
        r".if !c\[u00B7] .fchar \[u00B7] *",  # else groff leaves it out in the C locale
        ".nh",  # no hyphens in names; with .ad l no widened spaces
        ".ad l",
        ".SH NAME",
        rf"convcli \- {escape(first_paragraph[0].lower() + first_paragraph[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        r"\fBconvcli\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
        ".br",
        r"\fBconvcli\fR [\fIOPTIONS\fR]",
        ".SH DESCRIPTION",
        *_roff_paragraphs([first_paragraph, *description, CONVENTIONS]),
        ".SH OPTIONS",
        *_parameters(root, context),
        ".SH COMMANDS",
    ]
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        command_context = typer.Context(command, info_name=name, parent=context, **command.context_settings)
        usage = " ".join(command.collect_usage_pieces(command_context))
        lines += [f'.SS "convcli {name} {escape(usage)}"', *_roff_paragraphs(paragraphs(command))]
        lines += _parameters(command, command_context)
    lines += [
        *_reference(),
        ".SH EXIT STATUS",
        *_definition_list(EXIT_STATUS),
        ".SH ENVIRONMENT",
        *_definition_list(ENVIRONMENT),
        ".SH FILES",
        *_definition_list(FILES),
        ".SH SEE ALSO",
        *_roff_paragraphs([SEE_ALSO]),
    ]
    return "\n".join(lines) + "\n"


def _roff_paragraphs(paragraphs: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for number, paragraph in enumerate(paragraphs):
        lines += [".PP"] * (number > 0)
        if paragraph.startswith("\b"):
            examples = paragraph.splitlines()[1:]
            lines += [".nf", *(escape(part) for line in examples for part in _break_example(line)), ".fi"]
        else:
            lines += _roff_lines(paragraph)
    return lines


def _roff_lines(text: str) -> list[str]:
    """Break a text into lines; roff fills them again."""
    return [
        escape(line) for line in wrap(text, SOURCE_COLUMNS, break_long_words=False, break_on_hyphens=False)
    ]


def _break_example(example: str) -> list[str]:
    """Break an example that is too long: before its remark, then before an option of the command."""
    if len(example) <= MAX_COLUMNS:
        return [example]
    command, *remark = split_remark(example).splitlines()
    if len(command) > MAX_COLUMNS:
        end = command.rindex(" -", 0, MAX_COLUMNS)
        return [f"{command[:end]} \\", f"    {command[end + 1 :]}", *remark]
    return [command, *remark]


def _parameters(command: Any, context: Any) -> list[str]:
    """Return the arguments and options under their headings, including the hidden options."""
    groups = parameter_groups(command, context, hidden=True)
    has_headings = len(groups.keys() - {ARGUMENTS}) > 1
    lines: list[str] = []
    for heading, rows in groups.items():
        if has_headings and heading != ARGUMENTS:
            lines += [".PP", rf"\fI{heading}:\fR"]
        for names, description in rows:
            words = [
                rf"\fB{escape(word)}\fR" if word.startswith("-") else rf"\fI{escape(word)}\fR"
                for word in re.split(", | +", names)
            ]
            joined = re.sub(r"(\\fB[^ ]*) (?=\\fB)", r"\1, ", " ".join(words))
            lines += [".TP", joined, *_roff_lines(description)]
    return lines


def _definition_list(rows: Sequence[tuple[str, str]]) -> list[str]:
    return [
        line
        for name, description in rows
        for line in (".TP", rf"\fB{escape(name)}\fR", *_roff_lines(description))
    ]


def _reference() -> list[str]:
    """Return the sections on filters, layers and networks."""
    from convcli.kernels.catalog import CATALOG  # late, as below: help pages need none of it
    from convcli.networks.sources import shipped_networks, shipped_title

    filters = [
        (entry.name, entry.summary + f"; takes {', '.join(entry.options)}" * bool(entry.options))
        for entry in CATALOG.values()
    ]
    with_options, single_words = layer_usages()
    return [
        ".SH FILTERS",
        *_definition_list(filters),
        ".SH LAYERS",
        *_roff_paragraphs([LAYER_SYNTAX]),
        ".PP",
        ".nf",
        *map(escape, with_options),
        ".fi",
        ".PP",
        *_roff_lines(", ".join(single_words)),
        ".PP",
        ".nf",
        *(escape(part) for example in NETWORK_EXAMPLES for part in _break_example(example)),
        ".fi",
        ".SH NETWORKS",
        *_definition_list([(name, shipped_title(name)) for name in shipped_networks()]),
    ]
