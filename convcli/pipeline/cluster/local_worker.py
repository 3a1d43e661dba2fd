"""Loaded by the workers that convcli starts on this machine: they belong to it and clean up when they end."""

import os
import signal
import sys
import time

from convcli.files.atomic import has_temporaries, remove_temporaries
from convcli.owned_process import own_process

__all__ = ["END_SIGNAL", "dask_setup"]

# Not one that a terminal or the system sends to all processes: their parent ends them.
END_SIGNAL = getattr(signal, "SIGUSR1", signal.SIGTERM)


def dask_setup(worker: object) -> None:  # noqa: ARG001 -- what Dask calls
    """Remove temporary files when the parent process ends this one."""
    own_process()
    signal.signal(END_SIGNAL, _end)


def _end(*_: object) -> None:
    """End the process when the thread that does its job has no temporary file."""
    sys.setswitchinterval(60)  # that thread starts no other between the last look and the end
    while has_temporaries():
        remove_temporaries()
        time.sleep(0.001)
    os._exit(1)
