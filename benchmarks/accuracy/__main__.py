"""How accurate the predictions are on videos that were not learned from, with a table and figures.

    ./run python -m benchmarks.accuracy                                      all tasks; hours without a GPU
    ./run python -m benchmarks.accuracy flies-transfer drawn --seeds 0       some of them, one seed
    ./run python -m benchmarks.accuracy drawn --presets swift fast           presets compared
    ./run python -m benchmarks.accuracy drawn --config 'streams={epochs: 16}'    other settings, beside the shipped ones
    ./run python -m benchmarks.accuracy --quick                              small sizes, to see that it runs

Each case (task, preset, settings, seed) is a run of the whole workflow in a folder of its own. Its scores are added to
raw.json; a case that is there is not run again, and a run that was stopped goes on. Tables (accuracy.md) and figures
(accuracy, learning_curve; PNG and SVG) show everything in raw.json. So after a change of the code, choose another
--folder, or delete raw.json.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from benchmarks.accuracy.figures import draw_accuracy, draw_curve
from benchmarks.accuracy.results import (
    MACRO,
    accuracy_table,
    add_record,
    curve_table,
    is_done,
    read_records,
    score,
    sources_line,
    summarize,
)
from benchmarks.accuracy.run import run_case
from benchmarks.accuracy.tasks import CURVE, FOLDS, FULL, MINUTES, QUICK, ROOT, Case, config_of, plan_cases
from ethomake.errors import InputError
from ethomake.files import write_text
from ethomake.project.settings import PRESETS, resolve_settings

FOLDER = "benchmarks/measured/accuracy"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("tasks", nargs="*", metavar="TASK", help=f"of {', '.join(FOLDS)}; all by default")
    shipped = resolve_settings({"behaviors": ["a"]})["preset"]
    parser.add_argument("--presets", nargs="+", default=[shipped], choices=PRESETS, metavar="PRESET",
                        help=f"of {', '.join(PRESETS)}; {shipped} by default")  # fmt: skip
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], metavar="SEED", help="of the trainings")
    parser.add_argument("--config", nargs="+", default=[], metavar="KEY=VALUE", help="other settings, for all cases")
    parser.add_argument("--minutes", nargs="+", type=float, default=list(MINUTES), help="of the learning curve")
    parser.add_argument("--cores", type=int, default=1, help="that each run may use; their number changes rounding")
    parser.add_argument("--folder", type=Path, help=f"for everything that is written; by default {FOLDER}")
    parser.add_argument("--quick", action="store_true", help="small sizes and schedules, in a folder of their own")
    parser.add_argument("--keep", action="store_true", help="do not remove the folders of the runs")
    parser.add_argument("--tables-only", action="store_true", help="run nothing")
    options = parser.parse_args(arguments)
    if unknown := [task for task in options.tasks if task not in FOLDS]:
        parser.error(f"there is no task {unknown[0]}; choose of {', '.join(FOLDS)}")
    options.sizes = QUICK if options.quick else FULL
    options.folder = options.folder or ROOT / FOLDER
    if options.quick:
        options.folder = options.folder.with_name(options.folder.name + "-quick")
    cases = plan_cases(options.tasks or list(FOLDS), options.presets, options.config, options.seeds, options.minutes)
    try:
        for case in cases:
            resolve_settings(config_of(case, options.sizes))
    except (InputError, ValueError) as error:
        parser.error(str(error))
    options.cases = cases
    return options


def main() -> None:
    """Run what was asked for and is not done, and write tables and figures after each case."""
    options = parse()
    raw, failed = options.folder / "raw.json", []
    for case in [] if options.tables_only else options.cases:
        if is_done(case, read_records(raw)):
            continue
        print(f"{_describe(case)} ...", end=" ", flush=True)
        try:
            found = run_case(case, options.folder, cores=options.cores, sizes=options.sizes, keep=options.keep)
        except RuntimeError as error:
            failed.append(case)
            print(f"failed; the others go on. {error}", flush=True)
            continue
        add_record(raw, case, {"commit": _commit(), "cores": options.cores} | found)
        write_report(options.folder)
        cpu = summarize([found["cpu_minutes"]], digits=1) or "?"
        print(f"macro F1 {summarize([score(found, MACRO, 'f1')]) or 'undefined'}, {cpu} CPU-min", flush=True)
    write_report(options.folder)
    print("\n" + (options.folder / "accuracy.md").read_text(encoding="utf-8"))
    if failed:
        print(f"failed: {'; '.join(map(_describe, failed))}")
        sys.exit(1)


def write_report(folder: Path) -> None:
    """Write accuracy.md and the figures of raw.json in a folder."""
    records = read_records(folder / "raw.json")
    tables = [accuracy_table(records), curve_table(records), sources_line(records) + "\n"]
    write_text(folder / "accuracy.md", "\n".join(table for table in tables if table))
    if any(record["task"] != CURVE for record in records):
        draw_accuracy(records, folder / "accuracy")
    if any(record["task"] == CURVE for record in records):
        draw_curve(records, folder / "learning_curve")


def _describe(case: Case) -> str:
    minutes = "" if case.minutes is None else f"{case.minutes:g} minutes"
    parts = [case.task, case.fold and f"test {case.fold}", minutes, case.preset, *case.config, f"seed {case.seed}"]
    return ", ".join(part for part in parts if part)


def _commit() -> str:
    """Return the commit that is checked out, with a + if files differ from it; "" if that cannot be known."""
    command = ["git", "-C", os.fspath(ROOT), "describe", "--always", "--abbrev=10", "--dirty=+", "--exclude=*"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


if __name__ == "__main__":
    main()
