"""The notebook of the lesson runs from top to bottom, and every figure of it appears."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "docs" / "lesson.ipynb"
PRINTED = ["(4, 6, 3)", "(10, 28, 28, 6)", "[456, 456, 4915500, 300000300]", "(True, False, True)"]


def test_it_is_stored_without_outputs() -> None:
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert len({cell["id"] for cell in cells}) == len(cells)


@pytest.mark.thorough
def test_it_runs_and_shows_a_figure_for_each_step(tmp_path: Path) -> None:
    for extra in ("nbconvert", "ipykernel"):
        pytest.importorskip(extra, reason="the extra notebook is not installed")
    command = [
        "-m",
        "nbconvert",
        "--execute",
        "--to",
        "notebook",
        "--output-dir",
        str(tmp_path),
        str(NOTEBOOK),
    ]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, timeout=300)
    cells = json.loads((tmp_path / NOTEBOOK.name).read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    assert {output["output_type"] for output in outputs} == {"execute_result"}  # no errors, no warnings
    kinds = [set(output["data"]) - {"text/plain"} for output in outputs]
    assert [kinds.count({f"image/{kind}"}) for kind in ("svg+xml", "png")] == [9, 5]
    assert kinds.count({"text/html"}) == 3
    plain = ["".join(output["data"]["text/plain"]) for output in outputs]
    assert [text for text in plain if text in PRINTED] == PRINTED
    assert all(len(text) < 300 for text in plain)
