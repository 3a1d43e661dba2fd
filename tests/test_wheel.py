"""The wheel, and what a type checker sees of the package that it installs."""

import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import convcli

ROOT = Path(__file__).parents[1]
NOT_COPIED = shutil.ignore_patterns(".*", "tests", "build", "*.egg-info", "*.so", "__pycache__")
SAMPLES = {f"convcli/sample_images/{path.name}" for path in (ROOT / "sample_images").iterdir()}
CORE = "convcli/compiled/core.abi3.so"
SCRIPT = "import convcli\na = convcli.convolve([[1.0]], [[1.0]])\nreveal_type(a)\n"
ARRAY = re.compile(r"numpy\.ndarray\[tuple\[[^\[\]]*, \.\.\.\], numpy\.dtype\[Any\]\]")
REVEALED = re.compile(r'^user\.py:(\d+): note: Revealed type is "(.*)"$', re.MULTILINE)


def build(kind: str, folder: Path) -> Path:
    """Build a wheel or a source distribution of a copy, since building leaves files behind."""
    pytest.importorskip("build")
    shutil.copytree(ROOT, folder / "source", ignore=NOT_COPIED)
    made = str(folder / "dist")
    command = [sys.executable, "-m", "build", "--no-isolation", kind, "-o", made, str(folder / "source")]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = Path(made).iterdir()
    return path


def files_of_the_package() -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in (ROOT / "convcli").rglob("*")
        if path.is_file() and path.suffix not in (".so", ".pyd") and "__pycache__" not in path.parts
    }


def test_every_file_is_in_the_wheel_once_with_one_binary_for_all_versions_of_python(tmp_path: Path) -> None:
    wheel = build("--wheel", tmp_path)
    assert wheel.name.startswith(f"convcli-{convcli.__version__}-cp311-abi3-")
    names = zipfile.ZipFile(wheel).namelist()
    assert len(set(names)) == len(names)
    assert [name for name in names if name.endswith(".1")] == [
        f"convcli-{convcli.__version__}.data/data/share/man/man1/convcli.1"
    ]
    samples = {f"convcli-{convcli.__version__}.data/data/share/{name}" for name in SAMPLES}
    assert samples <= set(names)
    modules = {name for name in files_of_the_package() if not re.search(r"\.1$|/compiled/src/", name)}
    assert modules >= {
        "convcli/cli/lesson/lesson.md",
        "convcli/py.typed",
        "convcli/compiled/core.pyi",
        "convcli/networks/shipped/lenet5.net",
    }
    assert {name for name in names if name.startswith("convcli/")} == {*modules, CORE}


def test_every_file_is_in_the_source_distribution(tmp_path: Path) -> None:
    with tarfile.open(build("--sdist", tmp_path)) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    package = files_of_the_package()
    assert package >= {"convcli/compiled/src/module.c", "convcli/compiled/src/clones.h"}
    assert {name for name in names if name.startswith("convcli/")} == package
    assert {"pyproject.toml", "README.md"} < names


# What functions take besides numpy's arrays: arrays of Zarr, Dask and others, of which they return the same kind.
OTHER_ARRAYS = re.compile(r", def \(image: Any, .*\) -> Any\)$")


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
        known = re.sub(
            r"(numpy\.)?dtype\[Any\]|typing\.Sequence\[Any\]|\bimage: Any",
            "",
            ARRAY.sub("", OTHER_ARRAYS.sub("", seen)),
        )
        assert not re.search(r"\bAny\b", known), f"{name}: {seen}"
    by_name = dict(zip(names, types.values(), strict=True))
    assert by_name["__version__"].removeprefix("builtins.") == "str"
    assert by_name["Filter"].endswith(".Filter")
    assert OTHER_ARRAYS.sub("", by_name["pool"]).endswith(f"-> {array}")
