"""A hook of MkDocs that makes the API reference: one page per package of ethomake, so that none can be forgotten.

Each page only names its package; mkdocstrings fills in the docstrings of the package and its modules.
"""

import ast
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

LIBRARY = Path(__file__).resolve().parents[2] / "ethomake"
SECTION = "API"  # of the navigation in mkdocs.yml


def find_packages() -> dict[str, str]:
    """Return the first paragraph of the docstring of each package by its dotted name, the library itself first."""
    found = {}
    for path in sorted(LIBRARY.rglob("__init__.py"), key=lambda path: path.parent.parts):
        name = ".".join(path.parent.relative_to(LIBRARY.parent).parts)
        docstring = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
        found[name] = " ".join(docstring.split("\n\n")[0].split())
    return found


def page_of(package: str) -> str:
    """Return the path of a package's page below docs/."""
    return f"api/{package}.md"


def on_config(config: MkDocsConfig) -> None:
    """Put the pages into the navigation, after the handwritten index."""
    section = next(entry for entry in config.nav if SECTION in entry)
    section[SECTION] = ["api/index.md", *({name.removeprefix("ethomake."): page_of(name)} for name in find_packages())]


def modules_of(package: str) -> list[str]:
    """Return the dotted names of the modules of a package, without those of packages inside it."""
    return [f"{package}.{path.stem}" for path in sorted(LIBRARY.parent.joinpath(*package.split(".")).glob("[!_]*.py"))]


def on_files(files: Files, config: MkDocsConfig) -> None:
    """Add the pages."""
    for package in find_packages():
        lines = [f"# {package}", f"::: {package}", *(f"::: {module}" for module in modules_of(package))]
        lines[1] += "\n    options:\n      show_root_heading: false\n      show_root_toc_entry: false"
        files.append(File.generated(config, page_of(package), content="\n\n".join(lines) + "\n"))


def on_page_markdown(markdown: str, page: object, config: MkDocsConfig, files: Files) -> str:
    """Replace `<!-- packages -->` by a table of the packages."""
    rows = [f"| [{name}]({Path(page_of(name)).name}) | {text} |" for name, text in find_packages().items()]
    return markdown.replace("<!-- packages -->", "\n".join(["| package | what it is for |", "| --- | --- |", *rows]))
