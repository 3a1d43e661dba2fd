"""Run a command and measure it; a script of its own, ``launch.py COMMAND ...``.

On Linux the peak that a process is charged with starts at what its parent held when it was started. The
benchmark holds much, so this little process stands between.
"""

import json
import os
import subprocess
import sys
import time


def main(command: list[str]) -> None:
    """Print wall-clock and processor seconds, peak bytes, exit code and messages as JSON."""
    start = time.perf_counter()
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    said = process.stdout.read() if process.stdout else b""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    measured = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_bytes": usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        "code": process.returncode,
        "said": said[-500:].decode("utf-8", "replace"),
    }
    print(json.dumps(measured))


if __name__ == "__main__":
    main(sys.argv[1:])
