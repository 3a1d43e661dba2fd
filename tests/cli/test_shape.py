"""``convcli shape``: output sizes forwards and backwards, in every form."""

import json
from itertools import product

import pytest

from tests.support import oracles as reference
from tests.support.command_line import Runner, assert_refused, on_terminal


@pytest.fixture
def shape(convcli: Runner) -> Runner:
    return lambda *arguments: convcli("shape", *arguments)


# Into a pipe ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ("--n 32 --f 5 --p 0 --s 1", "28x28"),
        ("--n 32 --f 5", "28x28"),
        ("--input-size 32 --filter-size 5 --padding 0 --stride 1 --dilation 1", "28x28"),
        ("--n=32 --f=5", "28x28"),
        ("--n 28 --f 2 --s 2", "14x14"),
        ("--n 227x320 --f 11x7 --s 4x3 --p 0:1x0:1", "55x105"),
        ("--n 227x320 --f 11x7 --s 4x3", "55x105"),
        ("--n 32x32x3 --f 5 --c-out 6", "28x28x6"),
        ("--n 32 --f 5 --c-out 6", "28x28x6"),
        ("--n 32x32x3 --f 5", "28x28"),
        ("--n 227x227x3 --f 11 --s 4 --c-out 96", "55x55x96"),
        ("--n 32 --f 5 --p same", "32x32"),
        ("--n 32 --f 5 --p valid", "28x28"),
        ("--n 32 --f 5 --p SAME --s 3", "11x11"),
        ("--n 32 --f 5 --p 2", "32x32"),
        ("--n 32 --f 5 --p 1x2", "30x32"),
        ("--n 32 --f 5 --p 0:1", "29x29"),
        ("--n 32 --f 3 --d 2", "28x28"),
        ("--n 32 --f 3 --d 2x4", "28x24"),
        ("--n 7 --f 2 --s 2", "3x3"),
        ("--n 7 --f 2 --s 2 --ceil", "4x4"),
        ("--n 32X24 --f 5×3", "28x22"),
        ("--n 5 --f 5", "1x1"),
        ("--n 1 --f 1", "1x1"),
        ("--n 32 --f 5 --s 100", "1x1"),
    ],
)
def test_size_into_a_pipe(shape: Runner, options: str, size: str) -> None:
    assert shape(*options.split()).all == (0, f"{size}\n", "")


@pytest.mark.parametrize(
    ("n", "f", "p", "s", "d"), list(product([7, 12], [1, 2, 5], [0, 1, 3], [1, 2, 3], [1, 2]))
)
def test_size_is_the_number_of_windows_that_fit(
    shape: Runner, n: int, f: int, p: int, s: int, d: int
) -> None:
    windows = reference.window_starts(n, f, before=p, after=p, stride=s, dilation=d)
    ran = shape("--n", n, "--f", f, "--p", p, "--s", s, "--d", d)
    if windows:
        assert ran.all == (0, f"{len(windows)}x{len(windows)}\n", "")
    else:
        assert_refused(ran, f"filter {f} on input {n}: gives floor((")


def test_a_table_of_one_row(shape: Runner) -> None:
    rows = ("layer,output,field,jump,centre,padding,unread", 'conv 6 f5 s2,14x14x6,5,2,2,,"1 row, 1 col"')
    assert shape(*["--n", "32", "--f", "5", "--s", "2", "--c-out", "6", "--csv"]).all == (
        0,
        "".join(f"{row}\n" for row in rows),
        "",
    )
    ran = shape(*["--n", "32", "--f", "5", "--md"])
    assert ran.out.splitlines()[-1] == "| conv f5 | 28x28 | 5 | 1 | 2 |  |  |"


@pytest.mark.parametrize("option", ["--csv", "--md", "--ceil"])
def test_what_does_not_go_with_want(shape: Runner, option: str) -> None:
    assert_refused(
        shape(*["--n", "32", "--f", "5", "--want", "32"], option), f"{option}: cannot be combined with --want"
    )


def test_output_of_one_is_the_input_of_the_next(shape: Runner) -> None:
    first = shape("--n", "32x32x3", "--f", "5", "--c-out", "6")
    assert first.all == (0, "28x28x6\n", "")
    second = shape("--n", first.out.strip(), "--f", "2", "--s", "2", "--c-out", "6")
    assert second.all == (0, "14x14x6\n", "")
    assert shape("--n", second.out.strip(), "--f", "5", "--c-out", "16").all == (0, "10x10x16\n", "")


