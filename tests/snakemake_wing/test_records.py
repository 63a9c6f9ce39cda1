"""Each input is read once, and again when it has changed; jobs on a node record their end themselves."""

import asyncio
import os
from types import SimpleNamespace

import pytest
from snakemake.io import IOCache

from ethomake.snakemake.records import recording


@pytest.fixture
def world(tmp_path):
    """A Snakemake that records the end of jobs with two outputs; `read` is what it reads."""
    cache = IOCache(0)
    cache.deactivate()
    settings = SimpleNamespace(immediate_submit=False)
    workflow = SimpleNamespace(iocache=cache, remote_execution_settings=settings, local_exec=True, touch=False)
    seen = SimpleNamespace(read=[], records=[], workflow=workflow)

    async def finish(self, job):
        for _ in "ab":
            for file in job.input:
                if file not in cache.checksum:
                    seen.read.append(os.path.basename(file))
                    if os.path.exists(file):
                        cache.checksum[file] = f"sha256:{len(seen.read)}"
        seen.records.append((settings.immediate_submit, dict(cache.checksum)))
        if job.fails:
            raise OSError("full")

    methods = {on_node: recording(finish, on_node) for on_node in (False, True)}

    def end(*names, on_node=False, fails=False):
        persistence = SimpleNamespace(dag=SimpleNamespace(workflow=workflow))
        job = SimpleNamespace(input=[str(tmp_path / name) for name in names], fails=fails)
        asyncio.run(methods[on_node](persistence, job))

    seen.end = end
    for name in "xyz":
        (tmp_path / name).write_text(name)
    return seen


def test_an_input_is_read_once_for_all_outputs_and_all_jobs(world):
    world.end("x", "y")
    world.end("y", "z")
    assert world.read == ["x", "y", "z"]


def test_one_that_has_changed_is_read_again(world, tmp_path):
    world.end("x")
    (tmp_path / "x").write_text("another")
    os.utime(tmp_path / "x", ns=(1, 1))
    world.end("x")
    assert world.read == ["x", "x"]


def test_of_what_is_elsewhere_nothing_is_known(world):
    world.end("gone")
    world.end("gone")
    assert world.read == ["gone"] * 4


def test_between_jobs_nothing_is_cached(world):
    world.end("x")
    assert not world.workflow.iocache.active
    assert not world.workflow.iocache.checksum


def test_on_a_node_it_writes_the_record_as_if_it_were_alone(world):
    world.end("x")
    world.end("x", on_node=True)
    assert [immediate for immediate, _ in world.records] == [False, True]
    with pytest.raises(OSError, match="full"):
        world.end("x", on_node=True, fails=True)
    assert world.workflow.remote_execution_settings.immediate_submit is False
    assert not world.workflow.iocache.active
