import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import ethomake
from ethomake.provenance import code

ROOT = Path(ethomake.__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"


@pytest.fixture
def library(tmp_path, monkeypatch):
    """A copy of the library and of the scripts, to be edited."""
    shutil.copytree(ROOT / "ethomake", tmp_path / "ethomake", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(SCRIPTS, tmp_path / "scripts")
    monkeypatch.setattr(code, "LIBRARY", (tmp_path / "ethomake").resolve())
    yield tmp_path
    code._read.cache_clear()


def digests(folder):
    code._read.cache_clear()
    return {script.stem: code.code_digest(script) for script in (folder / "scripts").glob("*.py")}


def edit(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def changed(folder, before):
    after = digests(folder)
    return {name for name in before if before[name] != after[name]}


@pytest.mark.parametrize("name", ["ingest_video", "check_labels", "train_stream", "predict_video", "write_report"])
def test_the_modules_are_those_that_python_loads(name):
    script = SCRIPTS / f"{name}.py"
    lines = [line.strip() for line in script.read_text().splitlines()]
    program = [line for line in lines if line.startswith(("from ", "import "))]
    program += ["import sys", "print(*(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'ethomake'))"]
    done = subprocess.run(
        [sys.executable, "-c", "\n".join(program)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT)},
    )
    loaded = {Path(file).relative_to(ROOT).as_posix() for file in done.stdout.split()}
    found = set(code.module_digests(script)) - {f"workflow/scripts/{name}.py"}

    formats = [
        file for folder in ("labels", "ingest/tracks") for file in (ROOT / "ethomake" / folder / "formats").glob("*.py")
    ]
    later = set().union(*map(code.module_digests, formats))  # formats are loaded when a file is read

    def counted(files):  # the harness does not count
        return {file for file in files if file.endswith(".py") and not code._is_harness(ROOT / file)}

    assert counted(loaded) <= counted(found)
    assert counted(found) - counted(loaded) <= later


def test_an_edit_changes_the_scripts_that_import_the_module_and_no_others(library):
    before = digests(library)
    edit(library / "ethomake" / "sequence" / "networks.py", "SEQUENCE_NETWORKS[name]", "SEQUENCE_NETWORKS.get(name)")
    assert changed(library, before) == {"train_sequence", "predict_video", "take_models"}


def test_a_comment_a_docstring_and_layout_change_nothing(library):
    before = digests(library)
    path = library / "ethomake" / "files.py"
    edit(path, '"""Read a JSON file.', '"""Read a file of JSON, whatever it holds.')
    edit(path, '"""Atomic writing', '"""Careful writing')
    edit(path, "import hashlib\n", "# a comment\nimport hashlib\n\n\n")
    edit(path, "    remove(part)\n", "    remove(\n        part\n    )\n")
    edit(library / "scripts" / "train_flow.py", "with job", "# here it begins\nwith job")
    assert changed(library, before) == set()


class Reword(ast.NodeTransformer):
    """Say all errors and log messages otherwise."""

    def reword(self, node):
        for each in ast.walk(node):
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                each.value += " (reworded)"
        return node

    def visit_Raise(self, node):
        return self.reword(node)

    def visit_Call(self, node):
        return self.reword(node) if code._is_log_call(node) else self.generic_visit(node)


def test_other_words_in_errors_and_messages_and_another_harness_change_nothing(library):
    before = digests(library)
    reworded = 0
    for path in (library / "ethomake").rglob("*.py"):
        text = path.read_text()
        new = ast.unparse(Reword().visit(ast.parse(text)))
        reworded += new.count("(reworded)")
        harness = path.relative_to(library / "ethomake").with_suffix("").parts[0] in code.HARNESS
        path.write_text(new + ("\nNEW = 1\n" if harness else ""))
    assert reworded > 100
    assert changed(library, before) == set()


def own_module(script):
    """The module of the library whose function a script calls."""
    imports = re.findall(r"from (ethomake\.[\w.]+) import", script.read_text())
    names = [name.replace(".", "/") + ".py" for name in imports if name.split(".")[1] not in code.HARNESS]
    return next((name for name in names if name not in ("ethomake/files.py", "ethomake/training/launch.py")), None)


@pytest.mark.parametrize("script", [path for path in sorted(SCRIPTS.glob("*.py")) if own_module(path)], ids=str)
def test_a_number_in_the_function_of_a_script_changes_its_digest(library, script):
    path = library / own_module(script)
    before = code.code_digest(library / "scripts" / script.name)
    tree = ast.parse(path.read_text())
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    function.body.insert(int(code._has_docstring(function)), ast.parse("number = 1").body[0])
    path.write_text(ast.unparse(tree))
    code._read.cache_clear()
    between = code.code_digest(library / "scripts" / script.name)
    path.write_text(path.read_text().replace("number = 1", "number = 2", 1))
    code._read.cache_clear()
    assert len({before, between, code.code_digest(library / "scripts" / script.name)}) == 3


def test_a_number_in_a_loss_changes_the_stages_that_use_it(library):
    before = digests(library)
    edit(library / "ethomake" / "flow" / "loss.py", "EPSILON = 1e-3", "EPSILON = 1e-4")
    assert changed(library, before) == {"train_flow"}


def test_a_better_estimate_of_what_a_network_costs_changes_nothing_and_another_network_does(library):
    before = digests(library)
    edit(library / "ethomake" / "streams" / "registry.py", "gflop=3.6", "gflop=3.7")
    edit(library / "ethomake" / "flow" / "registry.py", "held=200", "held=210")
    assert changed(library, before) == set()
    edit(library / "ethomake" / "streams" / "registry.py", 'arguments=("resnet50",)', 'arguments=("resnet101",)')
    assert {"train_stream", "train_joint", "extract_features"} <= changed(library, before)
    assert not {"train_flow", "train_sequence"} & changed(library, before)


WORDING = """
_WHERE = "in line {}"

def _mend(name):
    return f"write {name} otherwise"

def check(name, size):
    why = "too long" if size > 3 else "wrong"
    if size:
        hint = _mend(name)
        raise ValueError(_WHERE.format(size) + f"{name}: {why}; {hint}")
    kind = "plain"
    logger.warning(f"{kind}: {size}")
    return kind
"""


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("in line", "on line", True),
        ("write {name}", "spell {name}", True),
        ('"too long"', '"much too long"', True),
        ("{name}: {why}", "{why}: {name}", True),
        ("{kind}: {size}", "{size}: {kind}", True),
        ("size > 3", "size > 4", False),
        ("ValueError", "TypeError", False),
        ('kind = "plain"', 'kind = "other"', False),  # returned as well as told
        ("logger.warning(", "print(", False),
    ],
)
def test_words_that_are_only_told_do_not_count(old, new, same):
    def describe(text):
        tree = ast.parse(text)
        return "".join(code._describe(tree, code._wording(tree)))

    assert old in WORDING
    assert (describe(WORDING) == describe(WORDING.replace(old, new, 1))) is same


