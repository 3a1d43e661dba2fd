"""Options that choose the filters: --filter, --kernel and --bank."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from convcli.errors import MatrixError, UsageError, parse_choice
from convcli.kernels.catalog import CATALOG
from convcli.kernels.filter import Filter
from convcli.kernels.lookup import get_filter
from convcli.pictures.text_matrices import parse_number

if TYPE_CHECKING:
    from convcli.kernels.banks import Bank

__all__ = ["kernel_files", "parse_number_option", "read_filters"]


def read_filters(
    names: list[str],
    kernels: list[str],
    banks: list[str],
    *,
    angle: str | None,
    size: str | None,
    order: str | None = None,
    combine: str | None = None,
    inputs: Sequence[str] = (),
) -> "list[Filter | Bank]":
    """Build the filters of the options: the named ones, the kernels and the banks.

    Raises
    ------
    UsageError
        No filter was given, or one cannot be built.
    """
    for name in names:
        if name.startswith("@") or _is_kernel_file(name):
            raise UsageError(name[:100], f"is a file, not a name: --kernel @{name.removeprefix('@')}")
    if not names and not kernels and not banks:
        for name in inputs:
            if name.partition(":")[0].lower() in CATALOG and not os.path.lexists(name):
                raise UsageError(name[:100], f"is a filter, not a picture: --filter {name}")
        raise UsageError(
            "--filter", "missing; for example: --filter sobel-x (convcli filters lists all filters)"
        )
    if (kernels or banks) and not (angle is None and size is None):
        option = "--kernel" if kernels else "--bank"
        raise UsageError(option, "cannot be combined with --angle and --size, which are for named filters")
    options = {"angle": parse_number_option("--angle", angle), "size": parse_number_option("--size", size)}
    if order is not None and not any(text.startswith("@") for text in kernels):
        raise UsageError(
            "--order", "applies only to weights from a file, such as --kernel @weights.npz:conv1.weight"
        )
    filters: list[Filter | Bank] = [get_filter(name, **options) for name in names]
    if kernels:
        from convcli.cli.options.kernels import parse_kernel_option  # late: most runs name filters

        filters += [parse_kernel_option(text, order) for text in kernels]
    if banks:
        from convcli.kernels.banks import orientation_bank  # late, too

        filters += map(orientation_bank, banks)
    return filters if combine is None else _combine(filters, combine)


def _combine(filters: "list[Filter | Bank]", combine: str) -> "list[Filter | Bank]":
    """Combine the maps of each bank; there must be one."""
    from convcli.kernels.banks import Bank, MapCombination, combine_maps  # late, too

    how = parse_choice(combine, MapCombination, "--combine")
    if not any(isinstance(filter_, Bank) for filter_ in filters):
        raise UsageError(
            f"--combine {how}",
            f"applies to a bank, but {filters[0].name} is a single filter; give a --bank, or a filter with "
            "a norm: --filter sobel:norm=max",
        )
    return [combine_maps(filter_, how) if isinstance(filter_, Bank) else filter_ for filter_ in filters]


def _is_kernel_file(name: str) -> bool:
    if "." not in name:
        return False
    from convcli.cli.options.kernels import is_kernel_file  # late: few names have a dot

    return is_kernel_file(name)


def kernel_files(kernels: list[str]) -> list[str]:
    """Return the files that the kernels are read from."""
    files = [text[1:] for text in kernels if text.startswith("@")]
    if not files:
        return []
    from convcli.kernels.weights import split_weights  # late: most filters do not come from files

    return [split_weights(text)[0] for text in files]


def parse_number_option(option: str, text: str | None) -> float | None:
    """Read the number of an option, as in 70, 0.25 or 1/4; None if the option was not given."""
    if text is None:
        return None
    try:
        return parse_number(text, option)
    except MatrixError:
        also = ", or gain" if option == "--scale" else ""
        raise UsageError(
            f"{option} {text[:50]!r}", f"must be a number, as in 70, 0.25 or 1/4{also}"
        ) from None
