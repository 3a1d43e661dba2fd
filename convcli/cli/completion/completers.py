"""Completers: the values that completion offers for an option.

Each function is passed to an option as ``autocompletion``. It takes the text before the cursor and returns
whole texts; those that do not start with that text are dropped later. An option without a completer takes
file names, which the shell completes.
"""

import os
import re
from collections.abc import Callable, Collection
from contextlib import suppress
from importlib import import_module
from math import isinf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from convcli.kernels.builders import CatalogEntry


__all__ = [
    "Candidates",
    "banks",
    "borders",
    "enum_values",
    "filters",
    "filters_or_files",
    "kernels",
    "keyword",
    "lesson_steps",
    "networks",
]

Candidates = list[tuple[str, str]]
"""Texts and their descriptions."""
Completer = Callable[[str], Candidates]

MAX_LISTED_VALUES = 8  # an integer parameter of a range up to this length offers all its values
ROTATION_COUNTS = (4, 8, 16)
# Offered for options without a default.
ODD_NUMBERS = ("3", "5", "7")
EXAMPLE_ANGLES = ("0", "45", "90", "135")
EXAMPLE_NUMBERS = ("1", "2", "4")


def enum_values(module_and_name: str, *, without: Collection[str] = ()) -> Completer:
    """Offer the values of a StrEnum; its module is imported when the option is completed.

    Parameters
    ----------
    module_and_name : str
        Module and name of the StrEnum, as in ``convcli.convolution.rendering:SignedMapping``.
    without : collection of str
        Words that this option does not accept.

    Examples
    --------
    >>> [word for word, _ in enum_values("convcli.convolution.pooling:PoolMode")("")]
    ['max', 'avg']
    """

    def offer(incomplete: str) -> Candidates:  # noqa: ARG001 -- Typer looks for this name
        module, _, name = module_and_name.partition(":")
        return [(str(word), "") for word in getattr(import_module(module), name) if word not in without]

    return offer


def keyword(word: str, meaning: str) -> Completer:
    """Offer the one word that is accepted instead of a number.

    Examples
    --------
    >>> keyword("gain", "divide by the gain")("")
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
    return _filter_options(CATALOG[name], f"{name}:", parameters) if name in CATALOG else []


def banks(incomplete: str) -> Candidates:
    """Offer the filters that can be rotated and, after a colon, counts and options.

    Examples
    --------
    >>> [bank for bank, _ in banks("gabor:")]
    ['gabor:4', 'gabor:8', 'gabor:16']
    """
    from convcli.kernels.catalog import CATALOG  # late, as above

    name, colon, rest = incomplete.partition(":")
    rotatable = {entry.name: entry for entry in CATALOG.values() if "angle" in entry.options}
    if not colon:
        return [(f"{entry.name}:", entry.summary) for entry in rotatable.values()]
    if name not in rotatable:
        return []
    count, comma, parameters = rest.partition(",")
    if not comma:
        return [(f"{name}:{copies}", f"{copies} rotated copies") for copies in ROTATION_COUNTS]
    return _filter_options(rotatable[name], f"{name}:{count},", parameters, without=("angle", "norm"))


def _filter_options(
    entry: "CatalogEntry", prefix: str, text: str, without: Collection[str] = ()
) -> Candidates:
    """Offer the options of a filter that are not given yet, or values of the last option."""
    from convcli.kernels.builders import Choice  # late, as above

    given, comma, last = text.rpartition(",")
    key, equals, _ = last.partition("=")
    prefix += given + comma
    if not equals:
        used = {*without, *(part.partition("=")[0] for part in given.split(","))}
        unused = {name: option for name, option in entry.options.items() if name not in used}
        return [(f"{prefix}{name}=", option.description) for name, option in unused.items()]
    option = entry.options.get(key)
    if option is None:
        return []
    if isinstance(option, Choice):
        values = list(option.combinations)
    elif option.integer and option.maximum - option.minimum <= MAX_LISTED_VALUES:
        step = 2 if option.odd else 1
        values = [f"{value}" for value in range(int(option.minimum), int(option.maximum) + 1, step)]
    elif option.default is not None:
        values = [f"{option.default:g}"]
    else:
        examples = EXAMPLE_ANGLES if isinf(option.minimum) else EXAMPLE_NUMBERS
        values = list(ODD_NUMBERS if option.odd else examples)
    return [(f"{prefix}{key}={value}", option.description) for value in values]


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

    return _files(incomplete[1:], WEIGHT_FILES, prefix="@")


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


def lesson_steps(incomplete: str) -> Candidates:  # noqa: ARG001 -- as above
    """Offer the numbers of the lesson's steps.

    Examples
    --------
    >>> lesson_steps("")[1]
    ('2', 'The millions of a dense layer')
    """
    from convcli.cli.lesson.steps import read_steps  # late, as above

    return [(str(step.number), step.title) for step in read_steps()]


def networks(incomplete: str) -> Candidates:
    """Offer the shipped networks, .net and model files, or the words that can continue a network's layers.

    Examples
    --------
    >>> [text for text, _ in networks("conv 6 f5, relu") if text.startswith("conv 6 f5, relu")]
    ['conv 6 f5, relu', 'conv 6 f5, relu6']
    >>> networks("conv 6 f5, maxp")[-1]
    ('conv 6 f5, maxpool fF [sS] [pP] [dD] [ceil]', 'usage')
    >>> [text for text, _ in networks("conv 6 f5 nob") if "nob" in text]
    ['conv 6 f5 nobias']
    """
    from convcli.networks.sources import shipped_networks, shipped_title
    from convcli.networks.text.layer_words import next_words  # late: other commands need no networks

    start = max(incomplete.rfind(mark) for mark in ",{|\n") + 1
    part = incomplete[start:].lstrip()
    prefix = incomplete[: len(incomplete) - len(part)]
    if start and not part:
        prefix = prefix if prefix.endswith((" ", "\n")) else f"{prefix} "
    candidates: Candidates = []
    if not start and " " not in part:
        candidates = [(name, shipped_title(name)) for name in shipped_networks() if name.startswith(part)]
        candidates += _files(part, (".net", ".onnx", ".pt2", ".keras", ".json"))
        if not part:
            return candidates
    layer, _, last = part.rpartition(" ")
    layer_prefix = prefix + (f"{layer} " if layer else "")
    words = next_words(layer.split(), tags=dict.fromkeys(re.findall(r"@[^\s,{}|#@]+", prefix)))
    matching = {word: usage for word, usage in words.items() if word.startswith(last)}
    candidates += [(layer_prefix + word, usage if usage != word else "") for word, usage in matching.items()]
    if len(candidates) == len(matching) == 1 and not layer:
        # The shell would end the word and close its quotes after a single match, but the layer may go on.
        ((text, usage),) = candidates
        continuation = layer_prefix + usage if usage else f"{text},"
        candidates.append((continuation, "usage"))
    return candidates


def _files(text: str, suffixes: tuple[str, ...], prefix: str = "") -> Candidates:
    """Offer the files with these suffixes, and all folders."""
    folder, slash, start = text.rpartition("/")
    candidates: Candidates = []
    directory = os.path.expanduser(folder + slash)  # noqa: PTH111 -- a path would lose the slash
    with suppress(OSError, ValueError), os.scandir(directory or ".") as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            is_hidden = entry.name.startswith(".") and not start
            fits = entry.is_dir() or entry.name.lower().endswith(suffixes)
            if fits and not is_hidden and entry.name.startswith(start) and entry.name.isprintable():
                candidates.append((f"{prefix}{folder}{slash}{entry.name}{'/' * entry.is_dir()}", ""))
    return candidates
