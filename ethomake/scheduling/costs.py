"""What an experiment costs, from raw videos to the report, by the estimates of `ethomake.scheduling.resources`.

    ./run snakemake costs                                                    the project of this folder
    ./run python -m ethomake.scheduling.costs --videos 20 --splits 5 --help  a planned one

Neither computes anything else; results that exist already are included.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ethomake.messages import duration
from ethomake.project.runs import MAIN, ONCE, RECORDING, STAGES, VIDEO, Run, Split, find_homes, rules_after, stages_made
from ethomake.project.settings import PRESETS, resolve_settings
from ethomake.scheduling.resources import (
    SHARED,
    WORK,
    Experiment,
    memory_to_ask,
    minutes_to_ask,
    need,
    seconds_to_take,
)
from ethomake.text import counted, markdown_table

HEADS = ("job", "number", "memory, MB", "limit, min", "GPU-hours", "core-hours")
ON_GPU = {
    "train_flow": 8,
    "train_stream": 8,
    "train_joint": 8,
    "extract_features": 8,
    "adapt_streams": 8,
    "train_sequence": 4,
}  # cores
RATE, FRAME = 30, 0.008  # frames per second, and MB per frame, of planned videos
LONG = 3600  # seconds; of a run that takes longer, users are told before it begins
LEARNING = ("train_flow", "train_stream", "train_joint")  # what the quick tier does without
SHARES = {"train": 0.6, "validate": 0.2, "test": 0.2}

Job = tuple[str, Sequence[Mapping[str, str]]]
"""A rule, and the wildcards of a job of it: one item, or one for each video of a pack."""


@dataclass(frozen=True)
class Price:
    """The cost of all jobs of a rule together.

    Attributes:
        jobs: their number.
        memory, minutes: the request of the largest.
        gpu_hours: how long GPUs are occupied.
        core_hours: how long cores are occupied, including those beside the GPUs.
    """

    rule: str
    jobs: int
    memory: int
    minutes: int
    gpu_hours: float
    core_hours: float


def jobs_of(
    x: Experiment, packs: Sequence[Sequence[str]] = (), late_packs: Sequence[Sequence[str]] = ()
) -> Iterator[Job]:
    """Yield all jobs of an experiment.

    Args:
        packs: videos that share jobs.
        late_packs: others, which share the jobs of rules after the features.
    """
    early, late = _groups(x, packs), _groups(x, [*packs, *late_packs])
    late_rules = rules_after("features")
    labelled = set(x.labelled)
    homes = find_homes(x.runs)
    for name, run in x.runs.items():
        for stage in stages_made(run, homes):
            every = {"run": name} | ({"stream": stage} if stage in ("spatial", "motion") else {})
            for rule, each in STAGES[stage].rules.items():
                if each in (ONCE, RECORDING):
                    times = 1 if each == ONCE else max(1, len(set(x.recordings.values())))
                    yield from [(rule, [every])] * times
                    continue
                for group in late if rule in late_rules else early:
                    videos = [video for video in group if each == VIDEO or video in labelled]
                    if videos:
                        yield rule, [every | {"video": video} for video in videos]


def _groups(x: Experiment, packs: Sequence[Sequence[str]]) -> list[list[str]]:
    """Return the videos of each pack that are there, and those that are in none, each by itself."""
    known = {name for pack in packs for name in pack}
    return [[name for name in pack if name in x.videos] for pack in packs] + [
        [name] for name in x.videos if name not in known
    ]


def price(x: Experiment, jobs: Sequence[Job], threads: Callable[[str], int], gpus: Callable[[str], int]) -> list[Price]:
    """Return the cost of each rule, in the order of their first jobs.

    Args:
        x: the experiment.
        jobs: rule and wildcards of each job.
        threads: returns the threads of a rule, by its name.
        gpus: returns the GPUs of a rule, by its name.
    """
    rows = []
    for rule in dict.fromkeys(rule for rule, _ in jobs):
        has, given = threads(rule), gpus(rule)
        needs = [need(x, name, each) for name, each in jobs if name == rule]
        hours = sum(seconds_to_take(one, threads=has, gpus=given) for one in needs) / 3600
        memory = max(memory_to_ask(one, videos=len(x.videos), gpus=given) for one in needs)
        minutes = max(minutes_to_ask(one, threads=has, gpus=given) for one in needs)
        rows.append(Price(rule, len(needs), memory, minutes, hours * given, hours * has))
    return rows


def in_other_tier(x: Experiment) -> tuple[str, Experiment]:
    """Return a preset to compare with, and the run `main` alone with it: `frozen`, or `swift` where that is in use."""
    main = x.runs[MAIN]
    preset = "swift" if "frozen" in main.settings["streams"]["enabled"] else "frozen"
    settings: dict[str, Any] = {**main.settings, "preset": preset}
    for section, choices in PRESETS[preset].items():
        settings[section] = {**settings[section], **choices}
    settings["streams"] = {**settings["streams"], "joint_epochs": 0, "adapt": "none"}
    return preset, replace(x, runs={MAIN: replace(main, settings=settings)})


def note_on_time(x: Experiment, jobs: Sequence[tuple[str, Mapping[str, str]]], cores: int) -> str:
    """Return a note on how long jobs take without a GPU, and what the quick tier would take instead.

    Args:
        x: the experiment.
        jobs: rule and wildcards of the jobs that are about to run.
        cores: number of cores.

    Returns:
        One line; empty if the jobs train no stream and no flow network, or are done within `LONG`.
    """
    seconds = {rule: 0.0 for rule, _ in jobs if rule in WORK}
    for rule, at in jobs:
        if rule in WORK:
            seconds[rule] += need(x, rule, [at]).seconds
    speed = max(1.0, SHARED * cores)
    whole, learning = sum(seconds.values()) / speed, sum(seconds.get(rule, 0.0) for rule in LEARNING) / speed
    if not learning or whole < LONG or x.runs[MAIN].settings["models"] != "none":
        return ""
    _, quick = in_other_tier(x)
    frozen = sum(need(quick, rule, each).seconds for rule, each in jobs_of(quick)) / speed
    return (
        f"by estimate, this takes up to {duration(whole)} on {counted(cores, 'core')} without a GPU, of which training "
        f"flow and streams takes {duration(learning)}; for a first ethogram in {duration(frozen)}, without "
        "them, add: --config preset=frozen"
    )


def total(rows: Sequence[Price]) -> str:
    """Return the hours of all rows in words."""
    gpu, cores = sum(row.gpu_hours for row in rows), sum(row.core_hours for row in rows)
    return f"{cores:.1f} core-hours" + (f" and {gpu:.1f} GPU-hours" if gpu else "")


def table(rows: Sequence[Price]) -> str:
    """Return the rows and their sum as a Markdown table."""
    cells = [
        (row.rule, f"{row.jobs}", f"{row.memory:,}", f"{row.minutes:,}", _hours(row.gpu_hours), _hours(row.core_hours))
        for row in rows
    ]
    total = (sum(row.jobs for row in rows), sum(row.gpu_hours for row in rows), sum(row.core_hours for row in rows))
    cells.append(("all", f"{total[0]}", "", "", _hours(total[1]), _hours(total[2])))
    return markdown_table(HEADS, cells, aligned=True)


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 0.05 else ""


def plan(videos: int, minutes: float, rate: float, splits: int, settings: dict[str, Any]) -> Experiment:
    """Return a planned experiment: labelled videos of the same length, with other parts in each split."""
    names = [f"video{number}" for number in range(videos)]
    train, validate = (round(videos * SHARES[part]) for part in ("train", "validate"))
    runs = {}
    for number in range(splits):
        dealt = names[number:] + names[:number]
        parts = {"train": dealt[:train], "validate": dealt[train : train + validate], "test": dealt[train + validate :]}
        name = MAIN if number == 0 else f"split{number}"
        runs[name] = Run(name, Split(parts, parts, parts), settings)
    frames = round(minutes * 60 * rate)
    return Experiment(runs, lambda name: frames, lambda name: frames * FRAME, names)


def main() -> None:
    """Print what an experiment would cost, as described on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=20, help="labelled ones, all of the same length")
    parser.add_argument("--minutes", type=float, default=10, help="of a video")
    parser.add_argument("--rate", type=float, default=RATE, help="frames per second")
    parser.add_argument("--splits", type=int, default=1, help="in each of which everything is trained")
    parser.add_argument("--preset", choices=PRESETS, default="swift")
    parser.add_argument("--size", type=int, default=224, help="height and width of the images")
    parser.add_argument("--behaviors", type=int, default=5, help="how many")
    parser.add_argument("--joint", type=int, default=0, metavar="EPOCHS", help="in which all networks train together")
    parser.add_argument("--no-gpu", action="store_true", help="on processors alone")
    given = parser.parse_args()
    settings = resolve_settings(
        {
            "preset": given.preset,
            "behaviors": [f"behavior{number}" for number in range(given.behaviors)],
            "ingest": {"image_size": [given.size, given.size]},
            "streams": {"joint_epochs": given.joint},
        }
    )
    x = plan(given.videos, given.minutes, given.rate, given.splits, settings)
    jobs = list(jobs_of(x))
    threads = {rule: ON_GPU.get(rule, 2 if rule == "ingest_video" else 1) for rule, _ in jobs}
    print(table(price(x, jobs, threads.__getitem__, lambda rule: int(rule in ON_GPU and not given.no_gpu))))


if __name__ == "__main__":
    main()
