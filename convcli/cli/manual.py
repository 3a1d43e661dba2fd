"""The manual page, made of what the help pages are made of.

``convcli/cli/convcli.1`` is this page as a wheel installs it. ``convcli --man > convcli/cli/convcli.1`` makes
it anew, and a test says when it has to be.
"""

import re
from collections.abc import Iterable, Sequence
from copy import copy
from inspect import cleandoc
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import typer

from convcli import __version__
from convcli.cli.app import folded
from convcli.cli.topics import EXAMPLES, LAYERS, layer_usages

if TYPE_CHECKING:
    from typer.core import TyperGroup

__all__ = ["escape", "manual_page"]

WIDEST = 71  # of what man does not wrap: 80 columns less its margins
SOURCE_WIDTH = 76
SPECIAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti", '"': r"\(dq"}

MANNERS = """Standard output carries the answer and nothing else: on a terminal for a person, into a pipe the
bare answer (a size, a number, the path of each output, rows parted by tabs), with --json the complete one.
Messages go to standard error. - is standard input or output; -- ends the options. An existing file is
replaced with --force alone, and an input never is. A size is HxW or HxWxC; one number is the side of a
square."""
EXIT_STATUS = (
    ("0", "All was done."),
    (
        "1",
        "Some input failed, an output could not be written, or a check (--expect, --max-params) was not met.",
    ),
    ("2", "Wrong usage: nothing was started."),
)
ENVIRONMENT = (
    ("NO_COLOR", "If it is set, no colours on the terminal."),
    ("COLUMNS", "Width of the terminal, where it should be another than it says; of the help pages, too."),
    ("TERM", "What the terminal can show; with dumb nothing but text."),
    ("OPENBLAS_NUM_THREADS", "Threads of numpy's matrix products; 1 unless set. --jobs is for the filters."),
    ("HOME, SHELL", "Where --install-completion installs, and for which shell, where none is running."),
    ("XDG_DATA_HOME, XDG_CONFIG_HOME, ZDOTDIR", "Folders of --install-completion instead of those below."),
)
FILES = (
    ("*.net", "A network: its layers, as text."),
    (
        "*.csv, *.txt, *.json, *.npy",
        "Kernels, for --kernel @FILE; the first two and the last are also read as pictures.",
    ),
    ("*.npz, *.safetensors", "Weights, for --kernel @FILE:TENSOR."),
    (
        "~/.local/share/convcli/completion.bash, .zsh",
        "Written by --install-completion; .bashrc or .zshrc loads it.",
    ),
    ("~/.config/fish/completions/convcli.fish", "Written by --install-completion in fish."),
)
SEE_ALSO = "README and docs/ of convcli; convert(1), gm(1), vips(1)."


def escape(text: str) -> str:
    r"""Write a text so that roff shows it as it is, copied and pasted, too.

    Examples
    --------
    >>> escape(".net 'x' -o a\\b 3×3")
    '\\&.net \\(aqx\\(aq \\-o a\\eb 3\\[u00D7]3'
    """
    safe = "".join(SPECIAL.get(c, c if c.isascii() else rf"\[u{ord(c):04X}]") for c in text)
    return rf"\&{safe}" if safe.startswith(".") else safe


