"""The CSV files of this stage: predictions (one row per frame) and bouts (one row per bout)."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ethomake.cells import defuse, restore
from ethomake.errors import InputError
from ethomake.files import write_text, write_whole

ROWS = 16384  # rows of a predictions file held as text or Python numbers at a time

BOUT_COLUMNS = (
    "video",
    "subject",
    "behavior",
    "start_frame",
    "stop_frame",
    "start_s",
    "stop_s",
    "duration_s",
    "mean_probability",
)


@dataclass(frozen=True)
class Predictions:
    """The predictions of the model for one video.

    Attributes:
        times: float64 (T,), seconds.
        probabilities: float64 (T, K).
        decisions: int8 (T, K), 1 or 0; -1 (not decided) in frames without a track of the animal.
        calibrated: float64 (T, K), calibrated probabilities.
    """

    times: np.ndarray
    probabilities: np.ndarray
    decisions: np.ndarray
    calibrated: np.ndarray


@dataclass(frozen=True)
class Bout:
    """One bout of one behavior; `stop_frame` is the first frame after it."""

    video: str
    subject: str
    behavior: str
    start_frame: int
    stop_frame: int
    start_s: float
    stop_s: float
    duration_s: float
    mean_probability: float


def write_table(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a CSV file; floats with six significant digits, None as an empty cell, names as `ethomake.cells` says."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(defuse, columns))
    for row in rows:
        writer.writerow([cell(value) for value in row])
    write_text(path, text.getvalue())


def cell(value: object) -> object:
    """Return a value as written to a CSV file."""
    if value is None:
        return ""
    if isinstance(value, str):
        return defuse(value)
    return f"{value:.6g}" if isinstance(value, float | np.floating) else value


def read_table(path: str | Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV file that this stage wrote, as one dictionary per row.

    Raises:
        InputError: if the file does not exist or a column is missing.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            lines = csv.reader(file)
            header = [restore(name) for name in next(lines, [])]
            if missing := [name for name in columns if name not in header]:
                raise InputError(f"{path}: no column {missing[0]!r}; delete the file and run again")
            return [dict(zip(header, map(restore, line), strict=False)) for line in lines if line]
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it first") from None


def prediction_columns(behaviors: Sequence[str]) -> list[str]:
    """Return the header of a predictions file."""
    numbers = [f"{what}_{name}" for what in ("probability", "calibrated") for name in behaviors]
    return ["frame", "time_s", *numbers, *behaviors, "background"]


def write_predictions(path: str | Path, behaviors: Sequence[str], predictions: Predictions) -> None:
    """Write a CSV file with one row per frame.

    Its columns are frame, time, probabilities and calibrated probabilities (6 decimals each), decisions, and background
    (no behavior present). Where nothing was decided, decisions and background are -1.
    """
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(map(defuse, prediction_columns(behaviors)))
    decided = predictions.decisions
    background = np.where((decided < 0).any(axis=1), -1, (decided == 0).all(axis=1))
    k = len(behaviors)
    row = "%d,%.6f" + ",%.6f" * (2 * k) + ",%d" * (k + 1) + "\n"
    with write_whole(path) as part, part.open("w", encoding="utf-8", newline="\n") as file:
        file.write(header.getvalue())
        for start in range(0, len(background), ROWS):
            rows = slice(start, min(start + ROWS, len(background)))
            columns = (
                range(rows.start, rows.stop),
                predictions.times[rows].tolist(),
                *predictions.probabilities[rows].T.tolist(),
                *predictions.calibrated[rows].T.tolist(),
                *predictions.decisions[rows].T.tolist(),
                background[rows].tolist(),
            )
            file.write("".join(row % values for values in zip(*columns, strict=True)))


def read_predictions(path: str | Path, behaviors: Sequence[str]) -> Predictions:
    """Read a predictions file.

    Raises:
        InputError: if the file does not exist or its columns are not those of `behaviors`.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            header = [restore(name) for name in next(csv.reader(file), [])]
            if header != prediction_columns(behaviors):
                raise InputError(f"{path}: its behaviors are not {', '.join(behaviors)}; delete it and run again")
            k = len(behaviors)
            times, probabilities, calibrated = [np.zeros(0)], [np.zeros((0, k))], [np.zeros((0, k))]
            decisions = [np.zeros((0, k), np.int8)]
            while lines := list(islice(file, ROWS)):
                values = np.loadtxt(lines, delimiter=",", ndmin=2, dtype=np.float64)
                times.append(values[:, 1].copy())
                probabilities.append(values[:, 2 : 2 + k].copy())
                calibrated.append(values[:, 2 + k : 2 + 2 * k].copy())
                decisions.append(values[:, 2 + 2 * k : 2 + 3 * k].astype(np.int8))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; run the step that makes it first") from None
    return Predictions(*map(np.concatenate, (times, probabilities, decisions, calibrated)))


def write_bouts(path: str | Path, bouts: Sequence[Bout]) -> None:
    """Write one row per bout; seconds and probabilities with 6 decimals."""
    rows = (
        (
            *(bout.video, bout.subject, bout.behavior, bout.start_frame, bout.stop_frame),
            *(f"{value:.6f}" for value in (bout.start_s, bout.stop_s, bout.duration_s, bout.mean_probability)),
        )
        for bout in bouts
    )
    write_table(path, BOUT_COLUMNS, rows)


def read_bouts(path: str | Path) -> list[Bout]:
    """Read a bouts file.

    Raises:
        InputError: if the file does not exist or is not a bouts file.
    """
    return [
        Bout(
            video=row["video"],
            subject=row["subject"],
            behavior=row["behavior"],
            start_frame=int(row["start_frame"]),
            stop_frame=int(row["stop_frame"]),
            start_s=float(row["start_s"]),
            stop_s=float(row["stop_s"]),
            duration_s=float(row["duration_s"]),
            mean_probability=float(row["mean_probability"]),
        )
        for row in read_table(path, BOUT_COLUMNS)
    ]
