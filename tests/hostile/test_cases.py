"""The list of cases: each names tests that exist, or says why it has none."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LIST = (HERE / "cases.md").read_text("utf-8")
TRIED, NOT_TRIED = LIST.split("## Not provoked")
CASES = re.findall(r"^- (.+)$", TRIED, re.MULTILINE)
TESTS = {
    name
    for file in HERE.glob("test_*.py")
    for name in re.findall(r"^def (test_\w+)\(", file.read_text("utf-8"), re.MULTILINE)
}


@pytest.mark.parametrize("case", CASES, ids=[case.partition(": `")[0] for case in CASES])
def test_a_case_names_tests_that_exist(case: str) -> None:
    named = re.findall(r"`(test_\w+)`", case)
    assert named
    assert set(named) <= TESTS


def test_all_sections_are_there_and_what_is_not_tried_has_a_reason() -> None:
    sections = re.findall(r"^## ([\w ]+?)(?: \(.*\))?$", TRIED, re.MULTILINE)
    assert sections == [
        "Decoding", "Meaning", "Files", "Streams and signals", "Names and terminals", "Batches", "Arithmetic",
    ]  # fmt: skip
    assert all(": " in line for line in re.findall(r"^- (.+)$", NOT_TRIED, re.MULTILINE))
