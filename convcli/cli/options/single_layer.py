"""The options of ``convcli params`` that describe a single layer, as typed."""

from typing import NamedTuple, NoReturn

from convcli.cli.options.declarations import SINGLE_LAYER_ONLY
from convcli.errors import SizeError, UsageError
from convcli.networks.layer_types.base import Size, channels_of
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.sizes.text import format_size, parse_count, parse_padding_per_axis, parse_per_axis

__all__ = ["LayerOptions"]


class LayerOptions(NamedTuple):
    """A convolution or a dense layer, as typed."""

    filter_size: str | None = None
    input_channels: str | None = None
    output_channels: str | None = None
    padding: str = "0"
    stride: str = "1"
    dilation: str = "1"
    groups: str = "1"
    no_bias: bool = False
    units: str | None = None

    def check_absent(self) -> None:
        """Check that no option describes a layer, because a network is given.

        Raises
        ------
        UsageError
            One does.
        """
        if self.units is not None:
            raise UsageError("--dense", SINGLE_LAYER_ONLY)
        if self != LayerOptions():
            raise UsageError(
                "NETWORK",
                "cannot be combined with --f, --c-out and similar options, which describe a single layer",
            )

    def read_dense(self, units: str, size: Size | None) -> tuple[Dense, Size]:
        """Return a dense layer, and the size of its input: an image's, or that of a vector.

        Raises
        ------
        UsageError
            There is no input size, or an option that a dense layer does not have.
        """
        allowed = LayerOptions(input_channels=self.input_channels, no_bias=self.no_bias, units=units)
        if self != allowed or (size is None) == (self.input_channels is None):
            raise UsageError(
                "--dense",
                "requires an input size and nothing else: --n 128x128x1, or --c-in 4096 for a vector",
            )
        layer = Dense(units=parse_count(units, "units"), bias=not self.no_bias)
        return layer, size or (parse_count(self.input_channels or "", "inputs"),)

    def read_convolution(self, size: Size | None) -> tuple[Convolution, int]:
        """Return a convolution, and the channels of its input.

        Raises
        ------
        UsageError
            An option is missing.
        SizeError
            A number is impossible, or the channels contradict the input size.
        """
        channels = self._channels(size)
        if self.filter_size is None:
            self._fail_missing("--f")
        if channels is None:
            if size is not None:
                with_channels = format_size((*size, 3))
                raise UsageError("--c-in", f"missing; give it, or the channels in --n {with_channels}")
            self._fail_missing("--c-in")
        if self.output_channels is None:
            self._fail_missing("--c-out")
        layer = Convolution(
            window=parse_per_axis(self.filter_size, "filter"),
            filters=parse_count(self.output_channels, "output channels"),
            stride=parse_per_axis(self.stride, "stride"),
            padding=parse_padding_per_axis(self.padding),
            dilation=parse_per_axis(self.dilation, "dilation"),
            groups=parse_count(self.groups, "groups"),
            bias=not self.no_bias,
        )
        return layer, channels

    def _channels(self, size: Size | None) -> int | None:
        of_size = None if size is None else channels_of(size)
        if self.input_channels is None:
            return of_size
        channels = parse_count(self.input_channels, "input channels")
        if of_size not in (None, channels):
            raise SizeError(
                f"--c-in {channels}", f"contradicts the {of_size} channels of --n; leave one of them out"
            )
        return channels

    def _fail_missing(self, option: str) -> NoReturn:
        raise UsageError(
            option,
            "missing; for example: convcli params --f 5 --c-in 3 --c-out 6, or for a network: "
            "convcli params resnet18",
        )
