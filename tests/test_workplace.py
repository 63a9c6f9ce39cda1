import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from ethomake import workplace
from ethomake.errors import InputError


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def lock(owner=None):
    Path(".snakemake/locks").mkdir(parents=True)
    Path(".snakemake/locks/0.output.lock").write_text("results/report/main.html\n")
    if owner is not None:
        Path(".snakemake/owner.json").write_text(json.dumps(owner))


def gone():
    """Return the content of the owner file for a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = psutil.Process(process.pid).create_time()
    process.communicate(b"\n")
    return {"host": platform.node(), "pid": process.pid, "started": started}


def test_records_lie_with_the_results_and_travel_with_them(tmp_path):
    workplace.keep_records()
    Path(".snakemake/metadata/one").write_text("what Snakemake knows")
    assert Path("results/.snakemake/metadata/one").read_text() == "what Snakemake knows"
    Path("results").rename(tmp_path / "elsewhere")
    (tmp_path / "clone").mkdir()
    os.chdir(tmp_path / "clone")
    (tmp_path / "elsewhere").rename("results")
    workplace.find_records()  # a dry run comes first there
    assert Path(".snakemake/metadata/one").read_text() == "what Snakemake knows"
    assert Path(".snakemake/incomplete").is_dir()


def test_records_of_an_older_folder_are_taken_along():
    Path(".snakemake/metadata/@long").mkdir(parents=True)
    Path(".snakemake/metadata/@long/name").write_text("{}")
    workplace.keep_records()
    workplace.keep_records()
    assert Path("results/.snakemake/metadata/@long/name").read_text() == "{}"
    assert Path(".snakemake/metadata").is_symlink()


def test_who_holds_the_lock_is_told():
    lock(gone())
    assert (
        workplace.describe_lock(refused=False) == "note: the last run was killed; the next one resumes where it stopped"
    )
    assert workplace.describe_lock(refused=True) == (
        "error: the last run was killed; run again: that resumes where it stopped"
    ), "it was killed after this one had looked"
    process = psutil.Process()
    here = {"host": platform.node(), "pid": process.pid, "started": process.create_time()}
    Path(".snakemake/owner.json").write_text(json.dumps(here))
    for refused, kind in ((True, "error"), (False, "note")):
        line = workplace.describe_lock(refused=refused)
        assert line.startswith(f"{kind}: process {process.pid} on {platform.node()} has been working")
    Path(".snakemake/owner.json").write_text(json.dumps(here | {"host": "elsewhere"}))
    assert workplace.describe_lock(refused=True).endswith("if it is gone: ./run snakemake --unlock")
    Path(".snakemake/owner.json").unlink()
    line = workplace.describe_lock(refused=True)
    assert line.startswith("error: another run is working here, as far as can be known")


@pytest.mark.parametrize("owner", [{"host": "elsewhere", "pid": 1, "started": 0.0}, None])
def test_who_finds_the_folder_locked_from_another_machine_does_not_pass_for_the_one_that_works(owner):
    lock(owner)
    program = "from ethomake import workplace; workplace.free_stale_lock(); workplace.take_over()"
    environment = os.environ | {"PYTHONPATH": str(Path(workplace.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert workplace.describe_lock(refused=True).endswith("if it is gone: ./run snakemake --unlock")
    assert not workplace.free_stale_lock(), "which would let two runs write into one folder"


def test_a_dry_run_forgets_results_that_were_removed():
    workplace.keep_records()
    shutil.rmtree("results")
    workplace.find_records()
    assert not os.path.lexists(".snakemake/metadata"), "where Snakemake makes a folder"
    workplace.keep_records()
    assert Path(".snakemake/metadata").is_symlink()
    Path("results").rename("elsewhere")
    Path("results").symlink_to("gone")
    with pytest.raises(InputError, match="a link to gone, which is not there"):
        workplace.check_place()


def test_a_dry_run_makes_no_results():
    workplace.find_records()
    assert not Path("results").exists()
    assert not Path(".snakemake").exists()


def test_a_lock_whose_owner_is_gone_is_taken_away():
    lock(gone())
    assert workplace.free_stale_lock()
    assert not Path(".snakemake/locks").exists()
    assert not workplace.free_stale_lock()


@pytest.mark.parametrize("elsewhere", [True, False])
def test_a_lock_stays_while_its_owner_may_be_at_work(elsewhere):
    me = {"host": platform.node(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    lock(gone() | {"host": "another machine"} if elsewhere else me)
    assert not workplace.free_stale_lock()
    assert Path(".snakemake/locks/0.output.lock").exists()


@pytest.mark.parametrize("owner", [None, [], {"pid": 1}, {"host": platform.node()}])
def test_a_lock_of_whom_nobody_knows_stays(owner):
    lock(owner)
    assert not workplace.free_stale_lock()
    assert Path(".snakemake/locks").exists()


def test_a_process_that_got_the_number_of_one_that_ended_is_not_its_owner():
    lock({"host": platform.node(), "pid": os.getpid(), "started": psutil.Process().create_time() - 3600})
    assert workplace.free_stale_lock()


def test_who_works_here_is_not_overwritten_while_it_works():
    Path(".snakemake").mkdir()
    workplace.take_over()
    mine = Path(".snakemake/owner.json").read_text()
    assert json.loads(mine)["pid"] == os.getpid()
    program = "from ethomake import workplace; workplace.take_over()"
    environment = os.environ | {"PYTHONPATH": str(Path(workplace.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", program], check=True, env=environment)
    assert Path(".snakemake/owner.json").read_text() == mine


def test_results_that_are_no_folder_are_refused():
    Path("results").write_text("")
    with pytest.raises(InputError, match=r"results: a file in .*rename it"):
        workplace.check_results()
    Path("results").unlink()
    Path("results").symlink_to("nowhere")
    with pytest.raises(InputError, match="a link to nowhere, which is not there"):
        workplace.check_results()
    Path("nowhere").mkdir()
    workplace.check_results()


@pytest.mark.parametrize("closed", [".snakemake", "results", "results/labels", "results/.snakemake/metadata"])
def test_folders_that_may_not_be_read_are_told_before_anything_is_looked_for(monkeypatch, closed):
    Path("results/labels").mkdir(parents=True)
    workplace.keep_records()
    workplace.check_place()
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != closed and may(path, mode))
    with pytest.raises(InputError, match=f"^{closed}: may not be read; change its permissions"):
        workplace.check_place()


def test_only_what_the_job_itself_has_left_is_discarded(tmp_path):
    one, other = "0123456789abcdef", "fedcba9876543210"
    own = [f"flow-main-{one}", f".flow-main-{one}.part", f"flow-main-{other}", f".flow-main-{other}.part"]
    others = [f"flow-main-2-{one}", f"flow-other-{one}", f"stream-flow-main-{one}", f"flow-main-{one}0", "flow-main"]
    for name in own + others:
        (tmp_path / name).write_text("")
    (tmp_path / f"flow-main-{other}.flows").mkdir()
    (tmp_path / f"flow-main-{other}.flows/train").write_text("")
    workplace.discard([tmp_path / f"flow-main-{one}"])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)
    workplace.discard(
        [tmp_path / "no" / f"flow-main-{one}"]
    )  # a job that was never killed within an epoch may have left nothing


def test_the_library_is_shared_with_jobs(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", "/of/mine")
    workplace.share_library()
    first, *others = os.environ["PYTHONPATH"].split(os.pathsep)
    assert (Path(first) / "ethomake" / "__init__.py").is_file()
    assert others == ["/of/mine"]