def test_exact_at_any_size(shape: Runner) -> None:
    huge = 10**30
    ran = shape("--n", huge, "--f", "3", "--p", "1", "--s", "7", "--c-out", huge)
    side = (huge - 1) // 7 + 1
    assert ran.all == (0, f"{side}x{side}x{huge}\n", "")


# On a terminal --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "lines"),
    [
        (
            "--n 32 --f 5",
            [
                "28x28",
                "",
                "side    floor((n + 2p - f)/s) + 1 = floor((32 + 2·0 - 5)/1) + 1 = 28",
                "unread  none: every input row and column is read",
            ],
        ),
        (
            "--n 32x32x3 --f 5 --p 2 --c-out 6",
            [
                "32x32x6",
                "",
                "side    floor((n + 2p - f)/s) + 1 = floor((32 + 2·2 - 5)/1) + 1 = 32",
                "depth   one feature map for each of the 6 filters",
                "unread  none: every input row and column is read",
            ],
        ),
        (
            "--n 227x320 --f 11x7 --s 4x3 --p 0:1x0:1",
            [
                "55x105",
                "",
                "side    floor((n + p1 + p2 - f)/s) + 1",
                "height  floor((227 + 0 + 1 - 11)/4) + 1 = 55",
                "width   floor((320 + 0 + 1 - 7)/3) + 1 = 105",
                "unread  no row",
                "        column 319, counted from 0 (1 of 320); input widths with no unread columns: 319, 321",
            ],
        ),
        (
            "--n 226 --f 11 --s 4",
            [
                "54x54",
                "",
                "side    floor((n + 2p - f)/s) + 1 = floor((226 + 2·0 - 11)/4) + 1 = 54",
                "unread  rows 223..225, counted from 0 (3 of 226); input heights with no unread rows: 223, 227",
                "        columns 223..225, counted from 0 (3 of 226); input widths with no unread columns: 223, 227",
            ],
        ),
        (
            "--n 20x30 --f 3 --s 5x3",
            [
                "4x10",
                "",
                "side    floor((n + 2p - f)/s) + 1",
                "height  floor((20 + 2·0 - 3)/5) + 1 = 4",
                "width   floor((30 + 2·0 - 3)/3) + 1 = 10",
                "unread  rows 3..4, 8..9, 13..14, 18..19, counted from 0 (8 of 20); "
                "the windows leave gaps at every height near 20",
                "        no column",
            ],
        ),
        (
            "--n 7 --f 3 --d 2 --s 2 --ceil",
            [
                "2x2",
                "",
                "side    ceil((n + 2p - (d·(f - 1) + 1))/s) + 1",
                "        = ceil((7 + 2·0 - (2·(3 - 1) + 1))/2) + 1 = 2",
                "unread  rows 1, 3, 5, counted from 0 (3 of 7); "
                "the windows leave gaps at every height near 7",
                "        columns 1, 3, 5, counted from 0 (3 of 7); "
                "the windows leave gaps at every width near 7",
            ],
        ),
    ],
)
def test_terminal_shows_the_formula_and_what_is_never_read(
    terminal: Runner, options: str, lines: list[str]
) -> None:
    assert terminal("shape", *options.split()).all == (0, "".join(f"{line}\n" for line in lines), "")


def test_many_gaps_are_shortened_but_counted(terminal: Runner) -> None:
    ran = terminal("shape", "--n", "1000", "--f", "1", "--s", "2")
    assert (ran.code, ran.err) == (0, "")
    assert (
        "unread  rows 1, 3, 5, 7, ..., counted from 0 (500 of 1000); "
        "the windows leave gaps at every height near 1000\n" in ran.out
    )


def test_terminal_explains_sizes_beyond_counting(terminal: Runner) -> None:
    huge = 10**30
    ran = terminal("shape", "--n", huge, "--f", "2", "--s", "2")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.startswith(
        f"{huge // 2}x{huge // 2}\n\nside    floor((n + 2p - f)/s) + 1\n        = floor(({huge} + 2·0 - 2)/2) + 1 = {huge // 2}\n"
    )
    assert ran.out.endswith("unread  none: every input row and column is read\n")


