"""Looking up named filters, as in `sobel-x` or `gaussian:sigma=2`."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from numbers import Real
from typing import TYPE_CHECKING, Any

from convcli.errors import FilterError, MatrixError, closest_spelling, suggestion
from convcli.kernels.builders import CatalogEntry, Choice, Option, OptionValues
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Combination, Filter, whole_numbers_if_exact
from convcli.pictures.text_matrices import parse_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["get_filter", "kernel"]


def get_filter(name: str, **options: float | str | None) -> Filter:
    """Build a named filter.

    Parameters
    ----------
    name : str
        A name in `CATALOG`, optionally followed by options (``"gaussian:sigma=2"``).
    **options : float or str
        Options by name, as in ``angle=70`` or ``norm="l1"``; None means the default.

    Returns
    -------
    Filter
        Its coefficients are integers if every one is a whole number, else floats.

    Raises
    ------
    FilterError
        The name or an option is unknown, or a value is out of range.

    Examples
    --------
    >>> import convcli
    >>> convcli.get_filter("sobel-x").matrices
    (((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)),)
    >>> round(convcli.get_filter("gaussian:sigma=2").gain, 9)
    1.0
    """
    bare_name, typed = _split_options(str(name))
    if bare_name not in CATALOG:
        raise FilterError(bare_name[:100] or repr(bare_name), f"unknown filter: {_suggest_filter(bare_name)}")
    entry = CATALOG[bare_name]
    given = {key: value for key, value in options.items() if value is not None}
    for key in given.keys() & typed.keys():
        raise FilterError(name[:100], f"sets {key}, which is also given as {given[key]!r}; give it once")
    parsed = {key: _parse_value(entry, key, value) for key, value in typed.items()}
    values = {key: _validated(entry, key, value) for key, value in (parsed | given).items()}
    all_values: OptionValues = entry.defaults | {
        key: value for key, value in values.items() if not isinstance(value, str)
    }
    text = ",".join(
        f"{key}={str(value).removesuffix('.0')}"
        for key, value in values.items()
        if not isinstance(value, str) or value != entry.options[key].default
    )
    built = Filter(
        name=f"{entry.name}:{text}" if text else entry.name,
        matrices=tuple(map(whole_numbers_if_exact, entry.build(all_values))),
        summary=entry.summary,
        responds_to=entry.responds_to,
        source=entry.source,
        divisor=entry.divisor(all_values),
        combination=entry.combination,
    )
    words = {key: value for key, value in values.items() if isinstance(value, str)}
    if not entry.steered_title or "angle" not in all_values:
        return _with_choices(built, entry, words)
    for key, word in words.items():
        raise FilterError(
            built.name,
            f"{key}={word} combines two derivatives, but angle gives a single one; leave out one of them",
        )
    change = "falling" if entry.name == "vertical" else "growing"
    return replace(
        built,
        summary=f"{entry.steered_title} derivative along {all_values['angle']:g} degrees",
        responds_to=f"brightness {change} toward {all_values['angle']:g} degrees, counter-clockwise from x",
        combination=Combination.SINGLE,
    )


def _with_choices(built: Filter, entry: CatalogEntry, words: dict[str, str]) -> Filter:
    """Return a filter whose responses are combined as the words say."""
    for key, word in words.items():
        option = entry.options[key]
        assert isinstance(option, Choice)
        combination = option.combinations[word]
        if combination != built.combination:
            summary = f"{built.summary}, as the {combination} of both derivatives"
            built = replace(built, summary=summary, combination=combination)
    return built


def kernel(name: str, **options: float | str | None) -> NDArray[Any]:
    """Return the kernel of a named filter.

    Parameters
    ----------
    name : str
        A filter with one kernel, such as ``"sobel-x"``; `convcli filters` lists all filters.
    **options : float
        Options by name: ``kernel("gaussian", sigma=2)``, ``kernel("sobel-x", angle=70)``.

    Returns
    -------
    2-D array
        int64 if every coefficient is a whole number, else float64; read-only.

    Raises
    ------
    FilterError
        The name or an option is unknown, a value is out of range, or the filter combines several kernels.

    Examples
    --------
    >>> import convcli
    >>> convcli.kernel("vertical").tolist()
    [[1, 0, -1], [1, 0, -1], [1, 0, -1]]
    """
    built = get_filter(name, **options)
    if len(built.matrices) > 1:
        raise FilterError(
            built.name,
            f"combines {len(built.matrices)} kernels ({built.combination}); use get_filter and "
            "apply_filter, or name a filter with one kernel",
        )
    return built.kernels[0]


def _split_options(text: str) -> tuple[str, dict[str, str]]:
    """Split ``name:key=value,key=value`` into the name and the values by key."""
    name, colon, rest = text.strip().partition(":")
    values: dict[str, str] = {}
    for part in rest.split(",") if colon else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not key or not equals:
            entry = CATALOG.get(name.strip().lower())
            example = next(iter(entry.options), "") if entry else ""
            number = value or key
            number = number if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", number) else "3"
            written = f"{name}:{example}={number}" if example else "gaussian:sigma=2"
            raise FilterError(text[:100], f"options are written by name, as in {written}")
        if key in values:
            raise FilterError(text[:100], f"gives {key} twice")
        values[key] = value
    return name.strip().lower(), values


def _suggest_filter(text: str) -> str:
    """Suggest a filter, with its options if something other than a colon separates them from the name."""
    name, _, parameters = re.sub(r"[\s,;=(]+", ":", text, count=1).partition(":")
    entry = CATALOG.get(name)
    if entry is None or not entry.options or not parameters:
        return suggestion(text, CATALOG)
    named = "" if "=" in parameters else f"{next(iter(entry.options))}="
    if named and not parameters[0].isdecimal():  # not a value but part of the name, as in sobel x
        return suggestion(text, CATALOG)
    return f"did you mean {name}:{named}{parameters.rstrip(') ')[:50]}?"


def _option(entry: CatalogEntry, key: str) -> Option | Choice:
    """Return an option of a filter, or raise FilterError if the filter does not have it."""
    if key not in entry.options:
        raise FilterError(entry.name, _unknown_option(entry, key))
    return entry.options[key]


def _accepted_values(option: Option | Choice) -> str:
    """Describe the values that an option accepts, as in ``an odd number from 3 to 7``."""
    if isinstance(option, Choice):
        *others, last = option.combinations
        return f"{', '.join(others)} or {last}"
    limits = "" if math.isinf(option.minimum) else f" from {option.minimum:g} to {option.maximum:g}"
    if option.odd:
        return f"an odd number{limits}"
    if option.integer:
        return f"a whole number{limits}"
    return f"a number{limits}" if limits else "a finite number"


def _parse_value(entry: CatalogEntry, key: str, text: str) -> float | str:
    option = _option(entry, key)
    if isinstance(option, Choice):
        return text
    try:
        return parse_number(text, key)
    except MatrixError:
        why = f"must be {_accepted_values(option)} ({option.description})"
        raise FilterError(f"{entry.name}:{key}={text[:50]}", why) from None


def _validated(entry: CatalogEntry, key: str, value: float | str) -> float | str:
    option = _option(entry, key)
    if isinstance(option, Choice):
        word = str(value).lower()
        if word not in option.combinations:
            why = f"must be {_accepted_values(option)} ({option.description})"
            raise FilterError(f"{entry.name}:{key}={str(value)[:50]}", why)
        return word
    if not isinstance(value, Real) or isinstance(value, bool):
        raise FilterError(f"{entry.name}:{key}={value!r}", "is not a number")
    try:
        number: float = int(value) if option.integer and float(value) % 1 == 0 else float(value)
    except OverflowError:  # an integer too large for a float
        number = math.inf
    in_range = math.isfinite(number) and option.minimum <= number <= option.maximum
    if not in_range or (option.integer and number % 1) or (option.odd and number % 2 == 0):
        why = f"must be {_accepted_values(option)} ({option.description})"
        raise FilterError(f"{entry.name}:{key}={number}", why)
    return number


def _unknown_option(entry: CatalogEntry, key: str) -> str:
    if key in ("angle", "norm"):
        having = [other.name for other in CATALOG.values() if key in other.options]
        family = entry.name.removesuffix("-x").removesuffix("-y")
        if family in having:
            return f"has no option {key}: use {family}, which has it"
        if key == "angle":
            return f"has no option angle; these filters have it: {', '.join(having)}"
    if not entry.options:
        return f"has no options, not even {key[:50]}"
    near = closest_spelling(key, entry.options)
    if near is not None:
        return f"has no option {key[:50]}: did you mean {near}?"
    options = ", ".join(f"{name} ({_accepted_values(option)})" for name, option in entry.options.items())
    return f"has no option {key[:50]}; it takes {options}"
