"""The rules of packs: one job does for some short videos what a rule does for each of them.

A rule that works on one video is written once, in workflow/rules, with a wildcard `video`. For a pack of videos a
second rule is generated, without that wildcard: with the files of all videos, a param with the arguments of the script
for each video, and one that is a digest of all params (Snakemake compares it with that of the last run). A constraint
of the wildcard restricts the first rule to videos in no pack, so that no file has two rules. Planning time grows
linearly with the number of files, so thousands of videos are no problem.

Late rules, those after the features, have further packs of the videos that share no other jobs.
"""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from snakemake.io import AnnotatedString, apply_wildcards, strip_wildcard_constraints
from snakemake.iocontainers import InputFiles, OutputFiles, Wildcards
from snakemake.resources import Resources
from snakemake.rules import Rule
from snakemake.workflow import Workflow

from ethomake.files import short_digest
from ethomake.project.load import Project
from ethomake.project.runs import rules_after
from ethomake.scheduling.packs import LATE_FILE, Member, Pack, plan_late_packs, plan_packs, read_packs
from ethomake.snakemake.replace import replace
from ethomake.snakemake.resources import Estimates
from ethomake.sources import Later

NAME = "[A-Za-z0-9_-]"  # what the names of videos are made of

Values = dict[str, str]
"""The wildcards of one job."""


@dataclass(frozen=True)
class PackRule:
    """The rule of a pack, directive by directive.

    Attributes:
        name: its own name.
        stage: the name of the rule of single videos.
        group: evaluated when jobs are made: the groups of a profile are known only then.
        pack: the arguments of the script for each video (`ethomake.scheduling.packs.run_pack`).
        settings: a digest of the params of all videos.
    """

    name: str
    stage: str
    input: Callable
    output: list[AnnotatedString]
    log: list[str]
    benchmark: str
    group: Callable
    conda: Any
    threads: Any
    resources: dict[str, Any]
    pack: Callable
    settings: Callable
    message: str


def find(project: Project) -> list[list[str]]:
    """Return which videos share their jobs; none if there are few videos. Videos that are done already stay alone.

    Raises:
        InputError: if the file of earlier packs is damaged, or the environment asks for impossible packs.
    """
    earlier = read_packs()
    paths = {name: video.path for name, video in project.videos.items()}
    done = [name for name in project.videos if Path(f"results/ingest/{name}/video.json").is_file()]
    parts = {name: part for part, names in project.main.split.parts.items() for name in names}
    return plan_packs(paths, parts, earlier, done)


def find_late(project: Project, packs: Iterable[Sequence[str]]) -> list[list[str]]:
    """Return which videos share the jobs of late rules alone; none if there are few. What is done already stays alone.

    Args:
        packs: the videos that share all of their jobs, as `shared` gives them.

    Raises:
        InputError: if the file of earlier packs is damaged, or the environment asks for impossible packs.
    """
    together = {name for names in packs for name in names}
    done = {path.stem for path in Path("results/sequence").glob("*/probabilities/*.npy")}
    names = [name for name in project.videos if name not in together]
    return plan_late_packs(names, read_packs(LATE_FILE), done)


def shared(packs: Sequence[Sequence[str]], videos: Iterable[str], prefix: str = "") -> dict[str, list[str]]:
    """Return the packs by number, without videos that are gone, and without packs with fewer than two videos left.

    Args:
        packs: names of videos.
        videos: the names of those that are there.
        prefix: of the numbers.
    """
    known = set(videos)
    present = {f"{prefix}{number}": [name for name in names if name in known] for number, names in enumerate(packs)}
    return {number: names for number, names in present.items() if len(names) > 1}


def alone(packs: Iterable[Sequence[str]]) -> str:
    """Return a regular expression for the names of videos that are in none of the packs."""
    names = sorted({name for pack in packs for name in pack})
    return f"(?!(?:{_any_of(names)})(?!{NAME})){NAME}+" if names else f"{NAME}+"


def _any_of(names: Sequence[str]) -> str:
    """Return a regular expression for any of some names, as a tree of their prefixes with equal ends merged.

    It is part of the pattern of every file, so it has to be short.
    """
    by_rest: dict[str, list[str]] = {}
    for first in sorted({name[0] for name in names if name}):
        rest = _any_of([name[1:] for name in names if name.startswith(first)])
        by_rest.setdefault(rest, []).append(first)
    branches = [f"{_one_of(firsts)}{rest}" for rest, firsts in by_rest.items()]
    if "" in names:
        return f"(?:{'|'.join(branches)})?" if branches else ""
    return branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"


