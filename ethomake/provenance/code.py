"""Which code a script depends on, found by its imports; comments, docstrings, layout and messages do not count.

Three parts of a module do not change what it computes, and are left out: text that only people read (inside `raise`,
in log messages, in variables used only for these), the harness of a job (`HARNESS`), and the cost of networks
(`ESTIMATE`). Else a corrected sentence or a better estimate would train every network again.
"""

import ast
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from ethomake.files import content_digest

LIBRARY = Path(__file__).resolve().parents[1]  # the package ethomake

# What a job does around its work, by path within the library: a module or a package.
HARNESS = ("job", "messages", "failures", "errors", "visible", "processes", "provenance", "sources")

ESTIMATE = "NetworkCost"
"""The class whose instances matter only to schedulers, see `ethomake.registry`."""

PAGES = (".j2", ".css")
"""Suffixes of templates and stylesheets: they count as code of the modules that read them from their package."""

LEVELS = ("debug", "info", "warning", "error", "critical", "exception", "log")
"""The methods of a logger."""


def code_digest(script: str | Path) -> str:
    """Return sixteen hexadecimal digits for the code of a script and of all our modules that it imports.

    They change when any of it would run differently, and only then: a comment, a docstring, a blank line, or another
    wording of an error or of a log message changes nothing.
    """
    return _short(str(sorted(module_digests(script).items())))


def module_digests(script: str | Path) -> dict[str, str]:
    """Return the digest of each file that a script depends on, itself first; by path from the folder above the library.

    Imports count wherever they stand, in functions, too; so do the packages around an imported module, and the
    templates and stylesheets in the folder of a module that reads such files (by importlib.resources). Not those of
    the harness around a job.
    """
    script = Path(script).resolve()
    found: dict[str, str] = {}
    waiting = [script]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(LIBRARY.parent).as_posix() if path.is_relative_to(LIBRARY.parent) else path.name
        if name not in found and not _is_harness(path):
            found[name], imported = _read(path)
            waiting += imported
    return found


def _is_harness(path: Path) -> bool:
    if not path.is_relative_to(LIBRARY):
        return False
    return path.relative_to(LIBRARY).with_suffix("").parts[0] in HARNESS


@cache
def _read(path: Path) -> tuple[str, tuple[Path, ...]]:
    """Return the digest of a file's code, and our files that it imports or reads."""
    if path.suffix in PAGES:
        return _short(path.read_text(encoding="utf-8")), ()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    package = path.relative_to(LIBRARY.parent).parent.parts if path.is_relative_to(LIBRARY) else ()
    nodes = _walk(tree)
    names = list(_imports(nodes, package))
    imported = {file: None for name in names for file in _files(name)}
    if path.name == "__init__.py" and "pkgutil" in names:  # the package imports whatever lies in its folder
        imported |= dict.fromkeys(sorted(path.parent.glob("*.py")))
    if any(name.startswith("importlib.resources") for name in names):
        imported |= dict.fromkeys(file for file in sorted(path.parent.rglob("*")) if file.suffix in PAGES)
    return _short(_describe(tree, _wording(tree) | _estimates(nodes))), tuple(imported)


def _imports(nodes: list[ast.AST], package: tuple[str, ...]) -> Iterator[str]:
    """Dotted names that the nodes of a module import; relative ones count from its `package`."""
    for node in nodes:
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


def _wording(tree: ast.Module) -> set[int]:
    """Return the texts of a module that only people read, as ids of their nodes.

    These are the texts inside of `raise` and of calls of a logger, and those used only for these: in the value of a
    variable, in a private constant or function (`_name`) of the module that nothing else uses.
    """
    nodes = _walk(tree)
    told = [node for node in nodes if isinstance(node, ast.Raise) or _is_log_call(node)]
    texts = {id(text) for node in told for text in _texts(node)}
    inside = {id(name) for node in told for name in _uses(_walk(node))}
    waiting = []  # what a name is made of, and where it is used
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            within = _walk(node)
            if any(isinstance(each, ast.Raise) or _is_log_call(each) for each in within):
                waiting += _made_and_used(_variables(within), within)
    waiting += _made_and_used(_private(tree), nodes)
    while True:  # what is used for a message may itself be made of what is used for nothing else
        only_told = [nodes for nodes, uses in waiting if uses <= inside]
        waiting = [(nodes, uses) for nodes, uses in waiting if not uses <= inside]
        if not only_told:
            return texts
        for node in [node for nodes in only_told for node in nodes]:
            texts.update(id(text) for text in _texts(node))
            inside.update(id(each) for each in _uses(_walk(node)))


