"""Runs a command line and prints what it was estimated to take and what it took: python -m tests.support.memory_peak.

Standard input is a JSON list: the arguments for a tiny picture, which loads all that is needed, then those for
the large one. Prints a JSON list: exit code, estimate and peak in bytes.
"""

import ctypes
import gc
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

from convcli.cli.error_handling import run
from convcli.owned_process import own_process
from convcli.pictures.limits import Limits

RESET = Path("/proc/self/clear_refs")


def peak_bytes(work: Callable[[], object]) -> int | None:
    """Return by how many bytes some work raises what this process holds; None where that cannot be measured."""
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # of the GNU C library
    if trim is not None:  # else work that takes up again what is free would seem to need nothing
        trim(0)
    try:
        RESET.write_text("5", "ascii")  # resets the peak
    except OSError:
        return None
    before = _resident("VmRSS")
    work()
    return max(_resident("VmHWM") - before, 0)


def _resident(key: str) -> int:
    """Return VmRSS, which is in use now, or VmHWM, the most that was in use, in bytes."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


def main() -> None:
    warm_up, measured = json.load(sys.stdin)
    estimates = [0]
    check = Limits.check_bytes

    def note_estimate(self: Limits, name: str, needed: int, taken: int = 0) -> None:
        estimates.append(needed)
        check(self, name, needed, taken)

    Limits.check_bytes = note_estimate  # type: ignore[method-assign]
    own_process()
    output, sys.stdout = sys.stdout, open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
    run(warm_up)
    estimates.clear()
    codes: list[int] = []
    peak = peak_bytes(lambda: codes.append(run(measured)))
    print(json.dumps([codes[0], max(estimates), peak]), file=output)


if __name__ == "__main__":
    main()
