"""Facts about the project that are stated in several files agree."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.specifiers import SpecifierSet

import ethomake

ROOT = Path(__file__).parents[1]


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def pyproject():
    return tomllib.loads(read("pyproject.toml"))


def workflow():
    return yaml.safe_load(read(".github/workflows/ci.yml"))["jobs"]


class Loose(yaml.SafeLoader):
    """Reads mkdocs.yml, whose tags name functions of plugins."""


Loose.add_multi_constructor("", lambda loader, suffix, node: None)


def pages(entry):
    """Return the paths in a part of the navigation of mkdocs.yml."""
    if isinstance(entry, str):
        return [entry]
    return [path for each in (entry.values() if isinstance(entry, dict) else entry) for path in pages(each)]


def test_the_version_is_written_once_and_cited_alike():
    assert "version" not in pyproject()["project"]
    assert pyproject()["tool"]["hatch"]["version"]["path"] == "ethomake/__init__.py"
    assert yaml.safe_load(read("CITATION.cff"))["version"] == ethomake.__version__


def test_the_changelog_begins_with_what_is_not_released_and_comes_to_the_version():
    headings = re.findall(r"^## \[(.+?)\]", read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
    released = headings[1:]
    assert (released[0] if released else f"What will be {ethomake.__version__}") in read("CHANGELOG.md")
    assert not released or released[0] == ethomake.__version__


def test_the_citation_names_the_paper_as_the_readme_does():
    (paper,) = yaml.safe_load(read("CITATION.cff"))["references"]
    readme = " ".join(read("README.md").replace(">", " ").split())
    assert f"https://doi.org/{paper['doi']}" in readme
    assert paper["title"] in readme
    initials = ["".join(name[0] for name in author["given-names"].split()) for author in paper["authors"]]
    names = [f"{author['family-names']} {short}" for author, short in zip(paper["authors"], initials, strict=True)]
    assert ", ".join(names) in readme


def test_every_page_is_in_the_navigation_and_every_entry_has_its_page():
    listed = set(pages(yaml.load(read("mkdocs.yml"), Loose)["nav"]))
    assert {path for path in listed if not (ROOT / "docs" / path).exists()} == set()
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert written - listed == {"api/index.md"}  # the hook in docs/api/pages.py lists these


def test_every_decision_has_its_parts_and_is_listed():
    index = read("docs/decisions/index.md")
    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]}: ")
        assert re.findall(r"^(?:## (\w+)|\*\*(Status):\*\*)", text, re.MULTILINE) == [
            ("", "Status"),
            ("Context", ""),
            ("Decision", ""),
            ("Consequences", ""),
        ]
        assert f"]({path.name})" in index


def test_the_forge_runs_the_checks_of_ci_run():
    checks = re.findall(r'^step "[^"]+" (\./run .+)$', read(".ci/run"), re.MULTILINE)
    assert "./run ruff check ." in checks
    assert set(checks) <= {step.get("run") for step in workflow()["checks"]["steps"]}


def test_the_forge_tests_every_version_of_python_that_is_allowed():
    allowed = SpecifierSet(pyproject()["project"]["requires-python"])
    versions = [f"3.{minor}" for minor in range(8, 20) if allowed.contains(f"3.{minor}.5")]
    assert workflow()["tests"]["strategy"]["matrix"]["python"] == versions


@pytest.mark.parametrize("path", [".pre-commit-config.yaml", ".github/workflows/ci.yml"])
def test_tools_that_are_run_come_from_the_lock(path):
    locked = {package["name"] for package in tomllib.loads(read("uv.lock"))["package"]}
    tools = set(re.findall(r"\./run ([a-z-]+)", read(path))) - {"true"}
    assert tools
    assert tools <= locked
