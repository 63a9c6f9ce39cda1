"""The resources of rules: memory and time, as estimated by `ethomake.scheduling.resources`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from snakemake.iocontainers import Wildcards
from snakemake.workflow import Workflow

from ethomake.project.load import Project
from ethomake.project.runs import MAIN
from ethomake.scheduling.costs import Price, in_other_tier, jobs_of, note_on_time, price, table, total
from ethomake.scheduling.resources import (
    Experiment,
    count_frames,
    count_megabytes,
    memory_to_ask,
    minutes_to_ask,
    need,
)
from ethomake.snakemake.folder import each_video
from ethomake.snakemake.known import known
from ethomake.snakemake.stop import note


def experiment_of(project: Project) -> Experiment:
    """Return what the estimates of a project follow from; frames are exact once a video is ingested."""
    settings, videos = project.main.settings, project.videos
    drawn = settings["simulated"]["seconds"] * settings["simulated"]["fps"]
    otherwise = {"otherwise": drawn} if settings["example"] == "simulated" else {}

    def frames(name: str) -> int:
        return count_frames(f"results/ingest/{name}/frames.npy", videos[name].path, **otherwise)

    return Experiment(project.runs, frames, lambda name: count_megabytes(videos[name].path), list(videos))


def tell_time(workflow: Workflow, project: Project, experiment: Experiment) -> None:
    """Note before a run begins how long it takes, if that is long and this machine, which runs it, has no GPU.

    Nothing is told if videos are still to be made or fetched, as those of an example are: their length is not known.
    """
    paths = {name: (f"results/ingest/{name}/frames.npy", video.path) for name, video in project.videos.items()}
    if not all(any(Path(path).is_file() for path in each) for each in paths.values()):
        return
    if not workflow.local_exec or any(Path("/dev").glob("nvidia[0-9]*")):
        return
    jobs = [one for job in known(workflow.dag).needrun_jobs() for one in each_video(job)]
    line = note_on_time(experiment, [(str(one.rule), dict(one.wildcards.items())) for one in jobs], int(workflow.cores))
    if line:
        note(f"note: {line}")


class Estimates:
    """The estimates for all rules of a workflow.

    Args:
        workflow: has threads and GPUs of rules, which a profile or the command line may set.
        experiment: the basis of the estimates.
    """

    def __init__(self, workflow: Workflow, experiment: Experiment):
        self.workflow, self.experiment = workflow, experiment
        self._makers = {"mem_mb": self.memory_of, "runtime": self.time_of}

    def of_jobs(self, resource: str, rule: str, jobs: Sequence[Mapping[str, str]]) -> Callable:
        """Return a resource, `mem_mb` or `runtime`, for one job in place of several of a rule (their wildcards)."""
        return self._makers[resource](rule, jobs)

    def memory_of(self, rule: str, jobs: Sequence[Mapping[str, str]] | None = None) -> Callable:
        """Return a resource: megabytes of memory for a job of a rule, doubled in each further attempt."""

        def find(wildcards: Wildcards, attempt: int) -> int:
            needed = need(self.experiment, rule, jobs or [dict(wildcards.items())])
            videos = len(self.experiment.videos)
            return memory_to_ask(needed, videos=videos, gpus=self.gpus_of(rule), attempt=attempt)

        return find

    def time_of(self, rule: str, jobs: Sequence[Mapping[str, str]] | None = None) -> Callable:
        """Return a resource: minutes for a job of a rule, doubled in each further attempt."""

        def find(wildcards: Wildcards, threads: int, attempt: int) -> int:
            needed = need(self.experiment, rule, jobs or [dict(wildcards.items())])
            return minutes_to_ask(needed, threads=threads, gpus=self.gpus_of(rule), attempt=attempt)

        return find

    def gpus_of(self, rule: str) -> int:
        """Return the number of GPUs of a job of a rule. Set the resource `gpu=0` on machines without one."""
        asked = known(self.workflow.get_rule(rule).resources).get("gpu") if self.workflow.is_rule(rule) else None
        return int(asked.constrain(self.workflow.global_resources.get("gpu")).value or 0) if asked else 0

    def threads_of(self, rule: str) -> Any:
        """Return the number of threads of a job of a rule."""
        return known(self.workflow.get_rule(rule).resources)["_cores"].value

    def cost_table(self, packs: Sequence[Sequence[str]], late_packs: Sequence[Sequence[str]]) -> str:
        """Return a table of the costs of all jobs of the project, with its rules, packs, threads and GPUs.

        Where networks are trained, a line compares the run `main` with a preset of the other tier.
        """
        rows = self._rows(self.experiment, packs, late_packs)
        videos = self.experiment.videos
        counted = sum(Path(f"results/ingest/{name}/frames.npy").is_file() for name in videos)
        basis = f"frames are counted for {counted} of {len(videos)} videos"
        missing = "" if counted == len(videos) else "; `snakemake frames` counts the others"
        return f"{basis}{missing}\n\n{table(rows)}{self._other_tier(packs, late_packs)}"

    def _rows(self, x: Experiment, packs: Sequence[Sequence[str]], late_packs: Sequence[Sequence[str]]) -> list[Price]:
        jobs = [job for job in jobs_of(x, packs, late_packs) if self.workflow.is_rule(job[0])]
        return price(x, jobs, self.threads_of, self.gpus_of)

    def _other_tier(self, packs: Sequence[Sequence[str]], late_packs: Sequence[Sequence[str]]) -> str:
        main = self.experiment.runs[MAIN]
        if main.settings["models"] != "none":
            return ""
        preset, other = in_other_tier(self.experiment)
        own = total(self._rows(replace(self.experiment, runs={MAIN: main}), packs, late_packs))
        return f"\n\nmain: {own}; with preset {preset}: {total(self._rows(other, packs, late_packs))}"