def manual_page(root: "TyperGroup") -> str:
    """Return the manual page of the commands, as roff.

    Examples
    --------
    >>> from convcli.cli.app import command
    >>> print(manual_page(command()).splitlines()[5])
    .SH NAME
    """
    context = typer.Context(root, info_name="convcli", **root.context_settings)
    about, *rest = _paragraphs(root)
    lines = [
        r".\" Made by: convcli --man > convcli/cli/convcli.1",
        f'.TH CONVCLI 1 "" "convcli {escape(__version__)}" "User Commands"',
        r".if !c\[u00B7] .fchar \[u00B7] *",  # else groff leaves it out in the C locale
        ".nh",  # names are not to be hyphenated, nor spaces to be widened
        ".ad l",
        ".SH NAME",
        rf"convcli \- {escape(about[0].lower() + about[1:].rstrip('.'))}",
        ".SH SYNOPSIS",
        r"\fBconvcli\fR \fICOMMAND\fR [\fIOPTIONS\fR] [\fIARGUMENTS\fR]",
        ".br",
        r"\fBconvcli\fR [\fIOPTIONS\fR]",
        ".SH DESCRIPTION",
        *_text([about, *(paragraph for paragraph in rest if not paragraph.startswith("Help:")), MANNERS]),
        ".SH OPTIONS",
        *_parameters(root, context),
        ".SH COMMANDS",
    ]
    for name in root.list_commands(context):
        command = root.get_command(context, name)
        assert command is not None
        own = typer.Context(command, info_name=name, parent=context, **command.context_settings)
        usage = " ".join(command.collect_usage_pieces(own))
        lines += [f'.SS "convcli {name} {escape(usage)}"', *_text(_paragraphs(command))]
        lines += _parameters(command, own)
    lines += [
        *_reference(),
        ".SH EXIT STATUS",
        *_listed(EXIT_STATUS),
        ".SH ENVIRONMENT",
        *_listed(ENVIRONMENT),
    ]
    return "\n".join([*lines, ".SH FILES", *_listed(FILES), ".SH SEE ALSO", *_text([SEE_ALSO])]) + "\n"


def _paragraphs(command: Any) -> list[str]:
    """Return the paragraphs of what a command says of itself; examples begin with a line of their own."""
    return re.split(r"\n\s*\n", cleandoc(command.help or ""))


def _text(paragraphs: Iterable[str]) -> list[str]:
    lines: list[str] = []
    for number, paragraph in enumerate(paragraphs):
        lines += [".PP"] * (number > 0)
        if paragraph.startswith("\b"):
            examples = paragraph.splitlines()[1:]
            lines += [".nf", *(escape(part) for line in examples for part in _narrow(line)), ".fi"]
        else:
            lines += _filled(paragraph)
    return lines


def _filled(text: str) -> list[str]:
    """Break a text into lines, which roff puts together again."""
    return [escape(line) for line in wrap(text, SOURCE_WIDTH, break_long_words=False, break_on_hyphens=False)]


def _narrow(example: str) -> list[str]:
    """Break an example that is too long: its remark first, then a command before an option."""
    if len(example) <= WIDEST:
        return [example]
    command, *remark = folded(example).splitlines()
    if len(command) > WIDEST:
        place = command.rindex(" -", 0, WIDEST)
        return [f"{command[:place]} \\", f"    {command[place + 1 :]}", *remark]
    return [command, *remark]


def _parameters(command: Any, context: Any) -> list[str]:
    """Return the arguments and options, those too that the help page leaves out for want of room."""
    lines: list[str] = []
    for parameter in command.get_params(context):
        shown = copy(parameter)
        shown.hidden = False
        names, meaning = shown.get_help_record(context)
        words = [
            rf"\fB{escape(word)}\fR" if word.startswith("-") else rf"\fI{escape(word)}\fR"
            for word in re.split(", | +", names)
        ]
        joined = re.sub(r"(\\fB[^ ]*) (?=\\fB)", r"\1, ", " ".join(words))
        lines += [".TP", joined, *_filled(meaning)]
    return lines


def _listed(rows: Sequence[tuple[str, str]]) -> list[str]:
    return [line for name, meaning in rows for line in (".TP", rf"\fB{escape(name)}\fR", *_filled(meaning))]


def _reference() -> list[str]:
    """Return the filters, layers and networks there are."""
    from convcli.kernels import CATALOG  # late, as the others: who asks for a help page needs none of it
    from convcli.network.sources import shipped, title_of

    filters = [
        (entry.name, entry.summary + f"; takes {', '.join(entry.parameters)}" * bool(entry.parameters))
        for entry in CATALOG.values()
    ]
    with_more, alone = layer_usages()
    return [
        ".SH FILTERS",
        *_listed(filters),
        ".SH LAYERS",
        *_text([LAYERS]),
        ".PP",
        ".nf",
        *map(escape, with_more),
        ".fi",
        ".PP",
        *_filled(", ".join(alone)),
        ".PP",
        ".nf",
        *(escape(part) for example in EXAMPLES for part in _narrow(example)),
        ".fi",
        ".SH NETWORKS",
        *_listed([(name, title_of(name)) for name in shipped()]),
    ]
