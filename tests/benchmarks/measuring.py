"""Times and memory of functions: alternately in this process, and each once in a process of its own."""

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.benchmarks.cases import CASES
from tests.benchmarks.contest import Case, Contender, Row, Verdict, judged
from tests.benchmarks.layer_cases import LAYER_CASES
from tests.benchmarks.peers import LIBRARIES
from tests.benchmarks.photographs import photograph
from tests.support.memory_peak import peak_bytes

__all__ = ["BUDGET", "IN_PROCESS", "Timing", "alternate", "run_case", "seconds_of"]

IN_PROCESS = (*CASES, *LAYER_CASES)  # every case of functions, in the order of the table
BUDGET = 2.0  # seconds a contender of a case
REST = 0.1  # seconds, after which threads of any library have stopped spinning
WARM_UPS = 4


@dataclass(frozen=True)
class Timing:
    """A median of so many rounds."""

    seconds: float
    rounds: int


def seconds_of(run: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how long a call takes; what it returns is dropped before the clock is read again."""
    start = clock()
    run()
    return clock() - start


def alternate(
    runs: Sequence[Callable[[], object]],
    first: Sequence[float],
    *,
    rounds: int,
    budget: float = BUDGET,
    clock: Callable[[], float] = time.perf_counter,
    warmed_up: bool = False,
) -> list[Timing]:
    """Time functions in turn, round after round, so that what disturbs the machine disturbs all of them.

    Parameters
    ----------
    runs : sequence of callables
    first : sequence of float
        Seconds that each took at its first, untimed run.
    rounds : int
        At most.
    budget : float
        Seconds for each. One whose first run took longer is not run again: that is its time.
    warmed_up : bool
        Each timed run follows a rest and some untimed runs.
    """
    turns = [min(rounds, int(budget / max(seconds, 1e-9))) for seconds in first]
    samples: list[list[float]] = [[] for _ in runs]
    for turn in range(max(turns)):
        for run, most, taken in zip(runs, turns, samples, strict=True):
            if turn < most:
                if warmed_up:
                    time.sleep(REST)
                    for _ in range(WARM_UPS):
                        run()
                taken.append(seconds_of(run, clock))
    return [
        Timing(median(taken or [seconds]), max(len(taken), 1))
        for taken, seconds in zip(samples, first, strict=True)
    ]


def run_case(case: Case, sides: tuple[int, int], *, rounds: int, memory: bool) -> list[Row]:
    """Check the results of a case, then time its contenders; with `rounds` 0 only the first run counts."""
    contenders = list(case.build(photograph(case.subject, *sides)))
    verdicts, first = _first_runs(contenders)
    runs = [contender.run for contender in contenders]
    timings = alternate(runs, first, rounds=rounds, warmed_up=case.warmed_up)
    peaks = _peaks(case, first, sides) if memory else [None] * len(contenders)
    ours = timings[0].seconds
    return [
        Row(
            case.name,
            contender.name,
            timing.seconds,
            timing.rounds,
            verdict,
            ratio=ours / timing.seconds if number else None,
            wanted=contender.wanted,
            note=contender.note,
            peak_bytes=peak,
        )
        for number, (contender, verdict, timing, peak) in enumerate(
            zip(contenders, verdicts, timings, peaks, strict=True)
        )
    ]


def _first_runs(contenders: Sequence[Contender]) -> tuple[list[Verdict], list[float]]:
    """Run each once: compare with ours, which comes first, and tell how long they took."""
    ours, verdicts, seconds = None, [], []
    for contender in contenders:
        start = time.perf_counter()
        result = contender.run()
        seconds.append(time.perf_counter() - start)
        ours = result if ours is None else ours
        verdicts.append(judged(contender.agreement, ours, result) if seconds[1:] else Verdict(True))
    return verdicts, seconds


def _peaks(case: Case, first: Sequence[float], sides: tuple[int, int]) -> list[int | None]:
    """Measure contenders each in a process of its own, forked from one that has only loaded the libraries.

    Those whose first run took longer than their budget are not run once more for it.
    """
    if case not in IN_PROCESS or not Path("/proc/self/clear_refs").exists():
        return [None] * len(first)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.benchmarks.measuring", *LIBRARIES])
    with ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool:
        waiting = [
            pool.submit(_peak, IN_PROCESS.index(case), number, sides) if seconds <= BUDGET else None
            for number, seconds in enumerate(first)
        ]
        try:
            return [future.result() if future else None for future in waiting]
        except BrokenProcessPool:  # killed, as where memory ran out
            return [None] * len(first)


def _peak(case: int, contender: int, sides: tuple[int, int]) -> int | None:
    """Return by how many bytes one run raises what this process holds; its inputs are there before."""
    chosen = IN_PROCESS[case]
    run = chosen.build(photograph(chosen.subject, *sides))[contender].run
    return peak_bytes(run)
