"""Why a job runs, in words for users who know videos and labels but not Snakemake."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ethomake.project.runs import EXPORTS, STAGES
from ethomake.provenance.record import NOT_PARAMETERS, plain

# Patterns of paths and the names of these files for users; a group is the name of a video.
PLACES = [pattern for stage in STAGES.values() for pattern in stage.results.items()]
PLACES += [
    (r"results/example/.+", "the videos of the example"),
    (r"results/models/.+", "what was taken from the bundle"),
    (r"results/bundle/.+", "the bundle of this project"),
    (EXPORTS, "the label files for other programs"),
]
PARTS = {
    "train": "those that train",
    "validate": "those that validate",
    "test": "those that test",
    "check": "the check videos",
}
SHORT = 60  # characters; longer values are not shown
MANY = 4  # as many things are named one by one
ABSENT = object()


@dataclass(frozen=True)
class Findings:
    """Snakemake's findings about a job.

    Attributes:
        forced: the user requested it.
        interrupted: it was started and did not end.
        missing: outputs that do not exist.
        changed: inputs whose content differs from that when the outputs were made.
        remade: inputs that another job makes again in this run.
        other_inputs: its inputs are other files than before.
        parameters: its parameters, which include the digest of its code, have changed.
        program: its script is newer than its outputs.
        environment: its conda environment has changed.
    """

    forced: bool = False
    interrupted: bool = False
    missing: Sequence[str] = ()
    changed: Sequence[str] = ()
    remade: Sequence[str] = ()
    other_inputs: bool = False
    parameters: bool = False
    program: bool = False
    environment: bool = False


def explain(
    findings: Findings,
    before: Mapping[str, Any] | None,
    inputs: Sequence[str],
    parameters: Mapping[str, Any],
    modules: Callable[[], Mapping[str, str]],
) -> str | None:
    """Return why a job runs; None if there is nothing to add to Snakemake's message.

    Args:
        findings: Snakemake's findings.
        before: the record of the job's last success (ethomake.provenance.record).
        inputs: its inputs now.
        parameters: its parameters now.
        modules: returns the digests of its code now, by file.
    """
    if findings.interrupted:
        return "it was interrupted"
    if findings.missing:
        return "there is no result yet" if before is None else f"its result is gone: {_name_all(findings.missing)}"
    reasons = ["you asked for it"] if findings.forced else []
    if findings.parameters and before is None:
        reasons.append("its settings or the program have changed")
    elif findings.parameters and before is not None:
        reasons += _parameter_changes(before["parameters"], parameters)
        if parameters.get("code", before["code"]["digest"]) != before["code"]["digest"]:
            reasons.append(_program_changes(before["code"]["modules"], modules()))
    if findings.program:
        reasons.append("the program has changed")
    if findings.environment:
        reasons.append("the conda environment has changed")
    reasons += [_source_change(path) for path in sorted(findings.changed)]
    if findings.other_inputs:
        used = {path: found for path, found in before["inputs"].items() if not _is_users(path)} if before else {}
        reasons += _input_changes(used, inputs) if before else ["it uses other files than before"]
    if findings.remade:
        reasons.append(f"its inputs are recomputed: {_name_all(findings.remade)}")
    return "; ".join(dict.fromkeys(reasons)) or None


def as_one(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the records of jobs with the same script into one, as far as `explain` needs them."""
    return {
        "inputs": {path: digest for record in records for path, digest in record["inputs"].items()},
        "parameters": parameters_as_one([record["parameters"] for record in records]),
        "code": records[0]["code"],
    }


