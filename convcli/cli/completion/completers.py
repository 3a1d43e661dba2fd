"""Completers: what completion offers for the value of an option.

Each function is passed to an option as ``autocompletion``. It takes the text before the cursor and returns
whole texts; those that do not start with that text are dropped later. An option without a completer takes
file names, which the shell completes.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from math import isinf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.kernels.builders import CatalogEntry


__all__ = [
    "Candidates",
    "Completer",
    "banks",
    "borders",
    "filters",
    "filters_or_files",
    "kernels",
    "networks",
    "numbers_or",
    "words_of",
]

Candidates = list[tuple[str, str]]
"""Texts and their descriptions."""
Completer = Callable[[str], Candidates]

NEAR = 8  # an integer parameter of a range up to this length offers all its values
TURNS = (4, 8, 16)
ODD, ANGLES, AMOUNTS = (
    ("3", "5", "7"),
    ("0", "45", "90", "135"),
    ("1", "2", "4"),
)  # offered if there is no default


def words_of(place: str, *, without: str = "") -> Completer:
    """Offer the words of a closed choice; its module is imported when the option is completed.

    Parameters
    ----------
    place : str
        Module and name of the StrEnum, as in ``convcli.convolution.rendering:SignedMapping``.
    without : str
        A word that this option does not accept.

    Examples
    --------
    >>> [word for word, _ in words_of("convcli.convolution.pooling:PoolMode")("")]
    ['max', 'avg']
    """

    def offer(incomplete: str) -> Candidates:  # noqa: ARG001 -- Typer looks for this name
        module, _, name = place.partition(":")
        return [(str(word), "") for word in getattr(import_module(module), name) if word != without]

    return offer


def numbers_or(word: str, meaning: str) -> Completer:
    """Offer the one word that is accepted instead of a number.

    Examples
    --------
    >>> numbers_or("gain", "divide by the gain")("")
    [('gain', 'divide by the gain')]
    """

    def offer(incomplete: str) -> Candidates:  # noqa: ARG001 -- as above
        return [(word, meaning)]

    return offer


def borders(incomplete: str) -> Candidates:  # noqa: ARG001 -- as above
    """Offer the borders; ``constant:`` is followed by its value.

    Examples
    --------
    >>> [border for border, _ in borders("")][:3]
    ['zero', 'constant:', 'edge']
    """
    from convcli.convolution.borders import BorderKind  # late: only this completer needs numpy

    return [(f"{kind}:" if kind == BorderKind.CONSTANT else str(kind), "") for kind in BorderKind]


def filters(incomplete: str) -> Candidates:
    """Offer the named filters and, after a colon, their options.

    Examples
    --------
    >>> [name for name, _ in filters("sobel")][5:8]
    ['sobel-x', 'sobel-y', 'sobel']
    >>> filters("gabor:angle=30,pha")[-2]
    ('gabor:angle=30,phase=', 'phase in degrees: 0 is even, 90 is odd')
    """
    from convcli.kernels.catalog import CATALOG  # late, as above

    name, colon, parameters = incomplete.partition(":")
    if not colon:
        return [(entry.name, entry.summary) for entry in CATALOG.values()] + [
            (f"{entry.name}:", f"with {', '.join(entry.options)}")
            for entry in CATALOG.values()
            if entry.name == name and entry.options
        ]
    return _parameters(CATALOG[name], f"{name}:", parameters) if name in CATALOG else []


def banks(incomplete: str) -> Candidates:
    """Offer the filters that can be rotated and, after a colon, counts and options.

    Examples
    --------
    >>> [bank for bank, _ in banks("gabor:")]
    ['gabor:4', 'gabor:8', 'gabor:16']
    """
    from convcli.kernels.catalog import CATALOG  # late, as above

    name, colon, rest = incomplete.partition(":")
    turned = {entry.name: entry for entry in CATALOG.values() if "angle" in entry.options}
    if not colon:
        return [(f"{entry.name}:", entry.summary) for entry in turned.values()]
    count, comma, parameters = rest.partition(",")
    if not comma:
        return [(f"{name}:{turns}", f"{turns} rotated copies") for turns in TURNS if name in turned]
    return _parameters(turned[name], f"{name}:{count},", parameters, "angle") if name in turned else []


def _parameters(entry: "CatalogEntry", before: str, typed: str, without: str = "") -> Candidates:
    """Offer the options of a filter that are not given yet, or values of the last option."""
    given, comma, last = typed.rpartition(",")
    key, equals, _ = last.partition("=")
    before += given + comma
    if not equals:
        taken = {without, *(part.partition("=")[0] for part in given.split(","))}
        left = {name: spec for name, spec in entry.options.items() if name not in taken}
        return [(f"{before}{name}=", spec.description) for name, spec in left.items()]
    spec = entry.options.get(key)
    if spec is None:
        return []
    if spec.integer and spec.maximum - spec.minimum <= NEAR:
        step = 2 if spec.odd else 1
        values = [f"{value}" for value in range(int(spec.minimum), int(spec.maximum) + 1, step)]
    elif spec.default is not None:
        values = [f"{spec.default:g}"]
    else:
        values = list(ODD if spec.odd else ANGLES if isinf(spec.minimum) else AMOUNTS)
    return [(f"{before}{key}={value}", spec.description) for value in values]


def kernels(incomplete: str) -> Candidates:
    """Offer kernel files after an @.

    Examples
    --------
    >>> kernels("")
    [('@', 'a kernel file')]
    """
    if not incomplete.startswith("@"):
        return [("@", "a kernel file")]
    from convcli.kernels.weights import WEIGHT_FILES  # late, as above

    return _files(incomplete[1:], WEIGHT_FILES, before="@")


def filters_or_files(incomplete: str) -> Candidates:
    """Offer the named filters, and kernel files after an @.

    Examples
    --------
    >>> filters_or_files("")[-1]
    ('@', 'a kernel file')
    """
    if incomplete.startswith("@"):
        return kernels(incomplete)
    return [*filters(incomplete), *kernels(incomplete)]


def networks(incomplete: str) -> Candidates:
    """Offer the shipped networks and .net files, or the words that can continue a network's layers.

    Examples
    --------
    >>> [text for text, _ in networks("conv 6 f5, relu") if text.startswith("conv 6 f5, relu")]
    ['conv 6 f5, relu', 'conv 6 f5, relu6']
    >>> networks("conv 6 f5, maxp")[-1]
    ('conv 6 f5, maxpool fF [sS] [pP] [dD] [ceil]', 'usage')
    >>> [text for text, _ in networks("conv 6 f5 nob") if "nob" in text]
    ['conv 6 f5 nobias']
    """
    from convcli.networks.layer_words import next_words  # late: other commands need no networks
    from convcli.networks.sources import shipped_networks, shipped_title

    start = max(incomplete.rfind(mark) for mark in ",{|\n") + 1
    part = incomplete[start:].lstrip()
    before = incomplete[: len(incomplete) - len(part)]
    if start and not part:
        before = before if before.endswith((" ", "\n")) else f"{before} "
    offered: Candidates = []
    if not start and " " not in part:
        offered = [(name, shipped_title(name)) for name in shipped_networks() if name.startswith(part)]
        offered += _files(part, (".net",))
        if not part:
            return offered
    layer, _, last = part.rpartition(" ")
    lead = before + (f"{layer} " if layer else "")
    words = next_words(layer.split())
    begun = {word: usage for word, usage in words.items() if word.startswith(last)}
    offered += [(lead + word, usage if usage != word else "") for word, usage in begun.items()]
    if len(offered) == len(begun) == 1 and not layer:
        # The shell would end the word and close its quotes after a single match, but the layer may go on.
        ((text, usage),) = offered
        goes_on = lead + usage if usage else f"{text},"
        offered.append((goes_on, "usage"))
    return offered


def _files(typed: str, suffixes: tuple[str, ...], before: str = "") -> Candidates:
    """Offer the files with these suffixes, and all folders."""
    folder, slash, start = typed.rpartition("/")
    offered: Candidates = []
    place = os.path.expanduser(folder + slash)  # noqa: PTH111 -- a path would lose the slash
    with suppress(OSError, ValueError), os.scandir(place or ".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            is_hidden = entry.name.startswith(".") and not start
            fits = entry.is_dir() or entry.name.lower().endswith(suffixes)
            if fits and not is_hidden and entry.name.startswith(start) and entry.name.isprintable():
                offered.append((f"{before}{folder}{slash}{entry.name}{'/' * entry.is_dir()}", ""))
    return offered
