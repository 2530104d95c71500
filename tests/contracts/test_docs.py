"""What the documents promise: names exist, links lead somewhere, code blocks run, presets are valid."""

import re
import shlex
from importlib.resources import files
from pathlib import Path

import pytest

import soilloss
from soilloss import cli, tables
from soilloss.workflow import yaml12
from soilloss.workflow.methods import METHODS
from soilloss.workflow.project import Table, override, validate

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/soilloss"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    PACKAGE / "demo/ORIGIN.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]
PAGES = [page for page in PAGES if not {"generated", "_build"} & set(page.parts)]
PROJECTS = [
    *sorted((PACKAGE / "presets").glob("*.yml")),
    PACKAGE / "demo/project.yml",
    *sorted((ROOT / "examples").glob("*.yml")),
]
KNOWN = {name for found in METHODS.values() for name in found}


def blocks(language: str) -> list:
    """Every fenced block of a language, with the page it stands on."""
    found = []
    for page in PAGES:
        texts = re.findall(
            rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL
        )
        found += [pytest.param(text, id=f"{page.relative_to(ROOT)}-{n}") for n, text in enumerate(texts)]
    return found


each_page = pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
each_project = pytest.mark.parametrize("path", PROJECTS, ids=[path.stem for path in PROJECTS])


@each_page
def test_every_method_that_is_named_exists(page):
    named = set(re.findall(r"`([a-z_]+_(?:19|20)\d\d[a-z_]*)`", page.read_text(encoding="utf-8")))
    assert not named - KNOWN - set(tables.read("severity")["scheme"])


@each_page
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        generated = "generated/" in target
        assert generated or target.startswith("http") or (page.parent / target).exists(), target


@pytest.mark.parametrize("text", blocks("yaml"))
def test_every_project_file_that_is_shown_is_valid(text, tmp_path, monkeypatch):
    monkeypatch.setenv("MY_DATA", "/data")
    path = tmp_path / "project.yml"
    path.write_text(text, encoding="utf-8")
    shown = yaml12.read(path)
    shown.setdefault("sources", {"elevation": "dem.tif"})
    validate(shown)


def commands() -> list:
    """Every `soilloss` command line that is shown."""
    lines = {line.partition("#")[0].strip() for block in blocks("sh") for line in block.values[0].splitlines()}
    return sorted(line for line in lines if line.startswith("soilloss "))


@pytest.mark.parametrize("line", commands())
def test_every_command_that_is_shown_can_be_parsed(line):
    function, bound, *_ = cli.app.parse_args(shlex.split(line)[1:], exit_on_error=False, print_error=False)
    assert callable(function)
    for key, value in (item.split("=", 1) for item in bound.arguments.get("set", None) or []):
        demo = yaml12.read(PACKAGE / "demo/project.yml")
        override(demo, key, value)
        validate(demo)


@pytest.mark.parametrize("text", blocks("python"))
def test_every_python_block_runs(text, tmp_path, monkeypatch):
    """Blocks run where the demo's project file and data are."""
    for entry in files("soilloss").joinpath("demo").iterdir():
        (tmp_path / entry.name).write_bytes(entry.read_bytes())
    monkeypatch.chdir(tmp_path)
    exec(compile(text, "block", "exec"), {})


@each_project
def test_packaged_projects_are_valid_and_name_methods_that_exist(path, monkeypatch):
    monkeypatch.setenv("MULA_MUTHA", "/data")
    project = validate(yaml12.read(path), path.name)
    for variable, choice in project.methods.items():
        assert choice.name in METHODS[variable]
    for variable, source in project.sources.items():
        if isinstance(source, Table) and source.method:
            assert source.method in METHODS[variable]


def test_printed_forms_are_used_by_the_presets_of_their_studies_only():
    using = {path.stem for path in PROJECTS if re.search(r": .*_as_printed", path.read_text(encoding="utf-8"))}
    assert using == {"rodopi", "poyang", "loess-plateau"}


def test_the_demo_is_small_and_has_its_origin():
    folder = PACKAGE / "demo"
    assert sum(path.stat().st_size for path in folder.iterdir()) < 2_000_000
    origin = (folder / "ORIGIN.md").read_text(encoding="utf-8")
    assert all(path.name in origin for path in folder.iterdir() if path.name != "ORIGIN.md")


def test_versions_agree():
    assert f"version: {soilloss.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## {soilloss.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")


def test_the_reference_pages_can_be_written(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    import generate

    generate.main(tmp_path)
    listed = (ROOT / "docs/reference/index.md").read_text(encoding="utf-8")
    assert {path.stem for path in tmp_path.iterdir()} == set(
        re.findall(r"^generated/(\w+)", listed, flags=re.MULTILINE)
    )
    methods = (tmp_path / "methods.md").read_text(encoding="utf-8")
    assert all(f"### {name}\n" in methods for name in KNOWN)
