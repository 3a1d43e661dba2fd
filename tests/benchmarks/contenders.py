"""Contenders made of others: our other engine, and peers in a single thread."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from tests.benchmarks.contest import Agreement, Contender
from tests.benchmarks.peers import library
from tests.support.engines import Engine, use_engine

__all__ = ["by_numpy", "in_one_thread"]


def by_numpy(run: Callable[[], Any], agreement: Agreement | None = None) -> Contender:
    """Return ours as it runs where the core is not compiled; its results are equal unless stated otherwise."""

    def run_by_numpy() -> Any:
        with use_engine(Engine.NUMPY):
            return run()

    return Contender("convcli by numpy", run_by_numpy, agreement or Agreement())


def in_one_thread(peer: Contender) -> Contender:
    """Return a peer that has one thread while it runs; those without threads of their own run as ever."""

    def run() -> Any:
        with _one_thread():
            return peer.run()

    return replace(peer, run=run)


@contextmanager
def _one_thread() -> Iterator[None]:
    cv2, torch = library("cv2"), library("torch")
    before = [(module.setNumThreads, module.getNumThreads()) for module in [cv2] if module]
    before += [(module.set_num_threads, module.get_num_threads()) for module in [torch] if module]
    for select, _ in before:
        select(1)
    try:
        yield
    finally:
        for select, count in before:
            select(count)
