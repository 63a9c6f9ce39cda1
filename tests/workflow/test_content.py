"""What is planned is what a run from scratch would make otherwise, whatever is done to the user's files.

Snakemake plans with the real rules; the jobs only pretend (see `pretended`), so that a run from scratch takes seconds.
Its outputs are all that counts: those that differ from what is there have to be planned, and no others.
"""

import csv
import itertools
import json
import os
import random
import shutil
from pathlib import Path

import pytest

from ethomake.files import file_digest

from .pretended import outputs_of, server

BEHAVIORS = ["groom", "rear"]
PARTS = {"a": "train", "b": "train", "c": "validate", "d": "test", "e": ""}
POOL = 8  # contents of a kind
DATES = (0, 5 * 10**17, 10**18, 2 * 10**18)
DEEDS = (
    *("rename a video", "write", "replace", "touch", "move", "copy", "swap", "absolute", "link", "back up"),
    *("restore", "restore", "touch results", "forget digests"),
)
TABLE = "videos.csv"
NAMES = [f"video {name}" for name in PARTS] + [f"labels {name}" for name, part in PARTS.items() if part]
ENDS = {"video": ".mp4", "labels": ".csv", "flow": ".safetensors", "streams": ".pth", "frozen": ".pth", "bundle": ""}


@pytest.fixture(scope="module")
def snakemake():
    with server() as call:
        yield call


def write_content(kind, number, path):
    """Write one of the contents of a kind, of which all have the same size; a bundle is a folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "labels":
        rows = "".join(f"{frame},{frame % 2},{(frame + number) % POOL < 4:d}\n" for frame in range(20))
        path.write_text("frame,groom,rear\n" + rows)
    elif kind == "bundle":
        write_bundle(number, path)
    else:
        path.write_text(f"{kind} {number}")


def write_bundle(number, folder):
    folder.mkdir()
    fitted = {"threshold": 0.5, "minimum_bout_s": 0.1, "minimum_gap_s": number / 10}
    (folder / "thresholds.json").write_text(
        json.dumps({"behaviors": dict.fromkeys(BEHAVIORS, fitted), "exclusive": False})
    )
    (folder / "config.yaml").write_text(f"behaviors: [groom, rear]\nseed: {number}\n")
    for name in ("flow", "spatial", "motion", "sequence"):
        (folder / f"{name}.safetensors").write_text(f"{name} {number}")
    files = {each.name: {"bytes": each.stat().st_size, "digest": file_digest(each)} for each in folder.iterdir()}
    counts = {
        "videos": 1,
        "frames": 9,
        "behaviors": {name: {"scored_frames": 9, "positive_frames": 4} for name in BEHAVIORS},
    }
    about = {"format": 1, "ethomake": "1", "behaviors": BEHAVIORS, "exclusive": False, "streams": ["spatial", "motion"]}
    about |= {"trained_on": {"train": counts, "validate": counts}, "frames_per_second": [20, 20], "seen": []}
    (folder / "bundle.json").write_text(json.dumps(about | {"files": files}))


def copy(path, target):
    """Copy a file or folder with its dates."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(path, target) if path.is_dir() else shutil.copy2(path, target)


def remove(path):
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink(missing_ok=True)


def set_dates(path, date):
    for each in [*path.rglob("*"), path] if path.is_dir() else [path]:
        os.utime(each, ns=(date, date))