@pytest.mark.parametrize("columns", [20, 80])
def test_terminal_of_its_own_wraps_but_cuts_nothing(columns: int) -> None:
    ran = on_terminal("shape", "--n", "226", "--f", "11", "--s", "4", columns=columns)
    assert (ran.code, ran.err) == (0, "")
    words = " ".join(ran.out.split())
    assert words.startswith(
        "54x54 side floor((n + 2p - f)/s) + 1 = floor((226 + 2·0 - 11)/4) + 1 = 54 unread "
    )
    assert words.endswith(
        "columns 223..225, counted from 0 (3 of 226); input widths with no unread columns: 223, 227"
    )


# JSON -----------------------------------------------------------------------------------------------------


def test_json(shape: Runner) -> None:
    ran = shape("--n", "32x30x3", "--f", "5x3", "--s", "4x3", "--p", "1", "--c-out", "6", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.count("\n") == 1
    record = json.loads(ran.out)
    assert record == {
        "input": "32x30x3",
        "layers": [
            {
                "text": "conv 6 f5x3 s4x3 p1",
                "type": "conv",
                "line": None,
                "column": None,
                "input": "32x30x3",
                "output": "8x10x6",
                "params": (5 * 3 * 3 + 1) * 6,
                "statistics": 0,
                "macs": 8 * 10 * 6 * (5 * 3 * 3),
                "activations": 480,
                "weights": "5x3x3x6",
                "bias": "1x1x1x6",
                "connections": 45,
                "filter": "5x3",
                "padding": "1",
                "stride": "4x3",
                "dilation": "1x1",
                "unread_rows": {"count": 0, "ranges": []},
                "unread_columns": {"count": 1, "ranges": [[29, 29]]},
                "receptive_field": [5, 3],
                "jump": [4, 3],
                "centre": [1, 0],
                "misaligned": None,
                "depth": 0,
                "tags": [],
                "reads": [0],
                "writes": 1,
                "name": None,
            }
        ],
        "output": "8x10x6",
        "params": 276,
        "statistics": 0,
        "macs": 21600,
        "activations": 480,
        "peak_activations": 32 * 30 * 3 + 480,
        "receptive_field": [5, 3],
        "jump": [4, 3],
        "centre": [1, 0],
    }


def test_json_without_channels_does_not_know_the_costs(shape: Runner) -> None:
    ran = shape("--n", "32", "--f", "5", "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert (record["input"], record["output"]) == ("32x32", "28x28")
    assert (record["params"], record["macs"]) == (None, None)
    assert (record["layers"][0]["text"], record["layers"][0]["params"]) == ("conv f5", None)


def test_json_is_exact_at_any_size(shape: Runner) -> None:
    huge = 10**30
    ran = shape("--n", f"{huge}x{huge}x{huge}", "--f", "3", "--p", "1", "--c-out", huge, "--json")
    assert (ran.code, ran.err) == (0, "")
    record = json.loads(ran.out)
    assert record["params"] == (9 * huge + 1) * huge
    assert record["macs"] == 9 * huge**4


@pytest.mark.parametrize(("f", "s", "d"), [(3, 5, 1), (3, 4, 2), (2, 7, 3), (1, 2, 1), (5, 3, 1)])
def test_json_lists_what_is_never_read(shape: Runner, f: int, s: int, d: int) -> None:
    ran = shape("--n", "40", "--f", f, "--s", s, "--d", d, "--json")
    assert (ran.code, ran.err) == (0, "")
    unread = json.loads(ran.out)["layers"][0]["unread_rows"]
    listed = {pixel for first, last in unread["ranges"] for pixel in range(first, last + 1)}
    assert listed == set(range(40)) - reference.read_pixels(40, f, stride=s, dilation=d)
    assert unread["count"] == len(listed)


# Backwards ------------------------------------------------------------------------------------------------


def test_want_into_a_pipe(shape: Runner) -> None:
    assert shape("--n", "32", "--f", "5", "--want", "32").all == (0, "p\ts\n2\t1\n", "")


@pytest.mark.parametrize(
    ("n", "f", "want", "d"),
    [(32, 5, 32, 1), (7, 3, 4, 1), (13, 4, 3, 1), (9, 3, 1, 1), (20, 3, 9, 2), (6, 6, 1, 1)],
)
def test_want_finds_every_solution_smallest_first(shape: Runner, n: int, f: int, want: int, d: int) -> None:
    extent = d * (f - 1) + 1
    strides = range(1, n + 2 * extent)
    sides = {
        (p, s): len(reference.window_starts(n, f, before=p, after=p, stride=s, dilation=d))
        for p, s in product(range(extent), strides)
    }
    # strides beyond the first that leaves a single window change nothing
    single = {p: min((s for s in strides if sides[p, s] == 1), default=0) for p in range(extent)}
    found = [(p, s) for (p, s), side in sides.items() if side == want and (want > 1 or s <= single[p])]
    ran = shape("--n", n, "--f", f, "--want", want, "--d", d)
    assert ran.all == (0, "p\ts\n" + "".join(f"{p}\t{s}\n" for p, s in sorted(found)), "")


def test_want_on_a_terminal(terminal: Runner) -> None:
    assert terminal("shape", "--n", "32", "--f", "5", "--want", "32").all == (
        0,
        f"p  s  formula\n{'─' * 38}\n2  1  floor((32 + 2·2 - 5)/1) + 1 = 32\n",
        "",
    )


def test_want_in_json_is_a_line_a_solution(shape: Runner) -> None:
    ran = shape("--n", "7", "--f", "3", "--want", "3", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert [json.loads(line) for line in ran.out.splitlines()] == [
        {"p": "0", "s": "2"},
        {"p": "1", "s": "3"},
        {"p": "2", "s": "3"},
        {"p": "2", "s": "4"},
    ]


def test_want_with_different_axes(shape: Runner) -> None:
    ran = shape("--n", "7x9", "--f", "3", "--want", "4x4")
    assert ran.all == (0, "p\ts\n1x0\t2x2\n1x2\t2x3\n", "")


@pytest.mark.parametrize(("n", "f", "want"), [("3000", "1", "2"), ("10x3000", "10x1", "1x2")])
def test_more_solutions_of_want_than_are_listed_are_not_dropped_silently(
    shape: Runner, n: str, f: str, want: str
) -> None:
    ran = shape("--n", n, "--f", f, "--p", "0", "--want", want)
    why = "only the first 1000 solutions are listed; give --p or --s to narrow them down"
    assert (ran.code, ran.err) == (0, f"convcli: note: {why}\n")
    assert len(ran.out.splitlines()) == 1 + 1000


def test_solutions_of_want_are_read_back(shape: Runner) -> None:
    ran = shape("--n", "20x13", "--f", "5x4", "--want", "6x3")
    assert (ran.code, ran.err) == (0, "")
    rows = [line.split("\t") for line in ran.out.splitlines()[1:]]
    assert rows
    for p, s in rows:
        assert shape("--n", "20x13", "--f", "5x4", "--p", p, "--s", s).all == (0, "6x3\n", "")


def test_want_that_nothing_gives_names_the_nearest(shape: Runner) -> None:
    ran = shape("--n", "32", "--f", "5", "--want", "100")
    assert_refused(ran, "output side 100: cannot be reached from 32 with filter 5 ")
    assert ran.err.endswith("nearest: 36 (padding 4, stride 1)\n")


def test_nearest_on_both_sides(shape: Runner) -> None:
    ran = shape("--n", "32", "--f", "5", "--want", "27")
    assert_refused(ran, "output side 27: cannot be reached from 32 with filter 5 ")
    assert ran.err.endswith("nearest: 18 (padding 4, stride 2) or 28 (padding 0, stride 1)\n")


def test_nearest_where_the_axes_differ(shape: Runner) -> None:
    ran = shape("--n", "32x16", "--f", "5", "--want", "32x100")
    assert_refused(ran, "output side 100: cannot be reached from 16 with filter 5 ")


@pytest.mark.parametrize(
    ("options", "rows"),
    [
        ("--n 7 --f 3 --want 3 --p 2", ["2\t3", "2\t4"]),
        ("--n 7 --f 3 --want 3 --s 3", ["1\t3", "2\t3"]),
        ("--n 7 --f 3 --want 3 --p 2 --s 3", ["2\t3"]),
        ("--n 7x8 --f 3 --want 3 --p 2x1 --s 3", ["2x1\t3x3"]),
        ("--n 7 --f 3 --want 3x3x16 --p 2 --s 3", ["2\t3"]),
    ],
)
def test_want_keeps_what_is_given(shape: Runner, options: str, rows: list[str]) -> None:
    assert shape(*options.split()).all == (0, "".join(f"{row}\n" for row in ["p\ts", *rows]), "")


@pytest.mark.parametrize("padding", ["same", "valid", "0:1x0:1"])
def test_want_takes_paddings_that_are_equal_on_both_sides(shape: Runner, padding: str) -> None:
    ran = shape("--n", "7", "--f", "3", "--want", "4", "--p", padding)
    assert_refused(ran, f"--p {padding}: cannot be solved for")


def test_want_does_not_ignore_ceil_silently(shape: Runner) -> None:
    ran = shape("--n", "7", "--f", "2", "--want", "4", "--ceil")
    # rounded up, 7 becomes 4 without padding, too
    assert ran.code == 2 or ran.all == (0, "p\ts\n0\t2\n1\t2\n", "")


# What is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "start"),
    [
        ("--n 32 --f 5 --s 0", "stride '0': must be "),
        ("--n 32 --f 5 --s -1", "stride '-1': must be "),
        ("--n 32 --f 5 --s 1.5", "stride '1.5': must be "),
        ("--n 32 --f 5 --s nan", "stride 'nan': must be "),
        ("--n 32 --f 5 --s 2x0", "stride "),
        (
            "--n 32 --f 5 --s 1x2x3",
            "s1x2x3: has 3 sides, but the input 32x32 is two-dimensional: give s2x3",
        ),
        ("--n 32 --f 5 --d 0", "dilation '0': must be "),
        ("--n 32 --f 5 --d inf", "dilation 'inf': must be "),
        ("--n 32 --f 0", "filter '0': must be "),
        ("--n 32 --f -3", "filter '-3': must be "),
        ("--n 32 --f 2.5", "filter '2.5': must be "),
        ("--n 32 --f big", "filter 'big': must be "),
        ("--n 32 --f 3x3x3", "f3x3x3: has 3 sides, but the input 32x32 is two-dimensional: give f3"),
        ("--n 0 --f 5", "input '0': must be "),
        ("--n -32 --f 5", "input '-32': must be "),
        ("--n 1e3 --f 5", "input '1e3': must be "),
        ("--n inf --f 5", "input 'inf': must be "),
        ("--n 32x32x3x1x1 --f 5", "input '32x32x3x1x1': must be "),
        ("--n 32x --f 5", "input '32x': must be "),
        ("--n 32 --f 5 --p -1", "padding '-1': must be "),
        ("--n 32 --f 5 --p 0.5", "padding '0.5': must be "),
        ("--n 32 --f 5 --p some", "padding 'some': must be valid, same, a number, AxB "),
        ("--n 32 --f 5 --p 1x2x3x4", "padding '1x2x3x4': has more than three parts"),
        ("--n 32 --f 5 --c-out 0", "output channels '0': must be "),
        ("--n 32 --f 5 --c-out -6", "output channels '-6': must be "),
        ("--n 32 --f 5 --want 0", "wanted size '0': must be "),
        ("--f 5", "--n: missing; for example: convcli shape --n 32 --f 5"),
        ("--n 32", "--f: missing; for example: convcli shape --n 32 --f 5"),
        ("", "--n: missing; for example: convcli shape --n 32 --f 5"),
    ],
)
def test_impossible_numbers(shape: Runner, options: str, start: str) -> None:
    assert_refused(shape(*options.split()), start)


@pytest.mark.parametrize("option", ["--n", "--f", "--p", "--s", "--d", "--c-out", "--want"])
def test_empty_value_is_not_taken_for_a_missing_one(shape: Runner, option: str) -> None:
    others = {"--n": "32", "--f": "5"} | {option: ""}
    ran = shape(*(word for pair in others.items() for word in pair))
    assert_refused(ran, "")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            "--n 3 --f 5",
            "filter 5 on input 3: gives floor((3 + 2·0 - 5)/1) + 1 = -1, because the filter is larger than the padded "
            "input (5 > 3); use a padding of at least 1 or a filter of at most 3",
        ),
        (
            "--n 32x3 --f 5 --p 0:1 --s 2",
            "filter 5 on input 3: gives floor((3 + 0 + 1 - 5)/2) + 1 = 0, because the filter is larger than the padded "
            "input (5 > 4); use a padding of at least 1 or a filter of at most 4",
        ),
        (
            "--n 8 --f 5 --d 3",
            "filter 5 on input 8: gives floor((8 + 2·0 - (3·(5 - 1) + 1))/1) + 1 = -4, because the filter is larger than "
            "the padded input (13 > 8); use a padding of at least 3 or a filter of at most 3",
        ),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_filter_that_does_not_fit_shows_the_arithmetic(
    shape: Runner, options: str, line: str, form: tuple[str, ...]
) -> None:
    assert shape(*options.split(), *form).all == (2, "", f"convcli: {line}\n")


def test_number_of_too_many_digits(shape: Runner) -> None:
    assert_refused(
        shape("--n", "9" * 501, "--f", "3"), "input 99999999999999999999...: has more than 500 digits"
    )


def test_unexpected_argument(shape: Runner) -> None:
    assert_refused(shape("--n", "32", "relu", "tanh"), "shape: put the layers in quotes")
    assert_refused(shape("--n", "32", "--f", "5", "7"), "NETWORK: cannot be combined with --f, --")


def test_an_output_padding_that_fits_one_axis_only_is_refused_with_one_that_works(convcli: Runner) -> None:
    network = "conv 2 f1x10 s1x5 p0x3, tconv 1 f1x10 s1x5 p0x3 {}"
    ran = convcli("shape", "--n", "1x100x1", network.format("op1"))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.endswith("at most 0 vertically and 4 horizontally; 0x1 works\n")
    ran = convcli("shape", "--n", "1x100x1", network.format("op0x1"), "--json")
    assert (ran.code, json.loads(ran.out)["output"], ran.err) == (0, "1x100x1", "")


# Sounds and volumes ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "size"),
    [
        (("--n", "16x112x112x3", "--f", "3x7x7", "--s", "1x2x2", "--p", "1x3x3"), "16x56x56"),
        (("--n", "16x112x112x3", "--f", "3", "--c-out", "64"), "14x110x110x64"),
        (("--n", "16x9x9 3d", "--f", "3", "--p", "0:1x0:1x1:1"), "15x8x9"),
        (("--n", "8000x1", "--f", "80x1"), "7921x1"),  # two numbers are an image
        (("--n", "8000x1 1d", "--f", "80", "--s", "4", "--c-out", "8"), "1981x8"),
        (("in 8000x1, conv 64 f80", "--last", "--expect", "7921x64"), "7921x64"),
        (("in 16x8x8x1, conv 64 f3", "--last", "--expect", "14x6x6x64"), "14x6x6x64"),
        (("in 16 3d, maxpool f2", "--last", "--expect", "8"), "8x8x8"),
    ],
)
def test_size_on_sounds_and_volumes(shape: Runner, arguments: tuple[str, ...], size: str) -> None:
    assert shape(*arguments).all == (0, f"{size}\n", "")


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ("--n", "16x113x112x3", "--f", "3x7x7", "--s", "1x2x4", "--c-out", "64"),
            [
                "14x54x27x64", "",
                "side      floor((n + 2p - f)/s) + 1",
                "depth     floor((16 + 2·0 - 3)/1) + 1 = 14",
                "height    floor((113 + 2·0 - 7)/2) + 1 = 54",
                "width     floor((112 + 2·0 - 7)/4) + 1 = 27",
                "channels  one feature map for each of the 64 filters",
                "unread    no slice", "          no row",
                "          column 111, counted from 0 (1 of 112); input widths with no unread columns: 111, 115",
            ],
        ),
        (
            ("--n", "8001x1 1d", "--f", "80", "--s", "4"),
            [
                "1981", "",
                "length  floor((n + 2p - f)/s) + 1 = floor((8001 + 2·0 - 80)/4) + 1 = 1981",
                "unread  position 8000, counted from 0 (1 of 8001); input lengths with no unread positions: 8000, 8004",
            ],
        ),
        (
            ("--n", "9x9x9x1", "--f", "3"),
            [
                "7x7x7", "",
                "side    floor((n + 2p - f)/s) + 1 = floor((9 + 2·0 - 3)/1) + 1 = 7",
                "unread  none: every input slice, row and column is read",
            ],
        ),
    ],
)  # fmt: skip
def test_a_terminal_shows_a_line_per_axis(
    terminal: Runner, arguments: tuple[str, ...], lines: list[str]
) -> None:
    assert terminal("shape", *arguments).out.splitlines() == lines


