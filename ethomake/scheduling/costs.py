"""What an experiment costs, from raw videos to the report, by the estimates of `ethomake.scheduling.resources`.

    ./run snakemake costs                                         the project of this folder
    ./run python -m ethomake.scheduling.costs --videos 20 --splits 5 --help  one that is still to come

Neither computes anything else; what is there already counts, too.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ethomake.config import PRESETS, settle
from ethomake.scheduling.resources import Experiment, memory_to_ask, minutes_to_ask, need, seconds_to_take

HEADS = ("job", "number", "memory, MB", "limit, min", "GPU-hours", "core-hours")
ON_GPU = {"train_flow": 8, "train_stream": 8, "train_joint": 8, "extract_features": 8, "train_sequence": 4}  # cores
RATE, FRAME = 30, 0.008  # frames a second, and MB a frame, of videos that are still to come
SHARES = {"train": 0.6, "validate": 0.2, "test": 0.2}

Job = tuple[str, Sequence[Mapping[str, str]]]
"""A rule, and the wildcards of what a job of it does: one item, or one for each video of a pack."""


@dataclass(frozen=True)
class Price:
    """What all jobs of a rule cost together.

    Attributes:
        jobs: how many.
        memory, minutes: what the largest asks for.
        gpu_hours: how long GPUs are held.
        core_hours: how long cores are held, those beside the GPUs, too.
    """

    rule: str
    jobs: int
    memory: int
    minutes: int
    gpu_hours: float
    core_hours: float


def jobs_of(x: Experiment, packs: Sequence[Sequence[str]] = ()) -> Iterator[Job]:
    """All jobs of an experiment, each with what it does.

    Args:
        packs: videos that share jobs.
    """
    alone = [[name] for name in x.videos if name not in {name for pack in packs for name in pack}]
    groups = [*([name for name in pack if name in x.videos] for pack in packs), *alone]
    groups = [[{"video": name} for name in names] for names in groups if names]
    labelled, streams = set(x.labelled), x.settings["streams"]
    trained = ["flow"] if "motion" in streams["enabled"] else []
    trained += [*streams["enabled"], *(["joint"] if streams["joint_epochs"] else []), "sequence"]

    yield from (("ingest_video", group) for group in groups)
    yield from (("check_labels", own) for group in groups if (own := [at for at in group if at["video"] in labelled]))
    for split, parts in x.splits.items():
        own = {name for names in parts.values() for name in names} if split != "main" else set(x.videos)
        seen = [some for group in groups if (some := [at | {"split": split} for at in group if at["video"] in own])]
        if "flow" in trained:
            yield "train_flow", [{"split": split}]
        yield from (("train_stream", [{"split": split, "stream": stream}]) for stream in streams["enabled"])
        if streams["joint_epochs"]:
            yield "train_joint", [{"split": split}]
        yield from (("extract_features", group) for group in seen)
        yield "train_sequence", [{"split": split}]
        yield from (("predict_video", group) for group in seen)
        yield "fit_thresholds", [{"split": split}]
        yield from (("draw_curves", [{"split": split}]) for _ in trained)
    yield from ((rule, group) for rule in ("decide_behaviors", "draw_ethogram") for group in groups)
    for rule in ("summarize_bouts", "count_transitions", "evaluate", "draw_evaluation", "write_report"):
        yield rule, [{}]


def price(x: Experiment, jobs: Sequence[Job], threads: Callable[[str], int], gpus: Callable[[str], int]) -> list[Price]:
    """What each rule costs, in the order in which they come.

    Args:
        x: the experiment.
        jobs: rule and wildcards of each job.
        threads: gives the threads of a rule, by its name.
        gpus: gives the GPUs of a rule, by its name.
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


def table(rows: Sequence[Price]) -> str:
    """The rows in Markdown, and their sum."""
    cells = [
        (row.rule, f"{row.jobs}", f"{row.memory:,}", f"{row.minutes:,}", _hours(row.gpu_hours), _hours(row.core_hours))
        for row in rows
    ]
    total = (sum(row.jobs for row in rows), sum(row.gpu_hours for row in rows), sum(row.core_hours for row in rows))
    cells.append(("all", f"{total[0]}", "", "", _hours(total[1]), _hours(total[2])))
    widths = [max(len(row[column]) for row in [HEADS, *cells]) for column in range(len(HEADS))]
    lines = [HEADS, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])], *cells]
    return "\n".join(
        f"| {line[0].ljust(widths[0])} | "
        + " | ".join(cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True))
        + " |"
        for line in lines
    )


def _hours(hours: float) -> str:
    return f"{hours:.1f}" if hours >= 0.05 else ""


def plan(videos: int, minutes: float, rate: float, splits: int, settings: Mapping) -> Experiment:
    """An experiment that is still to come: labelled videos of the same length, dealt out anew for each split."""
    names = [f"video{number}" for number in range(videos)]
    edges = {"train": round(videos * SHARES["train"]), "validate": round(videos * SHARES["validate"])}
    parts = {
        "train": names[: edges["train"]],
        "validate": names[edges["train"] : edges["train"] + edges["validate"]],
        "test": names[edges["train"] + edges["validate"] :],
    }
    frames = round(minutes * 60 * rate)
    every = {"main" if number == 0 else f"split{number}": parts for number in range(splits)}
    return Experiment(settings, lambda name: frames, lambda name: frames * FRAME, names, every, every)


def main() -> None:
    """Print what an experiment would cost that is described on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--videos", type=int, default=20, help="labelled ones, all of the same length")
    parser.add_argument("--minutes", type=float, default=10, help="of a video")
    parser.add_argument("--rate", type=float, default=RATE, help="frames a second")
    parser.add_argument("--splits", type=int, default=1, help="in each of which everything is trained")
    parser.add_argument("--preset", choices=PRESETS, default="swift")
    parser.add_argument("--size", type=int, default=224, help="height and width of the images")
    parser.add_argument("--behaviors", type=int, default=5, help="how many")
    parser.add_argument("--joint", type=int, default=0, metavar="EPOCHS", help="in which all networks train together")
    parser.add_argument("--no-gpu", action="store_true", help="on processors alone")
    given = parser.parse_args()
    settings = settle(
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
    print(table(price(x, jobs, threads.get, lambda rule: int(rule in ON_GPU and not given.no_gpu))))


if __name__ == "__main__":
    main()
