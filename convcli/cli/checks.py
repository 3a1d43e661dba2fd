"""Checks for scripts: the answer is printed, and the exit code says whether it is the wanted one."""

from typing import NamedTuple

from convcli.errors import ConvcliError
from convcli.network.layers import Size
from convcli.network.networks import Network
from convcli.size_texts import format_size, parse_amount, parse_count, parse_size

__all__ = ["Checks"]


class Checks(NamedTuple):
    """What is asked of a network: its output size, its parameters at most; as typed, and as read."""

    expect: str | None
    size: Size
    max_params: str | None
    params: int

    @classmethod
    def read(cls, expect: str | None, max_params: str | None = None) -> "Checks":
        """Read the options as they were typed.

        Raises
        ------
        UsageError
            One is no size, or no number.
        """
        size: Size = ()
        if expect is not None:
            number = expect.strip().isdecimal()
            size = (parse_count(expect, "expected size"),) if number else parse_size(expect, "expected size")
        return cls(
            expect, size, max_params, 0 if max_params is None else parse_amount(max_params, "--max-params")
        )

    def check(self, network: Network) -> None:
        """Check a network; a single number is the size of a vector, or the side of a square.

        Raises
        ------
        ConvcliError
            It is not what was asked for.
        """
        output = network.output
        wanted = self.size * 2 if len(self.size) == 1 and len(output) > 1 else self.size
        if self.expect is not None and output != wanted:
            raise ConvcliError(f"output {format_size(output)}", f"is not the expected {self.expect}")
        if self.max_params is not None and (network.params or 0) > self.params:
            raise ConvcliError(f"params {network.params:,}", f"are more than --max-params {self.max_params}")
