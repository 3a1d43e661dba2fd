"""Memory that is lent again."""

import numpy as np
import pytest

from convcli import scratch
from convcli.scratch import Scratch

BYTES = np.dtype(np.uint8)


def test_the_same_arguments_give_the_same_array() -> None:
    memory = Scratch()
    first = memory.array("a", (3, 4), BYTES)
    assert memory.array("a", (3, 4), BYTES) is first
    assert memory.array("b", (3, 4), BYTES) is not first
    assert not np.shares_memory(first, memory.array("b", (3, 4), BYTES))


def test_arrays_of_one_name_share_their_memory_until_it_is_too_small() -> None:
    memory = Scratch()
    first = memory.array("a", (100,), BYTES)
    assert np.shares_memory(first, memory.array("a", (5, 5), np.dtype(np.int32)))
    larger = memory.array("a", (101,), BYTES)
    assert not np.shares_memory(first, larger)
    assert memory.array("a", (100,), BYTES) is not first


def test_a_loan_is_lent_again_unless_it_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scratch, "_spare", [])
    with Scratch.lent() as first:
        small = first.array("a", (100,), BYTES)
        with Scratch.lent() as second:
            assert second is not first
    with Scratch.lent() as third:
        assert third in (first, second)
        third.array("large", (scratch.MOST_KEPT + 1,), BYTES)
    with Scratch.lent() as fourth:
        assert fourth is not third
    assert small.shape == (100,)


def test_an_interrupted_loan_is_not_lent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scratch, "_spare", [])
    with pytest.raises(KeyboardInterrupt), Scratch.lent():
        raise KeyboardInterrupt
    assert Scratch._spare == []


def test_no_more_are_kept_than_may_be_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scratch, "_spare", [Scratch() for _ in range(scratch.MOST_SPARE)])
    with Scratch.lent(), Scratch.lent():
        Scratch._spare.extend(Scratch() for _ in range(2))
    assert len(Scratch._spare) == scratch.MOST_SPARE
