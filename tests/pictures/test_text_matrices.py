"""Matrices as text: reading, errors with their position, and reading back what was written."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convcli.errors import MatrixError
from convcli.pictures import text_matrices as matrices
from convcli.pictures.text_matrices import format_matrix, parse_matrix, parse_number

SHAPES = st.tuples(st.integers(1, 5), st.integers(1, 5))
SEPARATORS = [" ", "  ", "\t", ",", ", ", " ,", " , "]
ROW_ENDS = [";", "\n", ";\n", "\r\n", "\n# comment\n", " ; "]


@given(
    hnp.arrays(np.int64, SHAPES, elements=st.integers(-(2**63), 2**63 - 1)),
    st.sampled_from(SEPARATORS),
    st.sampled_from(ROW_ENDS),
    st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_rows_are_read_with_every_separator(matrix: Any, separator: str, row_end: str, last: bool) -> None:
    text = row_end.join(separator.join(map(str, row)) for row in matrix.tolist()) + row_end * last
    parsed = parse_matrix(text, "test")
    assert parsed.dtype == np.int64
    assert parsed.tolist() == matrix.tolist()


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("1 2; 3, -4", [[1, 2], [3, -4]]),
        ("+1 -1 \N{MINUS SIGN}1", [[1, -1, -1]]),
        ("0012", [[12]]),
        ("-0", [[0]]),
    ],
)
def test_whole_numbers_become_integers(text: str, rows: list[list[int]]) -> None:
    parsed = parse_matrix(text, "test")
    assert parsed.dtype == np.int64
    assert parsed.tolist() == rows


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("0.1 1", [[0.1, 1.0]]),
        ("1 2.0; 3, 1e1", [[1.0, 2.0], [3.0, 10.0]]),
        ("1e3 1E3 1e+3", [[1000.0, 1000.0, 1000.0]]),
        ("6/3 -8/4 1.5/0.5", [[2.0, -2.0, 3.0]]),
        ("1/3", [[1 / 3]]),
        ("1e-3/2", [[0.0005]]),
        ("1/2e1", [[0.05]]),
        ("inf -INF +Inf", [[math.inf, -math.inf, math.inf]]),
        ("1e999", [[math.inf]]),
        ("9007199254740993.0", [[9007199254740992.0]]),
        ("9223372036854775808", [[2.0**63]]),
        ("-9223372036854775809", [[-(2.0**63)]]),
    ],
)
def test_decimals_fractions_and_numbers_beyond_64_bits_become_floats(
    text: str, rows: list[list[float]]
) -> None:
    parsed = parse_matrix(text, "test")
    assert parsed.dtype == np.float64
    assert parsed.tolist() == rows


@pytest.mark.parametrize("text", ["nan", "NaN", "-nan"])
def test_nan_is_a_number_of_a_text_image(text: str) -> None:
    assert np.isnan(parse_matrix(text, "test")).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "test: is empty"),
        ("\n \n", "test: is empty"),
        ("#1 2", "test: is empty"),
        ("1;;2", "test: has an empty row in '1;;2'"),
        ("1 2;3 4\n5 6", "test: separates rows with both ; and newlines"),
        ("1;5\n2;5", "test: separates rows with both ; and newlines"),
        (";1", "test: has an empty row in ';1'"),
        ("1 2\n3", "test: row 2 has 1 number, but row 1 has 2"),
        ("1 2\n\n3 4", "test: has an empty line between rows"),
        ("1 2\n# note\n3 4\n5", "test: row 3 has 1 number, but row 1 has 2"),
        ("1 2; 3 four", "test: row 2, column 2 is 'four', not a number"),
        ("1,,2", "test: row 1, column 2 is empty"),
        (",1", "test: row 1, column 1 is empty"),
        ("1,2,", "test: row 1, column 3 is empty"),
        ("1 2 # 3", "test: row 1, column 3 is '#', not a number"),
        ("1/0", "test: row 1, column 1 is '1/0', a division by zero"),
        ("1/0.0e5", "test: row 1, column 1 is '1/0.0e5', a division by zero"),
        ("x,y\n1,2\n", "test: row 1 is 'x,y': header rows are not supported; remove it"),
        ("x,2\n1,2\n", "test: row 1, column 1 is 'x', not a number"),
        ("x,y\n1\n", "test: row 1, column 1 is 'x', not a number"),
        ("x,y\nz,1\n", "test: row 1, column 1 is 'x', not a number"),
        ("x; 1", "test: row 1, column 1 is 'x', not a number"),
        ("1/", "test: row 1, column 1 is '1/', not a number"),
        ("/2", "test: row 1, column 1 is '/2', not a number"),
        ("1/nan", "test: row 1, column 1 is '1/nan', not a number"),
        (".", "test: row 1, column 1 is '.', not a number"),
        ("1e", "test: row 1, column 1 is '1e', not a number"),
        ("1_000", "test: row 1, column 1 is '1_000', not a number"),
        ("\u0663", "test: row 1, column 1 is '\u0663', not a number"),
        ("1\x00", r"test: row 1, column 1 is '1\x00', not a number"),
        ("infinity", "test: row 1, column 1 is 'infinity', not a number"),
    ],
)
def test_invalid_text_is_refused_with_its_position(text: str, message: str) -> None:
    with pytest.raises(MatrixError) as caught:
        parse_matrix(text, "test")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("digits", [309, 400])
def test_a_whole_number_beyond_the_floats_is_infinite_as_any_other_decimal_is(digits: int) -> None:
    assert parse_matrix("9" * digits, "test").tolist() == parse_matrix("9" * digits + ".0", "test").tolist()


def test_a_limit_counts_the_numbers_of_all_rows() -> None:
    assert parse_matrix("1 2; 3 4", "test", max_cells=4).tolist() == [[1, 2], [3, 4]]
    assert parse_matrix("1; 2;", "test", max_cells=2).tolist() == [[1], [2]]
    with pytest.raises(MatrixError, match="test: has more than 3 numbers"):
        parse_matrix("1 2; 3 4", "test", max_cells=3)


@pytest.mark.parametrize("text", ["1,2,x", "1 2 x", "1,2 x", "1 2,x", "1;2;x", "1\n2\nx", "1,2,,"])
def test_numbers_are_counted_before_they_are_read(text: str) -> None:
    with pytest.raises(MatrixError, match="test: has more than 2 numbers"):
        parse_matrix(text, "test", max_cells=2)


@pytest.mark.parametrize("row_end", ["\n", "\r\n", "\r", "\n# comment\n"])
def test_lines_are_split_few_at_a_time(monkeypatch: pytest.MonkeyPatch, row_end: str) -> None:
    rows = [[number, 1000] for number in range(200)]
    text = row_end.join(f"{first} {second}" for first, second in rows)
    for letters in (1, 7, 64):
        monkeypatch.setattr(matrices, "BLOCK_CHARACTERS", letters)
        assert parse_matrix(text, "test").tolist() == rows


@pytest.mark.parametrize("text", ["1;", ";1", "1 2", "1,", "1\n2", "#1", "", "nan", "1e400", "9" * 400])
def test_text_that_is_not_one_finite_number_is_refused(text: str) -> None:
    with pytest.raises(MatrixError):
        parse_number(text, "test")


@given(
    hnp.arrays(np.int64, SHAPES)
    | hnp.arrays(np.int16, SHAPES)
    | hnp.arrays(np.uint8, SHAPES)
    | hnp.arrays(np.float64, SHAPES, elements=st.floats(allow_nan=False))
    | hnp.arrays(np.float32, SHAPES, elements=st.floats(allow_nan=False, width=32)),
    st.sampled_from([" ", ",", "\t"]),
    st.booleans(),
)
@settings(max_examples=200, deadline=None)
def test_a_written_matrix_is_read_back(matrix: Any, separator: str, aligned: bool) -> None:
    text = format_matrix(matrix, separator, aligned=aligned)
    parsed = parse_matrix(text, "test")
    assert parsed.astype(matrix.dtype).tolist() == matrix.tolist()


def test_numbers_are_written_in_their_shortest_form() -> None:
    matrix = np.array([[0.1, 3.0, -30.0], [1e22, 1e-7, 0.5]])
    assert format_matrix(matrix) == "0.1 3 -30\n1e+22 1e-07 0.5\n"


def test_float32_is_written_in_its_own_shortest_form() -> None:
    assert format_matrix(np.array([[0.1, 2.5]], np.float32), ",") == "0.1,2.5\n"


def test_integers_are_written_whole() -> None:
    assert (
        format_matrix(np.array([[-(2**63), 2**63 - 1]]), "\t")
        == "-9223372036854775808\t9223372036854775807\n"
    )


def test_aligned_columns_end_under_each_other() -> None:
    assert format_matrix(np.array([[0, -30], [0.5, 1]]), aligned=True) == "  0 -30\n0.5   1\n"