def _one_of(characters: Sequence[str]) -> str:
    return characters[0] if len(characters) == 1 else f"[{''.join(map(re.escape, characters))}]"


def packed_rules(workflow: Workflow) -> list[Rule]:
    """Return the rules that work on one video each."""
    return [rule for rule in workflow.rules if "video" in rule.wildcard_names]


def pack_rules(
    workflow: Workflow,
    packs: Mapping[str, Sequence[str]],
    late_packs: Mapping[str, Sequence[str]],
    estimates: Estimates,
    others: Mapping[str, Iterable[str]],
    apart: Mapping[str, Mapping[str, str]],
) -> Iterator[PackRule]:
    """Yield the rules of packs, for each rule that works on one video.

    Args:
        packs: videos that share jobs, as `shared` gives them.
        late_packs: those that share the jobs of late rules, as `shared` gives them; in no other pack.
        others: the values of every other wildcard that such rules may have.
        apart: by rule, the kind of each video that it is for; its jobs are shared only within a kind.
    """
    wanted, late_rules = _wanted_here(workflow), rules_after("features")
    for stage in packed_rules(workflow):
        own = {**packs, **late_packs} if stage.name in late_rules else packs
        for name, videos, jobs in _jobs_of(stage, own, others, apart.get(stage.name)):
            if wanted is None or name in wanted:
                yield _pack_rule(workflow, name, stage, videos, jobs, estimates)


def _wanted_here(workflow: Workflow) -> set[str] | None:
    """Return the words of the command line, which include the names of all needed rules; None if all may be needed.

    A job on a cluster gets the names of the rules that it may need; defining the packs of thousands of videos would
    take longer than processing many a pack.
    """
    return set(sys.argv) if "--allowed-rules" in sys.argv and not workflow.is_main_process else None


def _jobs_of(
    stage: Rule,
    packs: Mapping[str, Sequence[str]],
    others: Mapping[str, Iterable[str]],
    kinds: Mapping[str, str] | None,
) -> Iterator[tuple[str, list[str], list[Values]]]:
    """Yield (name of the rule, videos, wildcards of their jobs) of each rule of a pack."""
    (other,) = stage.wildcard_names - {"video"} or [""]
    for value in others[other] if other else [""]:
        for number, names in packs.items():
            for kind, videos in [("", list(names))] if kinds is None else _by_kind(names, kinds):
                jobs: list[Values] = [{"video": video} | ({other: value} if other else {}) for video in videos]
                yield "_".join([stage.name, *filter(None, (value, kind)), number]), videos, jobs


def _by_kind(names: Sequence[str], kinds: Mapping[str, str]) -> Iterator[tuple[str, list[str]]]:
    for kind in dict.fromkeys(kinds[name] for name in names if name in kinds):
        yield kind, [name for name in names if kinds.get(name) == kind]


def _pack_rule(
    workflow: Workflow, name: str, stage: Rule, videos: Sequence[str], jobs: Sequence[Values], estimates: Estimates
) -> PackRule:
    return PackRule(
        name=name,
        stage=stage.name,
        input=_inputs_of(stage, jobs),
        output=list(_outputs_of(stage, jobs)),
        log=[str(file) for each in jobs for file in stage.expand_log(each)],
        benchmark=f"benchmarks/jobs/packs/{name}.tsv",
        group=lambda wildcards: stage.group,
        conda=stage.conda_env,
        threads=estimates.threads_of(stage.name),
        resources=_resources_of(workflow, stage, jobs, estimates),
        pack=_pack_of(workflow, stage, jobs),
        settings=_settings_of(stage, jobs),
        message=cast("str", stage.message).replace("{wildcards.video}", f"{len(videos)} videos from {videos[0]} on"),
    )


def _with_flags(path: str, flags: Mapping[str, Any]) -> AnnotatedString:
    """Return a copy of a path with flags (ancient, directory, report)."""
    copy = AnnotatedString(path)
    copy.flags.update(flags)
    return copy


def _inputs_of(stage: Rule, jobs: Sequence[Values]) -> Callable:
    """Return an input function: the inputs of some jobs, without duplicates."""

    def find(wildcards: Wildcards) -> list[AnnotatedString]:
        files = (file for each in jobs for file in stage.expand_input(Wildcards(fromdict=each))[0])
        return [_with_flags(path, file.flags) for path, file in {str(file): file for file in files}.items()]

    return find