class World:
    """A project, what is known of the content of each of its raw files, and what a run from scratch makes of these."""

    def __init__(self, folder, snakemake, draw, kinds, environment=None, adapt=False):
        self.folder, self.call, self.draw, self.environment = folder, snakemake, draw, environment or {}
        self.adapt = adapt  # streams to recordings
        self.project = folder / "project"
        self.scratch: dict[str, dict[str, str]] = {}
        self.names = {name: name for name in PARTS}  # of the videos in the table
        self.raw, self.contents = {}, {}  # what a file is for -> its path from the project; the number of its content
        self.backups: dict[str, int] = {}
        of_kind: dict[str, itertools.count] = {}
        for what in [*NAMES, *kinds]:
            kind = what.split()[0]
            self.raw[what] = f"raw/{what.replace(' ', '-')}{ENDS[kind]}"
            self.contents[what] = next(of_kind.setdefault(kind, itertools.count()))
            write_content(kind, self.contents[what], self.path(what))
            set_dates(self.path(what), 10**18)
        self.write_table(self.project, self.raw)

    def path(self, what):
        return self.project / self.raw[what]

    def write_table(self, folder, raw):
        """Write video table and config of a project with its raw files at some paths."""
        with (folder / TABLE).open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["video", "path", "labels", "part", "recording"])
            for name, part in [each for each in PARTS.items() if f"video {each[0]}" in raw]:
                labels = raw.get(f"labels {name}", "")
                table.writerow([self.names[name], raw[f"video {name}"], labels, part if labels else "", f"cage {name}"])
        config = {"example": "none", "videos": TABLE, "behaviors": BEHAVIORS}
        config |= {stage: {"weights": raw[stage]} for stage in ("flow", "streams") if stage in raw}
        config |= {"streams": {"enabled": ["frozen"], "weights": raw["frozen"]}} if "frozen" in raw else {}
        config |= {"models": raw["bundle"]} if "bundle" in raw else {}
        config |= {"streams": {"adapt": "recording"}} if self.adapt else {}
        (folder / "config.yaml").write_text(json.dumps(config))

    def from_scratch(self):
        """Return the outputs of a run in a new folder; which part a video has is remembered, as documented."""
        splits = self.project / "results/splits"
        remembered = {each.name: each.read_text() for each in sorted(splits.glob("*.json"))}
        state = json.dumps([self.contents, self.names, remembered], sort_keys=True)
        if state not in self.scratch:
            folder = self.folder / f"scratch{len(self.scratch)}"
            raw = {what: f"of/{what.replace(' ', '_')}{ENDS[what.split()[0]]}" for what in self.contents}
            for what, number in self.contents.items():
                write_content(what.split()[0], number, folder / raw[what])
            self.write_table(folder, raw)
            if remembered:
                copy(splits, folder / "results/splits")
            told = self.call(folder, "--cores", "1", environment=self.environment)
            assert told.status == 0, told.text[-3000:]
            self.scratch[state] = outputs_of(folder / "results")
            shutil.rmtree(folder)
        return self.scratch[state]

    def check_plan(self):
        """Compare what is planned with what a run from scratch would make otherwise."""
        wanted, here = self.from_scratch(), outputs_of(self.project / "results")
        needed = {path for path, digest in wanted.items() if here.get(path) != digest}
        told = self.call(self.project, "--dry-run", environment=self.environment)
        assert told.status == 0, told.text[-3000:]
        assert needed <= told.outputs, f"stale: {sorted(needed - told.outputs)}"
        if not self.environment:  # a pack is done whole, and then what depends on its other videos is planned, too
            idle = [sorted(outputs) for outputs in told.jobs if not outputs & needed]
            assert not idle, f"not needed: {idle}"

    def run(self, after=None):
        told = self.call(self.project, "--cores", "1", after=after, environment=self.environment)
        assert told.status == 0, told.text[-3000:]
        if not after:
            here = outputs_of(self.project / "results")
            stale = [path for path, digest in self.from_scratch().items() if here.get(path) != digest]
            assert not stale, f"stale after a run: {stale}"

    def free(self, kind):
        """A content that no other file has: the same video in two parts is refused."""
        used = {number for what, number in self.contents.items() if what.split()[0] == kind}
        return self.draw.choice(sorted(set(range(POOL)) - used))

    def change(self):
        """Do one of the things that people do to their files."""
        draw, kind = self.draw, self.draw.choice(sorted({what.split()[0] for what in self.raw}))
        what = draw.choice([each for each in self.raw if each.split()[0] == kind])
        path, date = self.path(what), draw.choice(DATES)
        other = draw.choice([each for each in self.raw if each.split()[0] == kind])
        place = f"{draw.choice(['raw', 'archive', 'disk/raw'])}/{draw.randrange(10**6)}{ENDS[kind]}"
        backup = self.folder / "backup" / what
        # where videos share jobs, those of the others are done anew if one gets another name: see decision 0001
        deed = draw.choice(DEEDS[1:] if self.environment else DEEDS)
        match deed:
            case "write" | "replace":
                self.contents[what], new = self.free(kind), path
                if deed == "replace" or kind == "bundle":
                    new = self.folder / "new"
                write_content(kind, self.contents[what], new)
                set_dates(new, date)
                if new != path:
                    remove(path)
                    os.replace(new, path)
            case "touch":
                set_dates(path, date)
            case "move":
                target = self.project / place
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
                self.raw[what] = place
            case "copy":
                copy(path.resolve(), self.project / place)
                self.raw[what] = place
            case "swap" if other != what:
                third = self.folder / "third"
                os.replace(path, third)
                os.replace(self.path(other), path)
                os.replace(third, self.path(other))
                self.contents[what], self.contents[other] = self.contents[other], self.contents[what]
            case "absolute":
                self.raw[what] = str(path)
            case "link":
                (self.project / place).parent.mkdir(parents=True, exist_ok=True)
                (self.project / place).symlink_to(path.resolve())
                self.raw[what] = place
            case "back up" if not backup.exists():
                copy(path.resolve(), backup)
                self.backups[what] = self.contents[what]
            case "restore" if self.backups.get(what) in [self.contents[what], *set(range(POOL)) - self.used(kind)]:
                remove(path)
                copy(backup, path)
                self.contents[what] = self.backups[what]
            case "rename a video":
                name = draw.choice(sorted(PARTS))
                self.names[name] = name if self.names[name] != name else f"{name}_renamed"
            case "touch results":
                for each in sorted((self.project / "results").rglob("*")):
                    if each.is_file() and "splits" not in each.parts and draw.random() < 0.5:
                        os.utime(each, (draw.randrange(1, 10**9), draw.randrange(1, 10**9)))
            case "forget digests":
                shutil.rmtree(self.project / ".snakemake/ethomake", ignore_errors=True)
        self.write_table(self.project, self.raw)
        return deed, what

    def used(self, kind):
        return {number for what, number in self.contents.items() if what.split()[0] == kind}

    def change_after_reading(self):
        """Draw a file that gets other content as soon as a job has read it, if one does; return it for `run`."""
        what = self.draw.choice([each for each in sorted(self.raw) if each != "bundle"])
        path = self.folder / "later"
        number = self.free(what.split()[0])
        write_content(what.split()[0], number, path)
        return what, number, {self.raw[what]: path.read_text()}


