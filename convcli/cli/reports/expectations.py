"""--expect and --max-params: checks for scripts, reported by the exit code."""

from typing import NamedTuple

from convcli.errors import ConvcliError
from convcli.networks.layer_types.base import Sides, Size
from convcli.networks.network import Network
from convcli.sizes.text import format_size, parse_amount, parse_count, parse_size

__all__ = ["Checks"]


class Checks(NamedTuple):
    """The expected output size and the maximum of parameters of a network, as typed and as parsed."""

    expect: str | None
    size: Size
    max_params: str | None
    params: int

    @classmethod
    def read(cls, expect: str | None, max_params: str | None = None) -> "Checks":
        """Parse the options.

        Raises
        ------
        UsageError
            `expect` is not a size, or `max_params` is not a number.
        """
        size: Size = ()
        if expect is not None:
            number = expect.strip().isdecimal()
            size = (
                (parse_count(expect, "expected size"),)
                if number
                else parse_size(expect, "expected size", max_count=4)
            )
        return cls(
            expect, size, max_params, 0 if max_params is None else parse_amount(max_params, "--max-params")
        )

    def check(self, network: Network) -> None:
        """Check a network; a single expected number is the size of a vector, or the side of a square.

        Raises
        ------
        ConvcliError
            The output differs from the expected one, the network has too many parameters, or operations that
            are not known could make it so.
        """
        output = network.output
        wanted = self.size * len(output) if len(self.size) == 1 and isinstance(output, Sides) else self.size
        if self.expect is not None and output and output != wanted:
            raise ConvcliError(f"output {format_size(output)}", f"does not equal the expected {self.expect}")
        if self.max_params is not None and network.known_params > self.params:
            at_least = "at least " * (network.params is None)
            raise ConvcliError(
                f"{at_least}{network.known_params:,} parameters",
                f"more than the limit of --max-params {self.max_params}",
            )
        if (self.expect is not None or self.max_params is not None) and network.unknown:
            from convcli.cli.reports.summaries import uncounted  # late: most answers have no summary

            raise ConvcliError(
                "--expect" if self.max_params is None else "--max-params",
                f"cannot be checked: {uncounted(network)}",
            )
