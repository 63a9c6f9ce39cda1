"""The house: which package may use which, read from the imports."""

import ast
from pathlib import Path

import pytest

import ethomake

LIBRARY = Path(ethomake.__file__).parent
TRAINED = {"training", "flow", "streams", "sequence", "features"}
GROUND = {"messages", "errors", "text", "letters", "cells", "visible"}


def imports(path):
    """(package or module of the library, dotted name) of each import of a file."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from names


def modules():
    return {path.relative_to(LIBRARY).with_suffix("").as_posix(): path for path in sorted(LIBRARY.rglob("*.py"))}


def uses(package):
    """The modules of ethomake, dotted and without its name, that a package or a module on top imports."""
    found = set()
    for name, path in modules().items():
        if name.split("/")[0] == package:
            found |= {each.removeprefix("ethomake.") for each in imports(path) if each.startswith("ethomake.")}
    return found


def test_only_the_wing_for_snakemake_imports_snakemake():
    users = {
        name for name, path in modules().items() if any(each.split(".")[0] == "snakemake" for each in imports(path))
    }
    assert users
    assert {name.split("/")[0] for name in users} == {"snakemake"}


@pytest.mark.parametrize("module", sorted(GROUND))
def test_the_ground_floor_imports_nothing_of_ours(module):
    assert {name.split(".")[0] for name in uses(module)} <= {"visible"}  # what is shown of names, for all messages


@pytest.mark.parametrize("package", ["ethogram", "evaluation", "report", "labels", "ingest"])
def test_figures_and_tables_do_not_stand_on_what_trains_networks(package):
    on_training = {name for name in uses(package) if name.split(".")[0] in TRAINED}
    assert {name for name in on_training if ".registry" not in name} == set()  # registries are torch-free facts


@pytest.mark.parametrize("package", sorted({name.split("/")[0] for name in modules()} - {"snakemake"}))
def test_nothing_stands_on_the_wing_for_snakemake(package):
    assert not {name for name in uses(package) if name.split(".")[0] == "snakemake"}


def test_packages_import_one_way():
    packages = sorted({name.split("/")[0] for name in modules() if "/" in name})
    above = {
        package: {name.split(".")[0] for name in uses(package)} & set(packages) - {package} for package in packages
    }
    order = []
    while above:
        free = sorted(package for package, needs in above.items() if needs <= set(order))
        assert free, f"these import each other in a circle: {above}"
        order += free
        above = {package: needs for package, needs in above.items() if package not in free}
