"""Networks as text against traces of PyTorch 2.13, and receptive fields that were measured by gradients.

``tests/data/models/reference_texts.json`` has, for each network, parameters, running statistics and
multiply-accumulates, its outputs, the size and MACs of every convolution and dense layer in order of
execution, and the receptive field. For the Keras network it has the size and the parameters of every layer.
"""

import json
from itertools import zip_longest
from math import prod
from pathlib import Path
from typing import Any

import pytest

from convcli.networks.network import Network
from convcli.networks.sources import network

MODELS = Path(__file__).parents[1] / "data/models"
TRUTH: dict[str, Any] = json.loads((MODELS / "reference_texts.json").read_text("utf-8"))
KERAS = "keras_small_same"


def read(name: str) -> Network:
    return network(MODELS / f"{name}.net")


def outputs_of(net: Network) -> list[list[int]]:
    return [[*port.size] for port in net.outputs] or [[*net.output]]


@pytest.mark.parametrize("name", sorted(TRUTH.keys() - {KERAS}))
def test_sizes_parameters_and_macs_are_those_of_pytorch(name: str) -> None:
    net, truth = read(name), TRUTH[name]
    assert (net.params, net.statistics, net.macs) == (truth["params"], truth["statistics"], truth["macs"])
    assert outputs_of(net) == truth["outputs"]
    ours = [(stage.output, stage.macs) for stage in net.layers if stage.macs]
    theirs = [(tuple(map(int, size.split("x"))), macs) for size, macs in truth["layers"]]
    for (size, macs), (their_size, their_macs) in zip_longest(ours, theirs, fillvalue=((), 0)):
        assert macs == their_macs
        # PyTorch computes a dense layer on an image as one on a list of pixels.
        listed = (prod(size[:-1]), size[-1])
        assert their_size == size or their_size in (listed, listed[listed[0] == 1 :])
    if "receptive_field" in truth:
        assert net.receptive_field is not None
        assert {*net.receptive_field} == {truth["receptive_field"]}


def test_sizes_and_parameters_are_those_of_keras() -> None:
    net, truth = read(KERAS), TRUTH[KERAS]
    assert (net.params, outputs_of(net)) == (truth["params"], truth["outputs"])
    # Keras counts running statistics among parameters, has the vector of gap, and one layer for dw and conv.
    ours = {(stage.output, (stage.params or 0) + stage.statistics) for stage in net.layers}
    for *size, params in truth["layers"]:
        if params and params != 2912:
            assert (tuple(size), params) in ours
    assert [stage.params for stage in net.layers[2:4]] == [800, 2112]
