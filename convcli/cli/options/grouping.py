"""--by-block and --depth: which layers of a network have a row together."""

from convcli.cli.options.declarations import check_exclusive
from convcli.networks.rows import Grouping
from convcli.sizes.text import parse_count

__all__ = ["read_grouping"]


def read_grouping(depth: str | None, *, by_block: bool) -> Grouping:
    """Return which layers of a network have a row together.

    Raises
    ------
    UsageError
        Both options are given, or `depth` is not a number.
    """
    check_exclusive({"--by-block": by_block, "--depth": depth})
    return Grouping(by_block, None if depth is None else parse_count(depth, "--depth"))
