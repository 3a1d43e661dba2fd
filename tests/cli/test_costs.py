"""``convcli params --train``, ``--traffic`` and ``--device``."""

import json

import pytest

from tests.support.command_line import Runner, assert_refused

NET = "in 8x8x4, conv 6 f3 p1, relu, flatten, fc 10"
WEIGHTS = [(3 * 3 * 4 + 1) * 6 * 4, 0, 0, (384 + 1) * 10 * 4]
KEPT = [8 * 8 * 4 * 4, 8 * 8 * 6 * 4, 0, 0]


def test_train_is_a_table_of_bytes(convcli: Runner) -> None:
    ran = convcli("params", NET, "--train", "--optimizer", "adam", "--batch", "3")
    header, *rows = [line.split("\t") for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert header == ["layer", "output", "weights", "gradients", "optimizer", "kept", "total"]
    numbers = [[w, w, 2 * w, 3 * k, 4 * w + 3 * k] for w, k in zip(WEIGHTS, KEPT, strict=True)]
    assert [row[2:] for row in rows[:-1]] == [[*map(str, row)] for row in numbers]
    assert rows[-1][2:] == [str(sum(column)) for column in zip(*numbers, strict=True)]


def test_terminal_says_what_the_sums_are(terminal: Runner) -> None:
    ran = terminal("params", NET, "--train", "--optimizer", "momentum", columns=120)
    weights, kept = sum(WEIGHTS), sum(KEPT)
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.split("\n\n")[-1] == (
        f"train      a mini-batch of 1 with momentum in fp32 needs at least {3 * weights + kept:,} bytes "
        "(50.2 KiB)\n"
        f"weights    {weights:,} bytes (15.9 KiB); the gradients need as much\n"
        f"optimizer  {weights:,} bytes (15.9 KiB): momentum keeps 1 number per parameter\n"
        f"kept       {kept:,} bytes (2.5 KiB) from the forward pass until the backward pass; gradients of "
        "activations and workspaces\n           come on top\n"
    )


def test_json_has_the_memory_of_each_layer_and_the_sum(convcli: Runner) -> None:
    record = json.loads(convcli("params", NET, "--train", "--json").out)
    assert record["training"] == {
        "optimizer": "sgd",
        "weight_bytes": sum(WEIGHTS),
        "gradient_bytes": sum(WEIGHTS),
        "optimizer_bytes": 0,
        "kept_bytes": sum(KEPT),
        "total_bytes": 2 * sum(WEIGHTS) + sum(KEPT),
    }
    assert [layer["training"]["kept_bytes"] for layer in record["layers"]] == KEPT


def test_traffic_and_the_time_on_a_device(convcli: Runner) -> None:
    ran = convcli("params", NET, "--device", "1G,2G", "--dtype", "fp8", "--by-block")
    header, *rows = [line.split("\t") for line in ran.out.splitlines()]
    assert (ran.code, ran.err) == (0, "")
    assert header == ["layer", "output", "FLOPs", "read", "written", "MACs/byte", "time ns", "bound"]
    macs, read = 8 * 8 * 6 * 36, 8 * 8 * 4 + 222
    assert rows[0][2:] == [f"{2 * macs}", f"{read}", "384", f"{macs / (read + 384):.1f}", "27648", "compute"]
    assert rows[1][2:] == ["0", "384", "384", "0.0", "384", "memory"]
    assert rows[2][2:] == ["0", "0", "0", "", "0", ""]
    assert rows[-1][6] == str(27648 + 384 + 7680)


def test_json_has_the_traffic(convcli: Runner) -> None:
    record = json.loads(convcli("params", NET, "--device", "1 GFLOPS,2 GB/s", "--json").out)
    assert record["device"] == {"flops_per_second": 10**9, "bytes_per_second": 2 * 10**9}
    assert record["traffic"]["nanoseconds"] == sum(
        layer["traffic"]["nanoseconds"] for layer in record["layers"]
    )
    assert [layer["traffic"]["bound"] for layer in record["layers"]] == ["compute", "memory", None, "memory"]
    plain = json.loads(convcli("params", NET, "--traffic", "--json").out)
    assert "device" not in plain
    assert [*plain["traffic"]] == ["read_bytes", "written_bytes", "macs_per_byte"]


def test_terminal_says_what_limits_the_layers(terminal: Runner) -> None:
    ran = terminal("params", NET, "--device", "1G,2G", "--batch", "2", "--dtype", "bf16", columns=120)
    assert ran.out.split("\n\n")[-1] == (
        "FLOPs  2 for each multiply-accumulate for a mini-batch of 2\n"
        "bytes  read and written in bf16 if each layer runs by itself: its inputs and weights once, its "
        "output once\n"
        "time   at least 72.2 µs; compute limits 2 layers, memory limits 1 layer\n"
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--optimizer", "adam"], "convcli: --optimizer: needs --train\n"),
        (["--train", "--optimizer", "adm"], "convcli: optimizer 'adm': unknown value; did you mean adam?\n"),
        (
            ["--train", "--dtype", "int8"],
            "convcli: --train: needs gradients, which int8 cannot hold; use --dtype fp32, bf16, fp16 or fp8\n",
        ),
        (
            ["--device", "312T"],
            "convcli: --device '312T': must be FLOP/s and bytes/s with a comma between them, as in --device "
            "312T,2039G\n",
        ),
        (
            ["--train", "--n", "32x32x3", "--n", "48x48x3"],
            "convcli: two sizes of --n: cannot be combined with --train; choose one\n",
        ),
        (
            ["--device", "20TF,1T"],
            "convcli: --device '20TF': must be a number such as 25M, 1.5M or 460000\n",
        ),
        (["--device", "0,1T"], "convcli: --device '0,1T': must be two numbers above 0\n"),
    ],
)
def test_wrong_costs_are_refused(convcli: Runner, words: list[str], why: str) -> None:
    assert convcli("params", NET, *words).all == (2, "", why)


def test_a_single_layer_by_options_has_no_such_table(convcli: Runner) -> None:
    ran = convcli("params", "--f", "5", "--c-in", "3", "--c-out", "6", "--traffic")
    assert ran.all == (
        2,
        "",
        "convcli: --traffic: needs a network, as in convcli params resnet18 --traffic\n",
    )


def test_a_single_layer_has_no_further_costs(convcli: Runner) -> None:
    for option in (("--train",), ("--traffic",), ("--device", "1T,1G")):
        assert_refused(
            convcli("params", "--f", "3", "--c-in", "3", "--c-out", "4", *option), f"{option[0]}: "
        )
