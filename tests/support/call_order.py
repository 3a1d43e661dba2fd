"""Runs convcli and writes down its functions in the order of their first calls.

``python -m tests.support.call_order FILE ARGUMENTS...`` runs ``convcli ARGUMENTS...``; a line of FILE has the path
of a module and the name of a function in it.
"""

import os
import sys
from pathlib import Path
from types import FrameType
from typing import NoReturn

from convcli.__main__ import main

ROOT = Path(__file__).parents[2]
PACKAGE = f"{ROOT / 'convcli'}{os.sep}"


def run(file: str, arguments: list[str]) -> NoReturn:
    """Run convcli, whose process ends by `os._exit`, and write the file just before."""
    called: dict[tuple[str, str], None] = {}
    end = os._exit

    def record(frame: FrameType, event: str, argument: object) -> None:  # noqa: ARG001 -- as Python calls it
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            called.setdefault((code.co_filename, code.co_qualname))

    def write_and_end(status: int) -> NoReturn:
        sys.setprofile(None)
        lines = (f"{Path(path).relative_to(ROOT).as_posix()} {name}\n" for path, name in list(called))
        Path(file).write_text("".join(lines), "utf-8")
        end(status)

    os._exit = write_and_end
    sys.argv[1:] = arguments
    os.sched_setaffinity(
        0, {min(os.sched_getaffinity(0))}
    )  # threads, which are not recorded, are not started
    sys.setprofile(record)
    main()


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2:])