def parameters_as_one(parameters: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Merge the parameters of several jobs into those of one; values that differ become dictionaries by job number."""
    return {
        name: value
        if all(each.get(name, ABSENT) == value for each in parameters)
        else {str(number): each.get(name) for number, each in enumerate(parameters)}
        for name, value in (parameters[0].items() if parameters else ())
    }


def name_of(path: str) -> tuple[str, str | None]:
    """Return the name of a file for users, and the video it belongs to, if any."""
    for pattern, what in PLACES:
        if match := re.fullmatch(pattern, path):
            return what, (match[1] if match.groups() else None)
    return path, None


def _name_all(paths: Sequence[str]) -> str:
    """Return the names of files, grouped by kind: "the labels of a and b, the thresholds"."""
    kinds: dict[str, set[str]] = {}
    for what, video in sorted(map(name_of, paths), key=str):
        kinds.setdefault(what, set()).update([video] if video else [])
    names = [f"{what} of {_enumerate(sorted(videos), 'videos')}" if videos else what for what, videos in kinds.items()]
    return _enumerate(names, "things")


def _enumerate(names: Sequence[str], what: str) -> str:
    """Return `a`, `a and b`, `a, b and c`; of many, the first and how many more, or just the number of videos."""
    if len(names) > MANY:
        if what == "videos":
            return f"{len(names)} videos"
        return f"{', '.join(names[:MANY])} and {len(names) - MANY} more"
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _source_change(path: str) -> str:
    """Return that the content of an input has changed; the user's own files are named."""
    what, video = name_of(path)
    if what != path:
        return f"{what}{f' of {video}' if video else ''} have changed"
    if path.endswith((".csv", ".tsv", ".txt")):
        return f"its labels have changed ({path})"
    if path.endswith((".json", ".yaml")):
        return f"the bundle has changed ({path})"
    return (
        f"the weights it starts from have changed ({path})" if _is_weights(path) else f"its video has changed ({path})"
    )


def _is_users(path: str) -> bool:
    """Return whether a file is one of the user's, which count by their content and not by their path."""
    return not path.startswith("results/")


def _is_weights(path: str) -> bool:
    return path.endswith((".safetensors", ".pt", ".pth"))


def _input_changes(before: Mapping[str, str], now: Sequence[str]) -> Iterator[str]:
    """Yield which videos, or other files, were added or removed."""
    for come, names in ((True, set(now) - set(before)), (False, set(before) - set(now))):
        videos = {video for _, video in map(name_of, names) if video is not None}
        others = sorted(name for name in names if name_of(name)[1] is None)
        staying = {video for _, video in map(name_of, now if not come else before)}
        if moved := sorted(videos - staying):
            was = "was" if len(moved) == 1 else "were"
            noun = "a video" if len(moved) == 1 else "videos"
            yield f"{noun} {was} {'added' if come else 'removed'}: {_enumerate(moved, 'more')}"
        elif videos or others:
            paths = [name for name in names if name_of(name)[1] in videos] + others
            yield f"it {'now' if come else 'no longer'} uses {_name_all(sorted(set(paths)))}"


def _parameter_changes(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield a sentence for each setting that has changed."""
    known = {name: value for name, value in now.items() if name not in NOT_PARAMETERS}
    yield from dict.fromkeys(_differences(dict(before), plain(known), ()))


def _differences(before: Any, now: Any, names: tuple[str, ...]) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        for name in sorted({*before, *now}):
            yield from _differences(before.get(name, ABSENT), now.get(name, ABSENT), (*names, name))
    elif before != now:
        yield from _difference(before, now, names)


def _difference(before: Any, now: Any, names: tuple[str, ...]) -> Iterator[str]:
    if names[0] == "videos" and isinstance(before, list) and isinstance(now, list):
        for verb, moved in (("joined", set(now) - set(before)), ("left", set(before) - set(now))):
            if moved:
                yield f"{_enumerate(sorted(moved), 'more')} {verb} {PARTS.get(names[-1], names[-1])}"
        return
    if all(str(value).startswith("sha256:") for value in (before, now)):
        return  # a file of the user's, which is named by its path
    if names[0] in ("table", "rows", "subject"):
        yield "the video table has changed"
        return
    name = ".".join(names[1:] if names[0] == "settings" and len(names) > 1 else names)
    new, old = _show(now), _show(before)
    if before is ABSENT:
        yield f"the setting {name} is new" + (f": {new}" if new else "")
    elif now is ABSENT:
        yield f"the setting {name} is gone"
    else:
        yield f"the setting {name} is {new}, was {old}" if new and old else f"the setting {name} has changed"


def _show(value: Any) -> str | None:
    """Return a value as in config.yaml; None if it is too long to be shown."""
    if isinstance(value, str):
        text = value
    elif isinstance(value, list) and all(isinstance(each, str) for each in value):
        text = ", ".join(value)
    else:
        text = "none" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if 0 < len(text) <= SHORT else None


def _program_changes(before: Mapping[str, str], now: Mapping[str, str]) -> str:
    files = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    return f"the program has changed ({_enumerate(files, 'files')})" if files else "the program has changed"