def _outputs_of(stage: Rule, jobs: Sequence[Values]) -> Iterator[AnnotatedString]:
    """Yield the outputs of some jobs; wildcards in labels of the report are filled in."""
    patterns = [(strip_wildcard_constraints(file), file.flags) for file in stage.output]
    for values in jobs:
        for pattern, flags in patterns:
            if "report" in flags:
                entry = flags["report"]
                labels = {key: text.format(**values) for key, text in (entry.labels or {}).items()}
                flags = flags | {"report": entry._replace(labels=labels)}
            yield _with_flags(apply_wildcards(pattern, values), flags)


def _resources_of(workflow: Workflow, stage: Rule, jobs: Sequence[Values], estimates: Estimates) -> dict[str, Any]:
    """Return the resources of a rule for all of some jobs; those of profile and command line win."""
    _, written = cast("Any", stage.ruleinfo).resources or ((), {})
    elsewhere = Resources.from_mapping(workflow.resource_settings.overwrite_resources.get(stage.name, {}))
    ours = {name: value for name, value in written.items() if _as_kept(name, value) not in elsewhere}
    found = {
        name: estimates.of_jobs(name, stage.name, jobs) if callable(value) else value for name, value in ours.items()
    }
    for name, value in elsewhere.items():
        found[name] = _summed(stage, jobs, name) if value.is_evaluable() else value.value
    return found


def _as_kept(name: str, value: Any) -> str:
    """Return Snakemake's internal name of a resource: `mem` for `mem_mb`."""
    return next(iter(Resources.from_mapping({name: value})))


def _summed(stage: Rule, jobs: Sequence[Values], name: str) -> Callable:
    """Return a resource that a profile computes: the sum for time, the maximum over the jobs for others."""

    def find(wildcards: Wildcards, attempt: int) -> Any:
        each = [Wildcards(fromdict=values) for values in jobs]
        found = [stage.expand_resources(one, stage.expand_input(one)[0], attempt) for one in each]
        needs: list[Any] = [one.get(f"{name}_mb", one.get(name)) for one in found]  # sizes in megabytes, not in words
        return sum(needs) if name == "runtime" else max(needs)

    return find


def _pack_of(workflow: Workflow, stage: Rule, jobs: Sequence[Values]) -> Callable:
    """Return a param: some jobs. Snakemake does not compare its content with the last run: see `_settings_of`."""
    script = Path(workflow.basedir) / "workflow" / "scripts" / Path(cast("str", stage.script)).name
    pack = Pack(str(script), lambda: (_member_of(stage, values) for values in jobs))
    return lambda wildcards: pack


def _member_of(stage: Rule, values: Values) -> Member:
    """Return the arguments of the script for one job."""
    wildcards = Wildcards(fromdict=values)
    source, output = stage.expand_input(wildcards)[0], stage.expand_output(wildcards)[0]
    return Member(
        stage.name,
        message=cast("str", stage.message).format(wildcards=wildcards),
        log=[str(file) for file in stage.expand_log(wildcards)],
        input=InputFiles(source, plainstr=True),
        output=OutputFiles(output, plainstr=True),
        params=stage.expand_params(wildcards, source, output, None)[0],
        wildcards=wildcards,
    )


def _settings_of(stage: Rule, jobs: Sequence[Values]) -> Callable:
    """Return a param: a digest of the params of some jobs, taken when Snakemake compares it."""
    params = dict(stage.params.items())
    same = {name: value for name, value in params.items() if not callable(value)}
    own = {name: value for name, value in params.items() if callable(value)}

    def digest() -> str:
        each = [{name: find(Wildcards(fromdict=values)) for name, find in own.items()} for values in jobs]
        return short_digest(repr(same), repr(each))

    return lambda wildcards: Later(digest)


def find_producers_at_once() -> None:
    """Let Snakemake look up a path in the set of a rule's files, instead of comparing it with one after another.

    This is for rules without wildcards: the rule of a pack makes a thousand files, each of which is looked for.

    Raises:
        InputError: if this version of Snakemake looks for the rule of a file differently.
    """
    replace(Rule, "is_producer", ("self", "requested_output"), looking_up)


def looking_up(ask: Callable) -> Callable:
    """Return a method like `ask`, but with a fast look-up for rules without wildcards."""
    known: dict[str, frozenset[str]] = {}

    def is_producer(self: Rule, requested_output: str) -> bool:
        if self.wildcard_names:
            return ask(self, requested_output)
        if self.name not in known:
            known[self.name] = frozenset(map(str, self.products()))
        return requested_output in known[self.name]

    return is_producer
