"""Damaged model files of every format: each is refused in one line, or its network is shown.

``python -m tests.hostile.model_mutants --seed 7 --number 0 --stop 10000 --step 1`` in an empty folder tries others.
"""

import random
from pathlib import Path

import pytest

from convcli.networks.models.reading import open_model
from convcli.networks.models.state_dicts.loading import read_state_dict
from tests.hostile.model_mutants import CHANGES, complaints, model_mutant, model_seeds
from tests.hostile.test_mutants import tried

SEEDS = {seed.name: seed for seed in model_seeds()}
QUICK = range(20)
FAMILIES = [range(first, first + 500) for first in range(0, 2000, 500)]


def described(seed: int, wrong: dict[int, list[str]]) -> str:
    """Return what is wrong with which mutants, and how they are made again."""
    again = f"python -m tests.hostile.model_mutants --seed {seed} --number N -o FILE"
    lines = [f"{len(wrong)} mutants of seed {seed}: {again}"]
    for number, found in sorted(wrong.items())[:20]:
        lines += [f"N = {number}: {model_mutant(seed, number)}", *found]
    return "\n".join(lines)


def test_some_mutants_of_models_are_refused_or_shown(tmp_path: Path) -> None:
    wrong = {number: found for number in QUICK if (found := complaints(model_mutant(0, number), tmp_path))}
    assert not wrong, described(0, wrong)


@pytest.mark.thorough
@pytest.mark.parametrize("numbers", FAMILIES)
def test_mutants_of_models_are_refused_or_shown(numbers: range, tmp_path: Path) -> None:
    wrong = tried(1, numbers, tmp_path, program=("-m", "tests.hostile.model_mutants"))
    assert not wrong, described(1, wrong)


@pytest.mark.parametrize("name", SEEDS)
def test_a_model_that_is_not_damaged_is_read(name: str, tmp_path: Path) -> None:
    seed = SEEDS[name]
    path = tmp_path / f"in.{seed.extension}"
    path.write_bytes(seed.content)
    if seed.extension in ("pth", "safetensors"):
        assert read_state_dict(path).total.params > 0
        return
    network = open_model(path).network(None)
    assert len(network.layers) > 2
    assert (network.params is None) == (name == "control.onnx")


def test_mutants_are_the_same_again_and_of_every_seed() -> None:
    some = [model_mutant(3, number) for number in range(40)]
    assert [one.content for one in some[:5]] == [model_mutant(3, number).content for number in range(5)]
    assert {one.seed.name for one in some} == SEEDS.keys()
    assert sum(one.content == one.seed.content for one in some) < 8


@pytest.mark.parametrize("extension", CHANGES)
def test_any_bytes_can_be_changed(extension: str) -> None:
    for content in (b"", b"[]", b"\xff" * 9, b"PK\x05\x06" + bytes(18)):
        changed, change = CHANGES[extension](random.Random(1), content)
        assert isinstance(changed, bytes)
        assert change
