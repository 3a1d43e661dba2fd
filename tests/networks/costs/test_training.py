"""The memory of training, by hand, and against what PyTorch's autograd was measured to keep."""

from pathlib import Path

import pytest

from convcli.networks.costs.training import Optimizer, TrainingMemory, training_memory
from convcli.networks.costs.units import Dtype
from convcli.networks.layer_types.file_operation import FileOperation
from convcli.networks.network import Network
from convcli.networks.sources import network


def kept(text: str, size: tuple[int, ...] = (8, 8, 4), *, batch: int = 1) -> list[int | None]:
    return [layer.kept for layer in training_memory(network(text, size), batch=batch)]


MODELS = Path(__file__).parents[2] / "data" / "models"
MEASURED = {  # MiB of the tensors that autograd saves for a mini-batch of 2 in float32, without parameters
    "resnet18": 42.34,
    "vgg19_bn": 263.22,
    "resnext50_32x4d": 214.27,
    "wide_resnet50_2": 214.27,
    "mnasnet1_0": 84.57,
    "mobilenet_v3_large": 84.23,
    "convnext_tiny": 208.20,
    "tiny_yolov2": 125.89,
}


@pytest.mark.parametrize("name", MEASURED)
def test_autograd_keeps_as_much(name: str) -> None:
    net = network("resnet18" if name == "resnet18" else MODELS / f"{name}.net")
    memory = training_memory(net, batch=2)
    assert TrainingMemory.sum(memory).kept == pytest.approx(MEASURED[name] * (1 << 20), rel=2.5e-4)


def test_a_transformer_keeps_as_much_as_autograd() -> None:
    measured = 236_321_360  # bytes, for a mini-batch of 2
    memory = training_memory(network(MODELS / "vit_b_16.pt2"), batch=2)
    assert all(layer.kept is not None for layer in memory)
    # The head reads one token, as a view of all of them, which autograd therefore keeps.
    assert TrainingMemory.sum(memory).kept == measured - 2 * 196 * 768 * 4


def test_operations_without_a_word_keep_what_they_need() -> None:
    net = network("relu", (7, 1))
    for word, expected in (("embedding", 3 * 7 * 8), ("sub", 0), ("lstm", None)):
        layer = FileOperation(type=word, size=(7, 16))
        stage = net.layers[0]._replace(layer=layer, output=(7, 16))
        [memory] = training_memory(net.changed(layers=(stage,)), batch=3)
        assert memory.kept == expected


N = 8 * 8 * 4 * 4  # bytes of the input


def test_each_array_is_counted_once_for_the_first_layer_that_keeps_it() -> None:
    # The output of relu is the input of both convolutions.
    assert kept("relu, add { conv 4 f1 | conv 4 f3 p1 }") == [N, 0, 0, 0]


def test_activations_keep_their_output_or_their_input() -> None:
    assert kept("sigmoid, tanh") == [N, N]
    assert kept("silu, gelu") == kept("elu, selu") == [N, N]
    assert kept("silu, sigmoid") == [N, N]
    assert kept("sigmoid, silu") == [N, 0]  # what one made is what the other reads


def test_normalization_keeps_its_input_and_its_statistics() -> None:
    assert kept("bn", batch=2) == [2 * N + 2 * 4 * 4]  # mean and variance of each channel
    assert kept("ln", batch=2) == [2 * N + 2 * 64 * 4 * 2]  # of each position
    assert kept("rms", batch=2) == [2 * N + 64 * 4 * 2]
    assert kept("instancenorm", batch=2) == [2 * N + 2 * 4 * 4 * 2]  # of each channel of each input
    assert kept("gn g2", batch=2) == [2 * N + 2 * 2 * 4 * 2]


def test_pooling() -> None:
    assert kept("maxpool f2", batch=3) == [3 * (N + 4 * 4 * 4 * 8)]  # 8 bytes for each position
    assert kept("avgpool f2") == kept("gap 3x3") == [N]
    assert kept("gap") == [0]


def test_a_product_keeps_its_factors_and_dropout_a_mask() -> None:
    assert kept("mul { | gap, sigmoid }") == [0, 4 * 4, N]  # the gate is kept already
    assert kept("mul { bn | | relu }")[2:] == [N + N]  # the result of bn, and the product of the first two
    assert kept("dropout") == kept("dropout, add { | conv 4 f1 }")[:1] == [N]
    assert kept("relu, dropout, conv 3 f1") == [N, N, N]  # in training, dropout makes an array of its own
    assert kept("relu, dropout, dropout, add { conv 4 f3 p1 | conv 4 f1 }") == [N, N, N, N, 0, 0]
    assert kept("bn, dropout, conv 3 f1") == [N + 2 * 4 * 4, N, N]


def test_padding_that_repeats_pixels_keeps_its_input() -> None:
    assert kept("pad 1") == [0]
    assert kept("pad 1 mirror") == kept("pad 1 edge") == [N]


def test_what_passes_a_layer_is_kept_by_nobody() -> None:
    assert kept("add { | identity }, flatten") == [0, 0, 0]


def test_bytes_follow_the_number_type_the_batch_and_the_optimizer() -> None:
    net = network("conv 6 f3, relu", (8, 8, 4))
    half = training_memory(net, batch=5, optimizer=Optimizer.MOMENTUM, dtype=Dtype.BF16)
    params = (3 * 3 * 4 + 1) * 6
    assert half[0] == TrainingMemory(2 * params, 2 * params, 2 * params, 5 * 8 * 8 * 4 * 2)
    assert half[0].total == half[0].known_total == 6 * params + 2560
    assert [training_memory(net, optimizer=kind)[0].optimizer for kind in Optimizer] == [
        0,
        4 * params,
        8 * params,
    ]


def test_what_is_kept_is_unknown_where_the_size_is() -> None:
    net = network("relu", (8, 8))
    assert isinstance(net, Network)
    [layer] = training_memory(net)
    assert (layer.kept, layer.total, layer.known_total) == (None, None, 0)
