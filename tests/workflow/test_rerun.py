"""What is outdated is made anew, and nothing else: the jobs of a user's project after each kind of change."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ethomake.example.simulated import draw_video

ROOT = Path(__file__).parents[2]
BEHAVIORS = ["walk", "turn", "rear", "groom"]
PARTS = {"one": "train", "two": "train", "check": "validate", "proof": "test", "free": ""}
SPARE = ("added", "scored")  # lie there, but are not in the table
CONFIG = {
    "example": "none",
    "videos": "videos.csv",
    "behaviors": BEHAVIORS,
    "ingest": {"image_size": [32, 32]},
    "flow": {"epochs": 1, "steps": 2, "batch": 2},
    "streams": {"epochs": 1, "steps": 2, "batch": 4},
    "sequence": {"epochs": 1, "steps": 2, "batch": 2, "window": 30},
    "evaluation": {"chance_shifts": 5},
}

# What follows when ...
AFTER_DECISIONS = {"draw_ethogram": 5, "summarize_bouts": 1, "count_transitions": 1, "write_report": 1}
AFTER_DECISIONS |= {"evaluate": 1, "draw_evaluation": 1}
AFTER_SEQUENCE = {"predict_video": 5, "fit_thresholds": 1, "decide_behaviors": 5} | AFTER_DECISIONS
SEQUENCE = {"train_sequence": 1, "draw_curves": 1} | AFTER_SEQUENCE
FEATURES = {"extract_features": 5, "score_streams": 1} | SEQUENCE
STREAMS = {"train_stream": 2} | FEATURES | {"draw_curves": 3}
FLOW = {"train_flow": 1} | STREAMS | {"train_stream": 1, "draw_curves": 3}  # flow, motion and sequence


@dataclass
class Project:
    """A user's folder with a finished run in it, and the checkout that made it."""

    folder: Path
    checkout: Path = ROOT

    def configure(self, **changes):
        config = yaml.safe_load((self.folder / "config.yaml").read_text())
        for key, value in changes.items():
            section, _, name = key.partition("__")
            if name:
                config.setdefault(section, {})[name] = value
            else:
                config[key] = value
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def list_videos(self, **parts):
        write_table(self.folder, PARTS | parts)

    def relabel(self, video):
        """Correct the first frames of a video."""
        path = self.folder / f"raw/{video}_labels.csv"
        lines = path.read_text().splitlines()
        for row in range(1, 6):
            cells = lines[row].split(",")
            lines[row] = ",".join([cells[0], *(str(1 - int(cell)) for cell in cells[1:])])
        path.write_text("\n".join(lines) + "\n")

    def edit(self, module, old, new):
        """Change a file of the checkout, which becomes a copy of its own."""
        if self.checkout == ROOT:
            self.checkout = self.folder.parent / "checkout"
            shutil.copytree(ROOT / "ethomake", self.checkout / "ethomake", ignore=shutil.ignore_patterns("__pycache__"))
            for name in ("workflow", "example", "profiles", "envs"):
                shutil.copytree(ROOT / name, self.checkout / name)
            shutil.copy(ROOT / "Snakefile", self.checkout)
            shutil.copy(ROOT / "config.yaml", self.checkout)
        path = self.checkout / module
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


def write_table(folder, parts):
    rows = [
        f"{name},raw/{name}.mp4,{'' if name in ('free', 'added') else f'raw/{name}_labels.csv'},{part}"
        for name, part in parts.items()
    ]
    (folder / "videos.csv").write_text("\n".join(["video,path,labels,part", *rows]) + "\n")


