"""The raw numbers of all cases in one file, and the tables made of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.accuracy.tasks import CURVE, FOLDS, Case
from ethomake.files import read_json, write_json

T = TypeVar("T")
K = TypeVar("K")

Record = Mapping[str, Any]
"""A case, its fields by name, with `cpu_minutes` and the scores of its `behaviors`."""

METRICS = {
    "average_precision": "average precision",
    "f1": "F1",
    "bout_f1": "bout F1",
    "calibration_error": "calibration error",
}
MACRO = "mean (macro)"
FIELDS = tuple(Case.__dataclass_fields__)


def read_records(path: Path) -> list[Record]:
    """Return the records of a file; none if there is no such file."""
    return read_json(path)["results"] if path.exists() else []


def is_done(case: Case, records: Iterable[Record]) -> bool:
    """Return whether a case is among the records."""
    own = _key(as_fields(case))
    return any(_key(record) == own for record in records)


def add_record(path: Path, case: Case, found: Record) -> None:
    """Add what was found for a case to a file of records."""
    write_json(path, {"results": [*read_records(path), as_fields(case) | dict(found)]})


def as_fields(case: Case) -> dict[str, Any]:
    """Return the fields of a case as in JSON."""
    return asdict(case) | {"config": list(case.config)}


def _key(record: Record) -> tuple:
    return tuple(tuple(value) if isinstance(value, list) else value for value in map(record.__getitem__, FIELDS))


def settings_of(record: Record) -> str:
    """Return the preset and the other settings of a record, as tables name them."""
    return ", ".join([record["preset"], *record["config"]])


def score(record: Record, behavior: str, metric: str) -> float | None:
    """Return a score of a record; for `MACRO` the mean over the behaviors for which it is defined."""
    if behavior != MACRO:
        return record["behaviors"][behavior][metric]
    return _mean([numbers[metric] for numbers in record["behaviors"].values()])


def with_mean_of_folds(records: Iterable[Record]) -> list[Record]:
    """Return records with one more for each task, settings and seed of which all folds are there: their mean.

    The fold of that one is `mean`; its CPU-minutes are those of all folds together. A score that is not defined in one
    of the folds has no mean.
    """
    records = list(records)
    more = []
    for task, folds in FOLDS.items():
        if len(folds) < 2:
            continue
        groups = _group(
            [each for each in records if each["task"] == task], lambda each: (settings_of(each), each["seed"])
        )
        for group in groups.values():
            if {each["fold"] for each in group} != set(folds):
                continue
            names = [name for name in group[0]["behaviors"] if all(name in each["behaviors"] for each in group)]
            minutes = [each["cpu_minutes"] for each in group]
            more.append(
                {
                    **group[0],
                    "fold": "mean",
                    "cpu_minutes": None if None in minutes else sum(minutes),
                    "behaviors": {
                        name: {
                            metric: _mean_of_all([score(each, name, metric) for each in group]) for metric in METRICS
                        }
                        for name in names
                    },
                }
            )
    return records + more


def grouped(records: Iterable[Record]) -> dict[tuple[str, str, str], list[Record]]:
    """Return the records of all seeds by task, fold and settings; without the learning curve, tasks in their order."""
    order = {task: number for number, task in enumerate(FOLDS)}
    kept = [record for record in with_mean_of_folds(records) if record["task"] != CURVE]
    kept.sort(key=lambda record: (order[record["task"]], [*FOLDS[record["task"]], "mean"].index(record["fold"])))
    return _group(kept, lambda record: (record["task"], record["fold"], settings_of(record)))


def title_of(task: str, fold: str) -> str:
    """Return the name of a fold of a task in tables and figures."""
    return task if not fold else f"{task}, mean of both" if fold == "mean" else f"{task}, test {fold}"


def accuracy_table(records: Iterable[Record]) -> str:
    """Return the scores in Markdown: a row for each task, behavior and settings, mean over seeds (lowest to highest).

    Calibration errors are those of out-of-fold probabilities of the videos for training and validation.
    """
    heads = ["task", "behavior", "settings", "seeds", *METRICS.values(), "CPU-min"]
    lines = []
    groups = _group(grouped(records).items(), lambda item: item[0][:2])
    for (task, fold), variants in groups.items():
        for behavior in names_of(record for _, group in variants for record in group):
            for (_, _, settings), group in variants:
                known = [record for record in group if behavior == MACRO or behavior in record["behaviors"]]
                cells = [summarize([score(record, behavior, metric) for record in known]) for metric in METRICS]
                cpu = summarize([record["cpu_minutes"] for record in group], digits=1) if behavior == MACRO else ""
                lines.append([title_of(task, fold), behavior, settings, str(len(group)), *cells, cpu])
    return _markdown(heads, lines)


def curve_table(records: Iterable[Record]) -> str:
    """Return the learning curve in Markdown: F1 by labelled minutes, mean over seeds (lowest to highest)."""
    curve = [record for record in records if record["task"] == CURVE]
    names = names_of(curve)
    lines = []
    for settings, group in _group(curve, settings_of).items():
        for minutes, own in sorted(_group(group, lambda record: record["minutes"]).items()):
            cells = [summarize([score(record, name, "f1") for record in own]) for name in names]
            lines.append([settings, f"{minutes:g}", str(len(own)), *cells])
    return _markdown(["settings", "labelled minutes", "seeds", *names], lines)


def names_of(records: Iterable[Record]) -> list[str]:
    """Return the behaviors of records in their order, then `MACRO`."""
    return [*dict.fromkeys(name for record in records for name in record["behaviors"]), MACRO]


def curve_points(records: Iterable[Record]) -> dict[str, dict[str, dict[float, list[float]]]]:
    """Return the F1 of each seed in the learning curve, by settings, behavior and labelled minutes."""
    points: dict[str, dict[str, dict[float, list[float]]]] = {}
    curve = [record for record in records if record["task"] == CURVE]
    names = names_of(curve)
    for record in sorted(curve, key=lambda record: record["minutes"]):
        for name in names:
            value = score(record, name, "f1")
            if value is not None:
                by_name = points.setdefault(settings_of(record), {name: {} for name in names})
                by_name[name].setdefault(record["minutes"], []).append(value)
    return points


def sources_line(records: Iterable[Record]) -> str:
    """Return a sentence that says by which code, and on how many cores, records were measured."""
    records = list(records)
    commits, cores = (
        ", ".join(dict.fromkeys(str(record[key]) for record in records if record.get(key)))
        for key in ("commit", "cores")
    )
    return f"Measured at commit {commits or 'unknown'}; cores: {cores or 'unknown'}."


def summarize(values: Sequence[float | None], digits: int = 3) -> str:
    """Return the mean of the values that are known, with the lowest and highest in brackets if there are several."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    mean = f"{sum(known) / len(known):.{digits}f}"
    return mean if len(known) == 1 else f"{mean} ({min(known):.{digits}f} to {max(known):.{digits}f})"


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _mean_of_all(values: Sequence[float | None]) -> float | None:
    return None if None in values else _mean(values)


def _group(items: Iterable[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    groups: dict[K, list[T]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _markdown(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    rows = [heads, ["---"] * len(heads), *lines]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in rows) + "\n"
