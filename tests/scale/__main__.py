"""Run the measurements: ``python -m tests.scale``; ``--small`` takes less than a minute.

Prints tables in Markdown. A result that is not exact, or a command that fails, ends it with an error; times never
do.
"""

import argparse
import tempfile
from pathlib import Path

from tests.scale.batches import measure_batches, measure_lists
from tests.scale.cluster import measure_killed_worker
from tests.scale.large_picture import measure_large_picture
from tests.scale.storage import measure_storage

PARTS = ("picture", "batch", "lists", "killed", "storage")


def main() -> None:
    """Read the options and measure."""
    parser = argparse.ArgumentParser(prog="python -m tests.scale", description=__doc__)
    parser.add_argument("--small", action="store_true", help="small pictures, and few of them")
    parser.add_argument("--folder", help="where pictures are made (default: a temporary folder); 10 GB")
    parser.add_argument("--only", choices=PARTS, help="one part")
    options = parser.parse_args()
    small = options.small
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if options.only in (None, "picture"):
            height, width, rounds = (2000, 3000, 1) if small else (40_000, 50_000, 3)
            measure_large_picture(folder, height, width, rounds)
        if options.only in (None, "batch"):
            (folder / "batch").mkdir()
            measure_batches(folder / "batch", 50 if small else 20_000)
        if options.only in (None, "lists"):
            measure_lists(folder / "lists", (1_000,) if small else (1_000, 100_000, 1_000_000))
        if options.only in (None, "killed"):
            (folder / "killed").mkdir()
            measure_killed_worker(folder / "killed", 60 if small else 2_000)
        if options.only in (None, "storage"):
            (folder / "storage").mkdir()
            measure_storage(folder / "storage", 30 if small else 2_000, 1_000 if small else 8_000)


if __name__ == "__main__":
    main()
