"""Memory traffic of the layers, and the time that a device needs at least: the roofline model.

Each layer counts by itself, with nothing fused: it reads its inputs and its weights once and writes its
output once. Its time is that of its arithmetic at the device's peak, or that of its traffic at the device's
bandwidth, whichever is longer; real layers take longer.

Source: S. Williams, A. Waterman, D. Patterson, "Roofline: an insightful visual performance model for
multicore architectures", Communications of the ACM 52 (2009).
"""

import re
from enum import StrEnum
from typing import NamedTuple

from convcli.errors import UsageError
from convcli.networks.costs.units import FLOPS_PER_MAC, Dtype
from convcli.networks.layer_types.base import sum_if_known, value_count
from convcli.networks.network import Network
from convcli.networks.stages import Stage
from convcli.sizes.text import parse_amount

__all__ = ["Bound", "Device", "Traffic", "traffic"]

NANOSECONDS = 10**9


class Bound(StrEnum):
    """What limits the speed of a layer."""

    COMPUTE = "compute"
    MEMORY = "memory"


class Device(NamedTuple):
    """A device, as the roofline model sees it.

    Attributes
    ----------
    peak : int
        Floating-point operations per second (FLOP/s).
    bandwidth : int
        Bytes per second between its memory and its arithmetic units.
    """

    peak: int
    bandwidth: int

    @classmethod
    def parse(cls, text: str) -> "Device":
        """Read ``PEAK,BANDWIDTH``, with suffixes (K, M, G, T, P for powers of 1000), units allowed.

        Raises
        ------
        UsageError
            It is not two positive numbers.

        Examples
        --------
        >>> Device.parse("312T,2039G"), Device.parse("19.5 TFLOPS, 1.6 TB/s")
        (Device(peak=312000000000000, bandwidth=2039000000000),
         Device(peak=19500000000000, bandwidth=1600000000000))
        """
        parts = text.split(",")
        if len(parts) != 2:
            raise UsageError(
                f"--device {text[:50]!r}",
                "must be FLOP/s and bytes/s with a comma between them, as in --device 312T,2039G",
            )
        peak, bandwidth = (
            parse_amount(re.sub(r"(?i)(flops?|flop/s|b/s|/s)$", "", part.strip()), "--device")
            for part in parts
        )
        if not peak or not bandwidth:
            raise UsageError(f"--device {text[:50]!r}", "must be two numbers above 0")
        return cls(peak, bandwidth)


class Traffic(NamedTuple):
    """What a layer moves and computes for a mini-batch.

    Attributes
    ----------
    read, written : int or None
        Bytes; None if a size is unknown.
    macs : int or None
    """

    read: int | None
    written: int | None
    macs: int | None

    @property
    def bytes(self) -> int | None:
        """Bytes read and written."""
        return None if self.read is None or self.written is None else self.read + self.written

    @property
    def macs_per_byte(self) -> float | None:
        """Arithmetic intensity; None if unknown, or if nothing is moved."""
        return self.macs / self.bytes if self.bytes and self.macs is not None else None

    def nanoseconds(self, device: Device) -> int | None:
        """Return the least time on a device, rounded up; None if unknown."""
        if self.macs is None or self.bytes is None:
            return None
        return max(
            -(-FLOPS_PER_MAC * self.macs * NANOSECONDS // device.peak),
            -(-self.bytes * NANOSECONDS // device.bandwidth),
        )

    def bound(self, device: Device) -> Bound | None:
        """Return what limits it on a device; None if unknown, or if there is nothing to do."""
        if self.macs is None or not self.bytes:
            return None
        compute_bound = FLOPS_PER_MAC * self.macs * device.bandwidth >= self.bytes * device.peak
        return Bound.COMPUTE if compute_bound else Bound.MEMORY

    @classmethod
    def sum(cls, parts: "list[Traffic]") -> "Traffic":
        """Return the traffic of several layers, one after the other."""
        read, written, macs = (sum_if_known(getattr(part, name) for part in parts) for name in cls._fields)
        return cls(read, written, macs)


def traffic(network: Network, *, batch: int = 1, dtype: Dtype = Dtype.FP32) -> list[Traffic]:
    """Return what each layer of a network moves and computes.

    Examples
    --------
    >>> from convcli.networks.sources import network
    >>> [layer] = traffic(network("conv 6 f5", (32, 32, 3)))
    >>> layer.read, layer.written, round(layer.macs_per_byte, 1)  # (32·32·3 + 456)·4; 28·28·6·4
    (14112, 18816, 10.7)
    >>> layer.nanoseconds(Device.parse("1T,100G")), layer.bound(Device.parse("1T,100G"))
    (706, <Bound.COMPUTE: 'compute'>)
    """
    sizes = network.array_sizes
    return [_stage_traffic(stage, sizes, batch, dtype) for stage in network.layers]


def _stage_traffic(stage: Stage, sizes: dict[int, int | None], batch: int, dtype: Dtype) -> Traffic:
    macs = None if stage.macs is None else stage.macs * batch
    if stage.layer.is_view:
        return Traffic(0, 0, macs)
    is_join = len(stage.input_tensors) > 1
    inputs = [sizes.get(tensor) for tensor in stage.input_tensors] if is_join else [value_count(stage.input)]
    output, params = value_count(stage.output), stage.params
    read = None
    if params is not None and None not in inputs:
        read = (sum(values or 0 for values in inputs) * batch + params + stage.statistics) * dtype.size
    return Traffic(read, None if output is None else output * batch * dtype.size, macs)
