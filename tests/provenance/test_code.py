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
    # label formats are loaded when a label file is read
    assert {file for file in found if "/formats/" not in file} == {file for file in loaded if "/formats/" not in file}


def test_an_edit_changes_the_scripts_that_import_the_module_and_no_others(library):
    before = digests(library)
    edit(library / "ethomake" / "sequence" / "networks.py", "SEQUENCE_NETWORKS[name]", "SEQUENCE_NETWORKS.get(name)")
    assert changed(library, before) == {"train_sequence", "predict_video", "take_models"}


def test_a_comment_a_docstring_and_layout_change_nothing(library):
    before = digests(library)
    path = library / "ethomake" / "files.py"
    edit(path, '"""Read a JSON file.', '"""Read a file of JSON, whatever it holds.')
    edit(path, '"""Files that appear', '"""Things that appear')
    edit(path, "import hashlib\n", "# a comment\nimport hashlib\n\n\n")
    edit(path, "    remove(part)\n", "    remove(\n        part\n    )\n")
    edit(library / "scripts" / "train_flow.py", "with job", "# here it begins\nwith job")
    assert changed(library, before) == set()


@pytest.mark.parametrize(("old", "new"), [("indent=2", "indent=3"), ("missing_ok=True", "missing_ok=False")])
def test_a_change_of_what_is_done_changes_the_digest(library, old, new):
    before = digests(library)
    edit(library / "ethomake" / "files.py", old, new)
    assert changed(library, before) == set(before)  # everything writes files


def test_a_script_counts_itself(library):
    before = digests(library)
    edit(library / "scripts" / "train_flow.py", "snakemake.output.weights", "snakemake.output[0]")
    assert changed(library, before) == {"train_flow"}


def test_a_new_label_format_changes_what_reads_foreign_labels(library):
    before = digests(library)
    (library / "ethomake" / "labels" / "formats" / "new.py").write_text("DESCRIPTION = 'new'\n")
    assert changed(library, before) == {"check_labels"}


def test_relative_imports_and_imports_in_functions_count(library):
    (library / "ethomake" / "labels" / "one.py").write_text("def f():\n    from .two import x\n    return x\n")
    (library / "ethomake" / "labels" / "two.py").write_text("from ..errors import InputError\nx = 1\n")
    script = library / "scripts" / "new.py"
    script.write_text("from ethomake.labels import one\n")
    assert {"ethomake/labels/two.py", "ethomake/errors.py"} <= set(code.module_digests(script))
