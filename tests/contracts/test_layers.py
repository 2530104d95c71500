"""The shape of the package: import rules, a test for every module, `__all__`, sizes, who may touch the disk."""

import ast
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/soilloss"
MODULES = sorted(SOURCE.rglob("*.py"))
NAMES = {path: path.relative_to(SOURCE).as_posix() for path in MODULES}

# rooms that may read or write files, and the module outside them that keeps a scratch store
ON_DISK = ("sources/", "publish/", "workflow/", "landcover/", "server/", "tables/", "cli/", "grid/scratch.py")
OPENERS = {"open", "open_dataset", "open_rasterio", "open_zarr", "urlopen", "memmap", "mkdir", "unlink"}
OPENERS |= {"read_bytes", "read_csv", "read_file", "read_text", "write_bytes", "write_text"}
OPENERS |= {"to_csv", "to_file", "to_netcdf", "to_raster", "to_zarr"}


def every_module(paths=MODULES):
    return pytest.mark.parametrize("path", paths, ids=[NAMES[p] for p in paths])


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_import_rules():
    """The contracts of pyproject.toml, where the linter is installed (`make check` always runs it)."""
    pytest.importorskip("importlinter", reason="the lint group is not installed")
    from importlinter.application.use_cases import lint_imports
    from importlinter.configuration import configure

    configure()
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), cache_dir=None)


def test_every_room_has_its_line_in_the_import_rules():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = " ".join(settings["tool"]["importlinter"]["contracts"][0]["layers"])
    rooms = {name.split("/")[0].removesuffix(".py") for name in NAMES.values()} - {"__init__", "__main__"}
    assert not {room for room in rooms if f"soilloss.{room}" not in layers.replace("(", "").replace(")", "").split()}


def is_only_names(path: Path) -> bool:
    """Whether a module holds a docstring, imports and `__all__`, and nothing to test."""
    kinds = (ast.Expr, ast.Import, ast.ImportFrom)
    return all(
        isinstance(node, kinds)
        or (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "__all__")
        for node in tree_of(path).body
    )


@every_module([path for path in MODULES if not is_only_names(path)])
def test_every_module_has_its_test(path):
    """A module that outgrew its file and became a folder may keep the one test of its former name."""
    inside = path.relative_to(SOURCE)
    name = inside.parent if path.name == "__init__.py" else inside.with_suffix("")
    mirrors = [name, name.parent] if len(name.parts) > 2 or name.parts[:1] == ("cli",) else [name]
    tests = [Path("tests", mirror.parent, f"test_{mirror.name.lstrip('_') or 'soilloss'}.py") for mirror in mirrors]
    assert any((ROOT / test).exists() for test in tests), f"{inside} has no {tests[0]}"


@every_module()
def test_all_is_complete_and_sorted(path):
    """Where a module says what is public, it says all of it, in order: classes and functions defined there."""
    body = tree_of(path).body
    given = [node for node in body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"]
    if not given or not all(isinstance(item, ast.Constant) for item in getattr(given[0].value, "elts", [None])):
        return  # none, or composed of parts as in the package itself
    names = ast.literal_eval(given[0].value)
    assert names == sorted(names)
    defined = {n.name for n in body if isinstance(n, ast.FunctionDef | ast.ClassDef) and not n.name.startswith("_")}
    assert defined <= set(names)


@every_module()
def test_modules_and_functions_are_small(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= 400, f"{lines} lines: a smaller module is hiding inside"
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            length = body[-1].end_lineno - body[0].lineno + 1 if body else 0
            assert length <= 40, f"{node.name} has a body of {length} lines"


@every_module([path for path, name in NAMES.items() if not name.startswith(ON_DISK)])
def test_other_rooms_leave_the_disk_alone(path):
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            called = getattr(node.func, "attr", getattr(node.func, "id", ""))
            assert called not in OPENERS, f"line {node.lineno} calls {called}()"


@every_module([path for path, name in NAMES.items() if name.startswith(("derive/", "factors/", "model", "kernels/"))])
def test_work_is_split_in_one_place(path):
    text = path.read_text(encoding="utf-8")
    for word in ("map_blocks", ".chunk(", "ThreadPoolExecutor", ".compute(", "prange", "parallel=True"):
        assert word not in text, f"{word} belongs to grid/blocks.py"