def play(world, steps):
    """Change files and compare what is planned, again and again; tell the deeds if it is wrong."""
    deeds = []
    try:
        world.run()
        for _ in range(steps):
            for _ in range(world.draw.choice([1, 1, 2, 3])):
                deeds.append(world.change())
            world.check_plan()
            match world.draw.randrange(4):
                case 0:
                    deeds.append("run")
                    world.run()
                    world.check_plan()
                case 1:
                    what, number, after = world.change_after_reading()
                    deeds.append(f"run, while {what} changes")
                    world.run(after)
                    content = Path(world.folder / "later").read_text()
                    if world.path(what).read_text() == content:
                        world.contents[what] = number
                    world.check_plan()
    except AssertionError as error:
        raise AssertionError(f"after {deeds}: {error}") from None


KINDS = {"trained": ("flow", "streams"), "bundle": ("bundle",), "frozen": ("frozen",)}
PACKS = {"alone": {}, "packs": {"ETHOMAKE_PACKS_FROM": "2", "ETHOMAKE_PACK_SIZE": "2"}}


@pytest.mark.parametrize("kinds", ["trained", "bundle"])
def test_what_is_planned_is_what_a_run_from_scratch_makes_otherwise(snakemake, tmp_path, kinds):
    play(World(tmp_path, snakemake, random.Random(kinds), KINDS[kinds]), steps=3)


@pytest.mark.slow
@pytest.mark.parametrize("packs", PACKS)
@pytest.mark.parametrize("kinds", KINDS)
def test_so_it_is_after_many_changes(snakemake, tmp_path, kinds, packs):
    seed = os.environ.get("ETHOMAKE_TEST_SEED", "")
    play(World(tmp_path, snakemake, random.Random(kinds + packs + seed), KINDS[kinds], PACKS[packs]), steps=5)


@pytest.mark.parametrize("kinds", ["trained", "bundle"])
def test_where_files_lie_makes_nothing_anew(snakemake, tmp_path, kinds):
    world = World(tmp_path, snakemake, random.Random(0), KINDS[kinds])
    world.run()
    (world.project / "raw").rename(world.project / "archive")
    world.write_table(world.project, {what: path.replace("raw/", "archive/") for what, path in world.raw.items()})
    told = world.call(world.project, "--dry-run")
    assert (told.status, told.jobs) == (0, []), told.text[-3000:]


def test_a_second_look_opens_none_of_the_users_files(snakemake, tmp_path):
    """All videos have one size here, and so have the labels: they are compared, too."""

    def opened():
        told = world.call(world.project, "--dry-run")
        assert told.status == 0, told.text[-3000:]
        return {Path(path).name for path in told.opened if Path(path).parent.name == "raw"}

    world = World(tmp_path, snakemake, random.Random(0), KINDS["trained"])
    names = {Path(path).name for path in world.raw.values()}
    assert opened() >= {name for name in names if name.endswith((".mp4", ".csv"))}
    assert opened() == set()
    world.run()
    assert opened() == set()  # the jobs have read the files
    set_dates(world.path("labels a"), 0)
    assert opened() == {"labels-a.csv"}
    assert opened() == set()


def test_after_tidying_there_is_what_a_run_from_scratch_makes(snakemake, tmp_path):
    """A renamed video, labels that were taken back, a test video that is gone, and with it the evaluation."""
    world = World(tmp_path, snakemake, random.Random(0), (), adapt=True)
    world.run()
    assert "stay behind" not in world.call(world.project, "--dry-run").text
    world.names["a"] = "renamed"
    for name in ("labels b", "labels d", "video d"):
        del world.raw[name], world.contents[name]
    world.write_table(world.project, world.raw)
    world.run()
    here, wanted = outputs_of(world.project / "results"), world.from_scratch()
    assert set(here) > set(wanted)
    listed = world.call(world.project, "tidy", "--cores", "1")
    assert listed.status == 0, listed.text
    assert "results of videos that are not in the table (a, d) stay behind" in listed.text
    assert outputs_of(world.project / "results") == here
    done = world.call(world.project, "tidy_now", "--cores", "1")
    assert done.status == 0, done.text
    assert outputs_of(world.project / "results") == wanted
    assert "results/ holds nothing but what is in the table" in world.call(world.project, "tidy", "--cores", "1").text
    assert world.call(world.project, "--dry-run").jobs == []
    records = sorted((world.project / "results/provenance").rglob("*.json"))
    assert not [record for record in records if {"a", "d"} & {record.stem, record.parent.name}]