def test_summaries_of_sounds_and_volumes(terminal: Runner) -> None:
    sound = terminal("shape", "in 8000x1, conv 64 f3 s5, gap, mul { | conv 64 f1 }").out
    assert "field   receptive field 3, stride (jump) 5, first unit centered at 1\n" in sound
    assert "unread  positions of a layer's input that no window reads\n" in sound
    volume = terminal("shape", "in 9x9x9x1, conv 64 f3 s5, add { | gap 2, conv 64 f1 }").out
    assert "field   receptive field the whole input, stride" not in volume
    assert "unread  slices, rows and columns of a layer's input that no window reads\n" in volume
    pooled = terminal("shape", "in 99x1, mul { | gap, conv 1 f1 }").out
    assert "field   receptive field the whole input, stride (jump) 1, first unit centered at 0\n" in pooled


def test_json_of_sounds_and_volumes(shape: Runner) -> None:
    volume = json.loads(shape("in 9x10x11x2, conv 4 f3x2x2 s2x3x1 p0:1x0:1x0:1", "--json").out)
    (layer,) = volume["layers"]
    assert (volume["receptive_field"], volume["jump"], volume["centre"]) == (
        [3, 2, 2],
        [2, 3, 1],
        [1, 0.5, 0.5],
    )
    assert (layer["filter"], layer["stride"], layer["padding"]) == ("3x2x2", "2x3x1", "0:1x0:1x0:1")
    assert [layer[key]["count"] for key in ("unread_slices", "unread_rows", "unread_columns")] == [0, 3, 0]
    assert (layer["weights"], layer["bias"]) == ("3x2x2x2x4", "1x1x1x1x4")
    sound = json.loads(shape("--n", "8001x2 1d", "--f", "80", "--s", "4", "--json").out)
    (layer,) = sound["layers"]
    assert (sound["receptive_field"], sound["jump"], sound["centre"]) == ([80], [4], [39.5])
    assert layer["unread_rows"] == {"count": 1, "ranges": [[8000, 8000]]}
    assert layer["unread_columns"] is None
    assert "unread_slices" not in layer


