"""Operations of model files at random, valid and not: each model becomes a network, or is refused in one line."""

from math import prod
from random import Random
from typing import Any

import pytest

from convcli.errors import SizeError, SpecError
from convcli.networks.layer_types.base import Layer
from convcli.networks.layer_types.convolution import Convolution
from convcli.networks.layer_types.dense import Dense
from convcli.networks.layer_types.elementwise import Elementwise, Normalization, Pad, PadMode, Prelu, Scale
from convcli.networks.layer_types.pooling import AdaptivePooling, Pooling
from convcli.networks.layer_types.shuffling import ChannelShuffle, PixelShuffle
from convcli.networks.models.fusing.fusing import fuse
from convcli.networks.models.lowering.lowering import lower
from convcli.networks.models.operations import Array, Model, Operation, OperationKind, Shape, Weight

K = OperationKind
LAYERS: list[Layer] = [
    Convolution(window=(3, 3), filters=4, padding=((1, 1), (1, 1))),
    Dense(units=4, bias=False),
    *[Elementwise(type=kind) for kind in ("relu", "sigmoid", "softmax", "dropout", "tanh")],
    *[Normalization(type=kind, affine=False) for kind in ("bn", "ln", "gn", "instancenorm")],
    Pooling(window=(2, 2)), AdaptivePooling(), PixelShuffle(factor=2), ChannelShuffle(groups=2), Scale(),
    Prelu(per_channel=True), Pad(padding=((1, 1), (1, 1)), mode=PadMode.MIRROR),
]  # fmt: skip
SEEDS = 3000


def any_shape(random: Random) -> Shape:
    return tuple(random.choice((0, 1, 1, 2, 3, 4, 8, 12)) for _ in range(random.randrange(6)))


def factors(random: Random, product: int) -> Shape:
    """Return a random shape of this many values."""
    sides = []
    while product > 1 and random.random() < 0.8:
        sides.append(random.choice([side for side in range(1, product + 1) if product % side == 0]))
        product //= sides[-1]
    return (*sides, product)


def fields_of(random: Random, kind: OperationKind, shape: Shape) -> tuple[Shape, dict[str, Any]]:
    """Return the shape that an operation makes of another, and its fields; mostly valid ones."""
    rank = len(shape)
    axis = random.randrange(max(rank, 1))
    fields: dict[str, Any] = {"axis": axis, "channel_axis": random.randrange(max(rank, 1))}
    if kind == K.TRANSPOSE:
        order = tuple(random.sample(range(rank), rank))
        return tuple(shape[place] for place in order), fields | {"permutation": order}
    if kind == K.RESHAPE:
        return factors(random, prod(shape)) if prod(shape) else shape, fields
    if kind == K.CONCATENATE and rank:
        return (*shape[:axis], 2 * shape[axis], *shape[axis + 1 :]), fields
    if kind == K.SLICE and rank and shape[axis]:
        start = random.randrange(shape[axis])
        stop = random.randrange(start + 1, shape[axis] + 1)
        return (*shape[:axis], stop - start, *shape[axis + 1 :]), fields | {"start": start, "stop": stop}
    if kind in (K.MEAN, K.MAXIMUM) and rank:
        axes = tuple(random.sample(range(rank), random.randrange(1, rank + 1)))
        ones = tuple(1 if place in axes else side for place, side in enumerate(shape))
        kept = tuple(side for place, side in enumerate(shape) if place not in axes)
        return random.choice((ones, kept)), fields | {"axes": axes}
    if kind == K.EXPAND:
        return tuple(3 if side == 1 and random.random() < 0.5 else side for side in shape), fields
    return shape if random.random() < 0.9 else any_shape(random), fields


def any_model(random: Random) -> Model:
    arrays = [Array(number, any_shape(random) or (1, 3, 8, 8)) for number in range(random.randrange(1, 3))]
    inputs = tuple((f"x{array.number}", array) for array in arrays)
    weights = [Weight(f"w{number}", any_shape(random), learned=number > 0) for number in range(6)]
    operations = []
    for number in range(random.randrange(1, 25)):
        kind = random.choice(list(K))
        first = random.choice(arrays)
        made, fields = fields_of(random, kind, first.shape or ())
        equal = [array for array in arrays if array.shape == first.shape]
        read = [first, random.choice(equal if random.random() < 0.9 else arrays)][: random.choice((1, 1, 2))]
        operation = Operation(
            kind=kind,
            source="source",
            inputs=tuple(read) if random.random() < 0.95 else (),
            output=Array(100 + number, made if random.random() < 0.95 else None),
            weights=tuple(random.sample(weights, random.choice((0, 0, 0, 1, 2)))),
            layer=random.choice(LAYERS) if kind == K.LAYER else None,
            macs=random.choice((0, 0, 12)),
            function=random.choice(("", "erf", "where", "gather", "sqrt", "exp")),
            constant=random.choice((None, None, 1.0, 2.0)),
            **fields,
        )
        operations.append(operation)
        arrays.append(operation.output)
    outputs = tuple((f"y{array.number}", array) for array in random.sample(arrays, 1))
    return Model(inputs, outputs, tuple(operations), tuple(weights))


def outcome(seed: int) -> str:
    model = any_model(Random(seed))
    try:
        network = lower(fuse(model))
    except (SizeError, SpecError) as error:
        return "refused" if "\n" not in str(error) else str(error)
    assert network.known_params <= sum(weight.elements for weight in model.weights)
    assert network.known_macs >= 0
    assert str(network)
    sizes, peak = network.array_sizes.values(), network.peak_activations
    assert (peak is None) == (None in sizes)
    assert peak is None or peak >= max(size or 0 for size in sizes)
    assert all(field.size is None or field.size > 0 for field in network.fields or ())
    return "network"


def test_models_at_random_are_read_or_refused() -> None:
    assert {outcome(seed) for seed in range(150)} == {"network", "refused"}


@pytest.mark.thorough
def test_many_models_at_random_are_read_or_refused() -> None:
    outcomes = [outcome(seed) for seed in range(SEEDS)]
    assert outcomes.count("network") > SEEDS / 5
