"""Which engine runs: the compiled core or numpy."""

import os
import subprocess
import sys

import numpy as np
import pytest

import convcli
from convcli.compiled.engine import engine_name, is_compiled
from tests.support.engines import INSTRUCTION_SETS, NEEDS_CORE, Engine, use_engine, use_instruction_set


def test_ci_has_a_compiled_core() -> None:
    """Without the core its tests are skipped, which must not happen unnoticed."""
    if "CI" in os.environ:
        with use_engine(Engine.COMPILED):
            assert is_compiled()


@NEEDS_CORE
@pytest.mark.parametrize(
    ("value", "expected"), [(None, True), ("", True), ("0", True), ("1", False), ("yes", False)]
)
def test_a_variable_selects_numpy(value: str | None, expected: bool) -> None:
    with use_engine(Engine.NUMPY):  # restores the variable
        del os.environ["CONVCLI_PURE"]
        if value is not None:
            os.environ["CONVCLI_PURE"] = value
        is_compiled.cache_clear()
        assert is_compiled() is expected


def test_without_the_core_numpy_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    with use_engine(Engine.COMPILED):
        monkeypatch.setitem(sys.modules, "convcli.compiled.core", None)  # importing it fails
        monkeypatch.delattr("convcli.compiled.core", raising=False)
        assert not is_compiled()
        assert engine_name() == "numpy"
        assert convcli.convolve([[10, 10, 0, 0]], [[1, 0, -1]], padding=0).tolist() == [[10, 10]]


@NEEDS_CORE
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_the_engine_is_named_with_its_instruction_set(name: str) -> None:
    with use_engine(Engine.COMPILED), use_instruction_set(name):
        assert engine_name() == f"compiled ({name})"


def test_processes_follow(engine: Engine) -> None:
    program = "from convcli.compiled.engine import is_compiled; print(is_compiled())"
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == f"{engine == Engine.COMPILED}\n"


def test_both_engines_compute_the_same(engine: Engine) -> None:
    image = np.arange(20, dtype=np.uint8).reshape(4, 5) ** 2
    expected = [
        [int(np.sum(image[y : y + 2, x : x + 2] * [[1, 2], [3, -4]])) for x in range(4)] for y in range(3)
    ]
    assert convcli.convolve(image, [[1, 2], [3, -4]], padding=0).tolist() == expected, engine
