"""Buffers that are reused."""

import numpy as np
import pytest

from convcli.convolution import buffers as buffers
from convcli.convolution.buffers import BufferPool

BYTES = np.dtype(np.uint8)


def test_arrays_of_two_names_share_no_memory() -> None:
    memory = BufferPool()
    first = memory.array("a", (3, 4), BYTES)
    assert not np.shares_memory(first, memory.array("b", (3, 4), BYTES))


def test_arrays_of_one_name_share_their_memory_until_it_is_too_small() -> None:
    memory = BufferPool()
    first = memory.array("a", (100,), BYTES)
    assert np.shares_memory(first, memory.array("a", (5, 5), np.dtype(np.int32)))
    larger = memory.array("a", (101,), BYTES)
    assert not np.shares_memory(first, larger)
    assert np.shares_memory(larger, memory.array("a", (100,), BYTES))


def test_buffers_are_reused_unless_they_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BufferPool, "_spare_pools", [])
    with BufferPool.borrow() as first:
        small = first.array("a", (100,), BYTES)
        with BufferPool.borrow() as second:
            assert second is not first
    with BufferPool.borrow() as third:
        assert third in (first, second)
        third.array("large", (buffers.MAX_POOL_BYTES + 1,), BYTES)
    with BufferPool.borrow() as fourth:
        assert fourth is not third
    assert small.shape == (100,)


def test_buffers_of_interrupted_work_are_not_reused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BufferPool, "_spare_pools", [])
    with pytest.raises(KeyboardInterrupt), BufferPool.borrow():
        raise KeyboardInterrupt
    assert BufferPool._spare_pools == []


def test_no_more_are_kept_than_may_be_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BufferPool, "_spare_pools", [BufferPool() for _ in range(buffers.MAX_SPARE_POOLS)])
    with BufferPool.borrow(), BufferPool.borrow():
        BufferPool._spare_pools.extend(BufferPool() for _ in range(2))
    assert len(BufferPool._spare_pools) == buffers.MAX_SPARE_POOLS
