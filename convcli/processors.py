"""How many processors this process may use."""

import os
from functools import cache
from pathlib import Path

__all__ = ["available_processors"]


@cache
def available_processors() -> int:
    """Return how many processors this process may use: by its affinity, and by the quota of its cgroup."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text("ascii").split()
        return count if quota == "max" else max(1, min(count, -(-int(quota) // int(period))))
    except (OSError, ValueError):
        return count