@pytest.fixture(scope="module")
def once(run_snakemake, tmp_path_factory):
    """A finished project; every test works on a copy of it."""
    folder = tmp_path_factory.mktemp("once")
    for number, name in enumerate([*PARTS, *SPARE]):
        settings = {"seconds": 3.0, "fps": 20.0, "size": 64, "seed": number}
        draw_video(
            folder / f"raw/{name}.mp4", folder / f"raw/{name}_labels.csv", video=f"sim_0{number}", settings=settings
        )
    write_table(folder, PARTS)
    (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
    outcome = run_snakemake(folder, "--cores", "2")
    assert outcome.status == 0, outcome.output[-3000:]
    return folder


@pytest.fixture
def project(once, tmp_path):
    """A copy of the finished project with time stamps in the worst order: what was made first is the newest."""
    folder = tmp_path / "project"
    shutil.copytree(once, folder, ignore=shutil.ignore_patterns(".snakemake"), copy_function=shutil.copyfile)
    shutil.copytree(once / "results/.snakemake", folder / "results/.snakemake")
    files = sorted((path for path in once.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime)
    newest = max(path.stat().st_mtime for path in files)
    for age, path in enumerate(files):
        if (copy := folder / path.relative_to(once)).exists():
            os.utime(copy, (newest - age, newest - age))
    return Project(folder)


def jobs_of(outcome):
    return {rule: number for rule, number in outcome.jobs.items() if rule not in ("all", "models", "total")}


def nothing(project):
    pass


def labels_of_a_test_video(project):
    project.relabel("proof")


def labels_of_a_training_video(project):
    project.relabel("one")


def labels_of_a_validation_video(project):
    project.relabel("check")


def rate_of(video):
    def give(project):
        """Say in the table how many frames per second of life a video has."""
        head, *rows = (project.folder / "videos.csv").read_text().splitlines()
        rows = [f"{row},{120 if row.startswith(f'{video},') else ''}" for row in rows]
        (project.folder / "videos.csv").write_text("\n".join([f"{head},rate", *rows]) + "\n")

    give.__name__ = f"the_rate_of_{video}"
    return give


def a_video_without_labels(project):
    project.list_videos(added="")


def a_labelled_training_video(project):
    project.list_videos(scored="train")


def a_labelled_training_video_where_flow_follows(project):
    project.configure(flow__videos="training")
    project.list_videos(scored="train")


def a_color(project):
    project.configure(ethogram__colors={"walk": "#4477aa"})


def a_bout_length(project):
    project.configure(ethogram__minimum_bout_s=0.3)


def a_threshold(project):
    project.configure(ethogram__thresholds={"walk": 0.7})


def a_caption(project):
    project.edit("workflow/report/summary.rst", "\n", " indeed\n")


def which_streams_are_used(project):
    project.configure(streams__enabled=["spatial"])


def a_setting_of_the_sequence_model(project):
    project.configure(sequence__hidden=16)


def a_setting_of_the_flow_network(project):
    project.configure(flow__batch=3)


def how_flow_is_computed(project):
    project.configure(flow__reuse=False)


def how_often_chance_is_drawn(project):
    project.configure(evaluation__chance_shifts=7)


def the_code_of_the_sequence_network(project):
    project.edit(
        "ethomake/sequence/networks.py", "return SEQUENCE_NETWORKS", "assert inputs\n    return SEQUENCE_NETWORKS"
    )


def the_code_of_the_transitions(project):
    project.edit("ethomake/ethogram/transitions.py", "\ndef ", "\nUNUSED = 1\n\n\ndef ")


def the_code_of_a_script(project):
    project.edit("workflow/scripts/summarize_bouts.py", "snakemake.output[0]", "str(snakemake.output[0])")


def comments_and_docstrings(project):
    project.edit("ethomake/files.py", '"""Atomic writing', '"""Careful writing')
    project.edit("ethomake/flow/networks.py", "\ndef ", "\n# now for a function\ndef ")
    project.edit("workflow/scripts/train_flow.py", "with job", "# and now\nwith job")


def other_words_in_errors_and_messages(project):
    project.edit("ethomake/failures.py", "free some and run again", "make room and run again")
    project.edit("ethomake/messages.py", "s take about", "s will take about")
    project.edit("ethomake/labels/table.py", "the first column is", "the column in front is")
    project.edit("ethomake/flow/train.py", "frames to learn from", "frames to train on")


def a_constant_of_the_flow_loss(project):
    project.edit("ethomake/flow/loss.py", "EPSILON = 1e-3", "EPSILON = 2e-3")


def labels_by_older_ones(project):
    project.relabel("one")
    os.utime(project.folder / "raw/one_labels.csv", ns=(10**18, 10**18))


def a_video_by_an_older_one(project):
    shutil.copyfile(project.folder / "raw/added.mp4", project.folder / "raw/free.mp4")
    os.utime(project.folder / "raw/free.mp4", ns=(10**18, 10**18))


def where_everything_lies(project):
    (project.folder / "raw").rename(project.folder / "archive")
    table = (project.folder / "videos.csv").read_text()
    (project.folder / "videos.csv").write_text(table.replace("raw/", "archive/"))


def how_paths_are_written(project):
    table = (project.folder / "videos.csv").read_text()
    (project.folder / "videos.csv").write_text(table.replace("raw/", f"{project.folder}/raw/"))


def dates(project):
    for path in (project.folder / "raw").iterdir():
        os.utime(path)


def raw_videos_that_are_archived(project):
    for path in (project.folder / "raw").glob("*.mp4"):
        path.unlink()


OF_ONE_VIDEO = dict.fromkeys(
    ["ingest_video", "extract_features", "predict_video", "decide_behaviors", "draw_ethogram"], 1
) | dict.fromkeys(["summarize_bouts", "count_transitions", "write_report"], 1)

CHANGES = [
    (nothing, {}),
    (labels_by_older_ones, {"check_labels": 1} | STREAMS),
    (a_video_by_an_older_one, OF_ONE_VIDEO),
    (where_everything_lies, {}),
    (how_paths_are_written, {}),
    (dates, {}),
    (raw_videos_that_are_archived, {}),
    (
        labels_of_a_test_video,
        dict.fromkeys(
            ["check_labels", "score_streams", "evaluate", "draw_evaluation", "draw_ethogram", "write_report"], 1
        ),
    ),
    (labels_of_a_training_video, {"check_labels": 1} | STREAMS),
    (labels_of_a_validation_video, {"check_labels": 1} | STREAMS),
    (a_video_without_labels, OF_ONE_VIDEO),
    (
        a_labelled_training_video,
        {"ingest_video": 1, "compare_videos": 1, "check_labels": 1}
        | STREAMS
        | dict.fromkeys(["extract_features", "predict_video", "decide_behaviors", "draw_ethogram"], 6),
    ),
    (
        a_labelled_training_video_where_flow_follows,
        {"ingest_video": 1, "compare_videos": 1, "check_labels": 1, "train_flow": 1}
        | STREAMS
        | {"draw_curves": 4}
        | dict.fromkeys(["extract_features", "predict_video", "decide_behaviors", "draw_ethogram"], 6),
    ),
    (
        rate_of("free"),
        dict.fromkeys(["decide_behaviors", "draw_ethogram", "summarize_bouts", "count_transitions", "write_report"], 1),
    ),
    (rate_of("one"), {"fit_thresholds": 1, "decide_behaviors": 5} | AFTER_DECISIONS),
    (a_color, {"draw_ethogram": 5, "draw_evaluation": 1, "write_report": 1}),
    (a_bout_length, {"decide_behaviors": 5} | AFTER_DECISIONS),
    (a_threshold, {"decide_behaviors": 5} | AFTER_DECISIONS),
    (a_caption, {}),
    (which_streams_are_used, FEATURES),  # and no stream is trained anew
    (a_setting_of_the_sequence_model, SEQUENCE),
    (a_setting_of_the_flow_network, FLOW | {"extract_features": 5}),
    (how_flow_is_computed, {"train_stream": 1} | FEATURES | {"draw_curves": 2}),
    (how_often_chance_is_drawn, {"score_streams": 1, "evaluate": 1, "draw_evaluation": 1, "write_report": 1}),
    (the_code_of_the_sequence_network, SEQUENCE),
    (the_code_of_the_transitions, {"count_transitions": 1, "write_report": 1}),
    (the_code_of_a_script, {"summarize_bouts": 1, "write_report": 1}),
    (comments_and_docstrings, {}),
    (other_words_in_errors_and_messages, {}),
    (a_constant_of_the_flow_loss, FLOW | {"extract_features": 5}),
]
# One change of each kind is made for real: raw files, videos, settings, code. Planning the others is enough.
REAL = (
    a_video_by_an_older_one,
    a_labelled_training_video_where_flow_follows,
    a_bout_length,
    the_code_of_the_sequence_network,
)
RUN = [change for change in CHANGES if change[0] in REAL]


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
def test_exactly_these_jobs_are_planned(run_snakemake, project, change, expected):
    change(project)
    outcome = run_snakemake(project.folder, "--dry-run", checkout=project.checkout)
    assert outcome.status == 0, outcome.output[-3000:]
    assert jobs_of(outcome) == expected


@pytest.mark.slow
@pytest.mark.parametrize(("change", "expected"), RUN, ids=lambda value: getattr(value, "__name__", ""))
def test_exactly_these_jobs_run_and_then_nothing_is_left(run_snakemake, project, change, expected):
    change(project)
    outcome = run_snakemake(project.folder, "--cores", "2", checkout=project.checkout)
    assert outcome.status == 0, outcome.output[-3000:]
    assert jobs_of(outcome) == expected
    assert "Nothing to be done" in run_snakemake(project.folder, checkout=project.checkout).output


def test_an_archived_video_that_is_needed_ends_a_run_before_it_begins(run_snakemake, project):
    raw_videos_that_are_archived(project)
    assert "note: not there: " in run_snakemake(project.folder, "--dry-run").output
    project.configure(ingest__image_size=[64, 64])
    for options in (["--dry-run"], ["--cores", "1"]):
        outcome = run_snakemake(project.folder, *options)
        assert outcome.status == 2
        last = outcome.output.strip().splitlines()[-1]
        assert last.startswith(
            "error: raw/check.mp4: not there any more, but needed again (Reading the frames of check)"
        )


def test_a_dry_run_after_results_were_removed_plans_all(run_snakemake, project):
    assert run_snakemake(project.folder, "--dry-run").status == 0
    shutil.rmtree(project.folder / "results")
    outcome = run_snakemake(project.folder, "--dry-run")
    assert outcome.status == 0, outcome.output
    assert outcome.jobs["ingest_video"] == 5


def test_a_video_that_moves_between_training_and_validation_retrains_nothing(run_snakemake, project):
    project.list_videos(one="validate", check="train")
    outcome = run_snakemake(project.folder, "--dry-run")
    # networks learn from both, and the flow network keeps its videos
    assert jobs_of(outcome) == {"compare_videos": 1, "score_streams": 1, "write_report": 1}


def test_a_video_that_the_flow_network_has_seen_and_that_is_to_test_retrains_it(run_snakemake, project):
    project.list_videos(one="test")
    assert run_snakemake(project.folder, "--dry-run").jobs["train_flow"] == 1


def test_a_video_left_out_for_a_while_comes_back_to_its_part(run_snakemake, project):
    project.list_videos(**dict.fromkeys(PARTS, ""))  # now the split knows their parts, and nobody else
    assert jobs_of(run_snakemake(project.folder, "--dry-run")) == {}
    write_table(project.folder, dict.fromkeys([name for name in PARTS if name != "proof"], ""))
    outcome = run_snakemake(project.folder, "--cores", "2")
    assert outcome.status == 0, outcome.output
    project.list_videos(**dict.fromkeys(PARTS, ""))
    planned = jobs_of(run_snakemake(project.folder, "--dry-run"))
    # and nobody learns anew
    rules = ["compare_videos", "score_streams", "summarize_bouts", "count_transitions", "write_report"]
    assert planned == dict.fromkeys(rules, 1)