def _estimates(nodes: list[ast.AST]) -> set[int]:
    """The calls that make an `ESTIMATE`, as ids of their nodes."""
    calls = (node for node in nodes if isinstance(node, ast.Call))
    return {id(call) for call in calls if isinstance(call.func, ast.Name) and call.func.id == ESTIMATE}


def _is_log_call(node: ast.AST) -> bool:
    """Whether this is `logger.info(...)` or the like."""
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "logger"
    )


def _made_and_used(made: dict[str, list[ast.AST]], within: list[ast.AST]) -> list[tuple[list[ast.AST], set[int]]]:
    """For each name that is used: what it is made of, and the ids of its uses."""
    uses: dict[str, set[int]] = {name: set() for name in made}
    for each in _uses(within):
        if each.id in uses:
            uses[each.id].add(id(each))
    return [(nodes, uses[name]) for name, nodes in made.items() if uses[name]]


def _variables(within: list[ast.AST]) -> dict[str, list[ast.AST]]:
    """What the variables of a function are assigned, by name; `within`: its nodes."""
    made: dict[str, list[ast.AST]] = {}
    elsewhere: set[str] = set()
    for node in within:
        for name, value in _assigned(node):
            made.setdefault(name, []).append(value)
        if isinstance(node, ast.Global | ast.Nonlocal):
            elsewhere.update(node.names)
    return {name: values for name, values in made.items() if name not in elsewhere}


def _private(tree: ast.Module) -> dict[str, list[ast.AST]]:
    """The private constants and functions of a module, by name: no other module uses them."""
    made: dict[str, list[ast.AST]] = {}
    for node in tree.body:
        named = [(node.name, node)] if isinstance(node, ast.FunctionDef) else _assigned(node)
        for name, value in named:
            if name.startswith("_"):
                made.setdefault(name, []).append(value)
    return made


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """The names that a statement assigns a value to, each with the value."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        yield from ((each.id, node.value) for each in targets if isinstance(each, ast.Name))


def _walk(node: ast.AST) -> list[ast.AST]:
    """Return a node and all below it, as `ast.walk` does, in a third of its time."""
    nodes = [node]
    for each in nodes:  # it grows meanwhile
        for field in each._fields:
            value = getattr(each, field, None)
            if isinstance(value, ast.AST):
                nodes.append(value)
            elif isinstance(value, list):
                nodes += [one for one in value if isinstance(one, ast.AST)]
    return nodes


def _uses(nodes: Iterable[ast.AST]) -> Iterator[ast.Name]:
    """Where names are read."""
    return (each for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load))


def _texts(node: ast.AST) -> Iterator[ast.AST]:
    """Strings and f-strings."""
    for each in _walk(node):
        if isinstance(each, ast.JoinedStr) or (isinstance(each, ast.Constant) and isinstance(each.value, str)):
            yield each


def _describe(tree: ast.AST, left_out: set[int]) -> str:
    """Return a syntax tree as text, the same in all Pythons: without docstrings, positions and empty fields.

    Args:
        tree: the tree.
        left_out: the ids of the nodes whose content does not count.
    """
    text: list[str] = []
    _append(tree, left_out, text)
    return "".join(text)


def _append(node: object, left_out: set[int], into: list[str]) -> None:
    if isinstance(node, ast.AST):
        if id(node) in left_out:
            into.append("text,")
            return
        into.append(type(node).__name__ + "(")
        for field in node._fields:
            value = getattr(node, field, None)
            if value is None or value == [] or field in ("type_ignores", "kind"):
                continue
            if field == "body" and _has_docstring(node):
                value = value[1:]
                if not value:
                    continue
            into.append(f"{field}=")
            _append(value, left_out, into)
        into.append(")")
    elif isinstance(node, list):
        into.append("[")
        for each in node:
            _append(each, left_out, into)
        into.append("]")
    else:
        into.append(repr(node) + ",")


def _has_docstring(node: ast.AST) -> bool:
    documented = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    first = node.body[0] if documented and node.body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _short(text: str) -> str:
    return content_digest([text]).removeprefix("sha256:")[:16]