@pytest.mark.parametrize(
    ("arguments", "solutions"),
    [
        (("--n", "16x112x112x3", "--f", "3", "--want", "16x112x112"), [("1x1x1", "1x1x1")]),
        (
            ("--n", "16x112x112x3", "--f", "3x7x7", "--s", "1x2x2", "--want", "16x56x56x64"),
            [("1x3x3", "1x2x2")],
        ),
        (("--n", "9x9x9x1", "--f", "3", "--want", "9"), [("1", "1")]),
        (("--n", "9x9x9x1", "--f", "3", "--p", "1", "--want", "9"), [("1", "1")]),
        (("--n", "8000 1d", "--f", "80", "--want", "1981"), [("0", "4"), ("1", "4")]),
    ],
)
def test_want_on_sounds_and_volumes(
    shape: Runner, arguments: tuple[str, ...], solutions: list[tuple[str, str]]
) -> None:
    assert shape(*arguments).all == (0, "p\ts\n" + "".join(f"{p}\t{s}\n" for p, s in solutions), "")


def test_a_wanted_size_has_as_many_sides_as_the_input(shape: Runner) -> None:
    assert_refused(
        shape("--n", "16x112x112x3", "--f", "3", "--want", "16x112"),
        "--want 16x112: must be a side, or a size such as 16x112x112",
    )


@pytest.mark.parametrize(
    ("arguments", "err"),
    [
        (("--n", "3x16x112x112", "--f", "3"),
         "note: input 3x16x112x112 has depth 3, height 16, width 112 and 112 channels; if its channels come first, give "
         "16x112x112x3"),
        (("--n", "3x16x112x112", "relu"),
         "note: input 3x16x112x112 has depth 3, height 16, width 112 and 112 channels; if its channels come first, give "
         "16x112x112x3"),
    ],
)  # fmt: skip
def test_channels_of_volumes_may_come_first(shape: Runner, arguments: tuple[str, ...], err: str) -> None:
    ran = shape(*arguments)
    assert (ran.code, ran.err) == (0, f"convcli: {err}\n")