@pytest.mark.parametrize(("old", "new"), [("indent=2", "indent=3"), ("missing_ok=True", "missing_ok=False")])
def test_a_change_of_what_is_done_changes_the_digest(library, old, new):
    before = digests(library)
    edit(library / "ethomake" / "files.py", old, new)
    harness = {"check_results", "export_provenance", "print_costs", "tidy_results"}  # only what surrounds jobs
    assert changed(library, before) == set(before) - harness


def test_a_script_counts_itself(library):
    before = digests(library)
    edit(library / "scripts" / "train_flow.py", "snakemake.output.weights", "snakemake.output[0]")
    assert changed(library, before) == {"train_flow"}


def test_a_new_label_format_changes_what_reads_foreign_labels(library):
    before = digests(library)
    (library / "ethomake" / "labels" / "formats" / "new.py").write_text("TITLE = 'new'\n")
    assert changed(library, before) == {"check_labels", "compare_raters", "export_labels"}


def test_relative_imports_and_imports_in_functions_count(library):
    (library / "ethomake" / "labels" / "one.py").write_text("def f():\n    from .two import x\n    return x\n")
    (library / "ethomake" / "labels" / "two.py").write_text("from ..errors import InputError\nx = 1\n")
    script = library / "scripts" / "new.py"
    script.write_text("from ethomake.labels import one\n")
    assert {"ethomake/labels/one.py", "ethomake/labels/two.py"} <= set(code.module_digests(script))


@pytest.mark.parametrize(
    "file", ["report.css", "templates/report.html.j2", "templates/macros.html.j2", "templates/sections/videos.html.j2"]
)
def test_a_template_or_stylesheet_changes_the_report_and_nothing_else(library, file):
    before = digests(library)
    with (library / "ethomake" / "report" / file).open("a") as page:
        page.write("\n")
    assert changed(library, before) == {"write_report"}


def test_what_else_lies_in_a_package_does_not_count(library):
    before = digests(library)
    (library / "ethomake" / "report" / "notes.txt").write_text("to do")
    assert changed(library, before) == set()
