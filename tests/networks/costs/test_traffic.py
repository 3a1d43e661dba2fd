"""Memory traffic and the roofline, by hand."""

import pytest

from convcli.errors import UsageError
from convcli.networks.costs.tables import traffic_table
from convcli.networks.costs.traffic import Bound, Device, Traffic, traffic
from convcli.networks.costs.units import Dtype
from convcli.networks.sources import network


def test_each_layer_reads_its_inputs_and_weights_and_writes_its_output() -> None:
    net = network("conv 6 f3 p1, bn, add { | relu }, flatten, fc 10", (8, 8, 4))
    n, m = 8 * 8 * 4, 8 * 8 * 6
    conv, bn, relu, add, flatten, fc = traffic(net, batch=3, dtype=Dtype.FP16)
    assert conv == Traffic(2 * (3 * n + 222), 2 * 3 * m, 3 * m * 9 * 4)
    assert bn == Traffic(2 * (3 * m + 24), 2 * 3 * m, 0)  # scale, shift, mean, variance
    assert relu == Traffic(6 * m, 6 * m, 0)
    assert add == Traffic(12 * m, 6 * m, 0)
    assert flatten == Traffic(0, 0, 0)
    assert fc == Traffic(2 * (3 * m + m * 10 + 10), 2 * 3 * 10, 30 * m)
    assert Traffic.sum([conv, add]) == Traffic(conv.read + add.read, 12 * m, conv.macs)  # type: ignore[operator]


def test_the_longer_of_arithmetic_and_traffic_is_the_time() -> None:
    layer = Traffic(600, 400, 50)
    assert layer.macs_per_byte == 0.05
    assert layer.nanoseconds(Device(10**9, 10**9)) == 1000
    assert layer.bound(Device(10**9, 10**9)) == Bound.MEMORY
    assert layer.nanoseconds(Device(10**9, 10**12)) == 100
    assert layer.bound(Device(10**9, 10**12)) == Bound.COMPUTE
    assert layer.nanoseconds(Device(3 * 10**9, 10**12)) == 34  # rounded up
    assert Traffic(0, 0, 0).bound(Device(1, 1)) is None
    assert Traffic(0, 0, 0).macs_per_byte is None


def test_times_are_a_matter_of_a_device() -> None:
    header, *_ = traffic_table(network("relu", (8, 8, 4))).as_tsv().splitlines()
    assert header.split("\t") == ["layer", "output", "FLOPs", "read", "written", "MACs/byte"]


def test_what_is_unknown_stays_unknown() -> None:
    [layer] = traffic(network("relu", (8, 8)))
    assert layer == Traffic(None, None, 0)
    device = Device(1, 1)
    assert (layer.bytes, layer.macs_per_byte, layer.nanoseconds(device), layer.bound(device)) == (None,) * 4


@pytest.mark.parametrize("text", ["", "1T", "1T,2T,3T", "0,1", "1,0", "fast,1", "-1,1"])
def test_a_device_is_two_positive_numbers(text: str) -> None:
    with pytest.raises(UsageError):
        Device.parse(text)
