"""The wheel, and what a type checker sees of the package that it installs."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import convcli

ROOT = Path(__file__).parents[1]
SCRIPT = "import convcli\na = convcli.convolve([[1.0]], [[1.0]])\nreveal_type(a)\n"
ARRAY = re.compile(r"numpy\.ndarray\[tuple\[[^\[\]]*, \.\.\.\], numpy\.dtype\[Any\]\]")
REVEALED = re.compile(r'^user\.py:(\d+): note: Revealed type is "(.*)"$', re.MULTILINE)


def test_every_file_is_in_the_wheel_once(tmp_path: Path) -> None:
    pytest.importorskip("build")
    source = tmp_path / "source"  # building leaves files behind
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "tests", "build", "*.egg-info", "*.so"))
    build = [sys.executable, "-m", "build", "--no-isolation", "--wheel", "-o", str(tmp_path), str(source)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert len(set(names)) == len(names)
    assert [name for name in names if name.endswith(".1")] == [
        f"convcli-{convcli.__version__}.data/data/share/man/man1/convcli.1"
    ]
    package = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "convcli").rglob("*")
        if path.is_file() and path.suffix not in (".1", ".c", ".h") and "__pycache__" not in path.parts
    }
    assert "convcli/py.typed" in package
    assert {name for name in names if name.startswith("convcli/")} == package


@pytest.mark.thorough
def test_a_strict_type_checker_sees_every_public_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = pytest.importorskip("mypy.api")
    names = convcli.__all__
    (tmp_path / "user.py").write_text(SCRIPT + "".join(f"reveal_type(convcli.{name})\n" for name in names))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MYPYPATH", str(ROOT))
    monkeypatch.delenv("MYPY_FORCE_COLOR", raising=False)
    out, err, code = api.run(["--strict", "--config-file=", "--cache-dir=cache", "user.py"])
    assert (code, err) == (0, ""), out
    types = {int(line): seen for line, seen in REVEALED.findall(out)}
    array = types.pop(3)
    assert ARRAY.fullmatch(array)
    assert list(types) == list(range(4, 4 + len(names)))
    for name, seen in zip(names, types.values(), strict=True):
        known = re.sub(r"(numpy\.)?dtype\[Any\]", "", ARRAY.sub("", seen))
        assert not re.search(r"\bAny\b", known), f"{name}: {seen}"
    by_name = dict(zip(names, types.values(), strict=True))
    assert by_name["__version__"].removeprefix("builtins.") == "str"
    assert by_name["Filter"].endswith(".Filter")
    assert by_name["pool"].endswith(f"-> {array}")
