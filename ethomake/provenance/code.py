"""Which code a script depends on, worked out from the imports; comments, docstrings and layout do not count."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from ethomake.files import content_digest

LIBRARY = Path(__file__).resolve().parents[1]  # the package ethomake


def code_digest(script: str | Path) -> str:
    """Sixteen hexadecimal digits for the code of a script and of all modules of ours that it imports.

    They change when any of it would run differently, and only then: a comment, a docstring or a blank line
    changes nothing.
    """
    return _short(str(sorted(module_digests(script).items())))


def module_digests(script: str | Path) -> dict[str, str]:
    """The digest of each file that a script depends on, itself first; by path from the folder above the library.

    Imports count wherever they stand, in functions, too; so do the packages around an imported module.
    """
    script = Path(script).resolve()
    found: dict[str, str] = {}
    waiting = [script]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(LIBRARY.parent).as_posix() if path.is_relative_to(LIBRARY.parent) else path.name
        if name not in found:
            found[name], imported = _read(path)
            waiting += imported
    return found


@cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Digest of a file's code, and the files of ours that it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(LIBRARY.parent).parent.parts if path.is_relative_to(LIBRARY) else ()
    names = list(_imports(tree, package))
    imported = {file: None for name in names for file in _files(name)}
    if path.name == "__init__.py" and "pkgutil" in names:  # the package imports whatever lies in its folder
        imported |= dict.fromkeys(sorted(path.parent.glob("*.py")))
    return _short("".join(_describe(tree))), tuple(imported)


def _imports(tree: ast.AST, package: tuple[str, ...]) -> Iterator[str]:
    """Dotted names that a module imports; relative ones count from its `package`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{alias.name}" for alias in node.names)


def _files(name: str) -> Iterator[Path]:
    """The files of ours that importing a dotted name runs; its last parts may be names inside of a module."""
    parts = name.split(".")
    if parts[0] != LIBRARY.name:
        return
    for end in range(1, len(parts) + 1):
        place = LIBRARY.parent.joinpath(*parts[:end])
        yield from (path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file())


def _describe(node: object) -> Iterator[str]:
    """A syntax tree as text, without docstrings, positions and empty fields: the same in all versions of Python."""
    if isinstance(node, ast.AST):
        yield type(node).__name__ + "("
        for field, value in ast.iter_fields(node):
            if field == "body" and _has_docstring(node):
                value = value[1:]
            if value is not None and value != [] and field not in ("type_ignores", "kind"):
                yield f"{field}="
                yield from _describe(value)
        yield ")"
    elif isinstance(node, list):
        yield "["
        for each in node:
            yield from _describe(each)
        yield "]"
    else:
        yield repr(node) + ","


def _has_docstring(node: ast.AST) -> bool:
    documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    first = node.body[0] if documented and node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _short(text: str) -> str:
    return content_digest([text]).removeprefix("sha256:")[:16]
