"""What is made of which files: by their content, in whatever order files are replaced, moved, copied and restored."""

import itertools
import os
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import Wildcards

from ethomake.files import write_json
from ethomake.project.load import Project
from ethomake.project.runs import Run, Split
from ethomake.project.settings import resolve_settings
from ethomake.project.videos import Video
from ethomake.snakemake.dataflow import DataFlow
from ethomake.sources import KEPT, as_recorded, find_sources

SCRIPTS = Path(__file__).parents[2] / "workflow" / "scripts"
VIDEOS = ("a", "b", "c")
CONTENTS = ("one", "two", "six")  # of one size
DEEDS = ("write", "replace", "touch", "move", "copy", "swap", "absolute", "back up", "restore", "archive")
RAW = {f"{kind} {name}": f"raw/{name}.{end}" for name in VIDEOS for kind, end in (("video", "mp4"), ("labels", "csv"))}
GIVEN = RAW | {"flow": "raw/flow.safetensors", "bundle": "raw/bundle.safetensors"}


class World:
    """A project and the model of what its results were made from: the content of each of the user's files."""

    def __init__(self):
        self.paths = dict(GIVEN)  # what a file is for -> its path in the table, the config, the bundle
        self.recorded = {}  # what Snakemake has recorded of the params of each job
        self.made_from = {}  # and what was really read
        for path in self.paths.values():
            self.write(path, "one", 10**18)

    @staticmethod
    def write(path, content, date):
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(content)
        os.utime(path, ns=(date, date))

    def params(self):
        """The param of each job that stands for a file of the user, as a run that begins now gets it."""
        videos = {n: Video(n, self.paths[f"video {n}"], self.paths[f"labels {n}"]) for n in VIDEOS}
        parts = {"train": ["a"], "validate": ["b"], "test": ["c"]}
        settings = resolve_settings({"example": "none", "behaviors": ["groom"]})
        settings["flow"]["weights"] = self.paths["flow"]
        project = Project(videos, {"main": Run("main", Split(parts, parts, parts), settings)}, ())
        bundle = SimpleNamespace(files={"spatial": self.paths["bundle"]})
        trained, taken = DataFlow(project, None, SCRIPTS), DataFlow(project, bundle, SCRIPTS)
        found = {
            f"{kind} {name}": trained.source(kind)(Wildcards(fromdict={"video": name}))
            for kind, name in itertools.product(("video", "labels"), VIDEOS)
        }
        run = Wildcards(fromdict={"run": "main"})
        return found | {"flow": trained.settings_of("flow", "flow")(run), "bundle": taken.bundle_source(run)}

    def content(self, what):
        path = Path(self.paths[what])
        return path.read_text() if path.is_file() else self.made_from.get(what, "")

    def planned(self):
        return {what for what, param in self.params().items() if self.recorded.get(what) != repr(param)}

    def run(self, meanwhile=lambda: None):
        """Do the jobs that are planned: each reads its file and writes its record; `meanwhile` something happens."""
        jobs = {what: param for what, param in self.params().items() if what in self.planned()}
        for what, param in jobs.items():
            (source,) = find_sources([param])
            if not os.path.exists(source):
                continue
            write_json(source.record, {"sources": {source.role: source.digest()}})
            self.made_from[what] = self.content(what)
        meanwhile()
        with as_recorded():
            self.recorded |= {what: repr(param) for what, param in jobs.items() if what in self.made_from}

    def outdated(self):
        """What a run from scratch would make of other files than those that the results were made from."""
        return {what for what in self.paths if self.made_from.get(what) != self.content(what)}


def change(world, draw):
    """Do one of the things that people do to their files."""
    what, other = draw.sample(sorted(world.paths), 2)
    path, place = world.paths[what], f"{draw.choice(['raw', 'archive', 'disk/raw'])}/{draw.randrange(4)}-{what}"
    date = draw.choice([0, 5 * 10**17, 10**18, 2 * 10**18])
    present = os.path.isfile(path)
    match draw.choice(DEEDS):
        case "write":
            world.write(path, draw.choice(CONTENTS), date)
        case "replace":
            world.write("new", draw.choice(CONTENTS), date)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            os.replace("new", path)
        case "touch" if present:
            os.utime(path, ns=(date, date))
        case "move" if present:
            os.renames(path, place)
            world.paths[what] = place
        case "copy" if present and not os.path.exists(place):
            os.makedirs(os.path.dirname(place), exist_ok=True)
            shutil.copy2(path, place)
            world.paths[what] = place
        case "swap" if present and os.path.isfile(world.paths[other]):
            os.replace(path, "third")
            os.replace(world.paths[other], path)
            os.replace("third", world.paths[other])
        case "absolute":
            world.paths[what] = os.path.abspath(path)
        case "back up" if present:
            shutil.copy2(path, f"backup {what}")
        case "restore" if os.path.isfile(f"backup {what}"):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy2(f"backup {what}", path)
        case "archive" if present and what.startswith("video"):
            os.remove(path)


@pytest.mark.parametrize("seed", range(4))
def test_what_is_planned_is_what_a_run_from_scratch_would_make_of_other_files(tmp_path, monkeypatch, seed):
    monkeypatch.chdir(tmp_path)
    draw, world = random.Random(seed), World()
    assert world.planned() == set(GIVEN)
    world.run()
    assert world.planned() == set()
    for _ in range(20):
        for _ in range(draw.randrange(1, 4)):
            change(world, draw)
        assert world.planned() == world.outdated()
        if draw.random() < 0.2:
            shutil.rmtree(KEPT, ignore_errors=True)
            assert world.planned() == world.outdated(), "what is kept only saves reading"
        if draw.random() < 0.4:
            world.run(meanwhile=(lambda: change(world, draw)) if draw.random() < 0.5 else (lambda: None))
            assert world.planned() == world.outdated()


def test_a_file_that_is_restored_after_a_job_has_read_another_is_made_anew(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    world = World()
    world.run()
    shutil.copy2("raw/a.csv", "first")
    world.write("raw/a.csv", "two", 0)
    world.run(meanwhile=lambda: shutil.copy2("first", "raw/a.csv"))
    assert world.planned() == {"labels a"}
