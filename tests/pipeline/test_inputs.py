"""Gathering the pictures in folders."""

from pathlib import Path

import pytest

from convcli.pipeline.inputs import Source, gather_inputs
from tests.support.call_counting import calls_during


def test_work_is_proportionate_to_the_depth_of_a_tree(in_folder: Path) -> None:
    """Also where each folder has the name of the output folder."""

    def calls(depth: int) -> int:
        root = Path(f"tree-{depth}")
        tree = Path(root, *["out"] * depth)
        tree.mkdir(parents=True, exist_ok=True)
        (tree / "a.png").touch()
        found: list[Source] = []
        count = calls_during(
            lambda: found.extend(
                gather_inputs([str(root)], recursive=True, out_dir=str(in_folder / "out")).own
            )
        )
        assert Source(str(tree / "a.png"), "/".join(["out"] * depth)) in found
        return count

    Path("out").mkdir()
    calls(1)  # the first time, modules are loaded
    assert calls(80) < 3 * calls(40)


@pytest.mark.parametrize("is_there", [True, False])
def test_outputs_of_an_earlier_run_are_no_inputs(in_folder: Path, is_there: bool) -> None:
    for folder in ("pictures/out", "pictures/sub/out"):
        Path(folder).mkdir(parents=True)
        Path(folder, "a.png").touch()
    out_dir = "pictures/out" if is_there else "out"
    sources = gather_inputs(["pictures"], recursive=True, out_dir=str(in_folder / out_dir)).own
    expected = [Source("pictures/out/a.png", "out"), Source("pictures/sub/out/a.png", "sub/out")]
    assert sources == expected[is_there:]
