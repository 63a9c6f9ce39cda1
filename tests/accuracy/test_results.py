from dataclasses import replace

import pytest

from benchmarks.accuracy.__main__ import main, write_report
from benchmarks.accuracy.results import (
    MACRO,
    accuracy_table,
    add_record,
    as_fields,
    curve_points,
    curve_table,
    is_done,
    read_records,
    score,
    summarize,
    with_mean_of_folds,
)
from benchmarks.accuracy.tasks import CURVE, Case

DRAWN = Case("drawn", "", "swift", (), 0)


def numbers(value, **others):
    same = dict.fromkeys(("average_precision", "f1", "bout_f1", "calibration_error"), value)
    return same | others


def record(case, cpu=10.0, **behaviors):
    return as_fields(case) | {"commit": "abc", "cores": 1, "cpu_minutes": cpu, "behaviors": behaviors}


def cells(table):
    """The rows of a table in Markdown, by all that names them."""
    lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()]
    return {tuple(line[:3]): line[3:] for line in lines[2:]}


def test_scores_are_means_over_seeds_with_lowest_and_highest():
    records = [
        record(DRAWN, 10, walk=numbers(0.5), turn=numbers(0.7)),
        record(replace(DRAWN, seed=1), 20, walk=numbers(0.6), turn=numbers(0.9)),
    ]
    rows = cells(accuracy_table(records))
    assert rows["drawn", "walk", "swift"] == ["2", *["0.550 (0.500 to 0.600)"] * 4, ""]
    assert rows["drawn", MACRO, "swift"] == ["2", *["0.675 (0.600 to 0.750)"] * 4, "15.0 (10.0 to 20.0)"]


def test_settings_are_compared_behavior_by_behavior():
    other = replace(DRAWN, config=("streams={epochs: 16}",))
    records = [record(DRAWN, walk=numbers(0.5)), record(other, walk=numbers(0.6))]
    assert list(cells(accuracy_table(records))) == [
        ("drawn", "walk", "swift"),
        ("drawn", "walk", "swift, streams={epochs: 16}"),
        ("drawn", MACRO, "swift"),
        ("drawn", MACRO, "swift, streams={epochs: 16}"),
    ]


def test_a_score_that_is_not_defined_is_left_out():
    records = [record(DRAWN, walk=numbers(0.5, f1=None), turn=numbers(0.7))]
    rows = cells(accuracy_table(records))
    assert rows["drawn", "walk", "swift"][2] == ""
    assert rows["drawn", MACRO, "swift"][2] == "0.700"
    assert score(record(DRAWN, walk=numbers(None)), MACRO, "f1") is None


def test_folds_have_rows_of_their_own_and_a_mean():
    one, two = (Case("leave-one-recording-out", fold, "swift", (), 0) for fold in ("clip1", "clip3"))
    records = [record(one, near=numbers(0.4)), record(two, near=numbers(0.8, bout_f1=None))]
    rows = cells(accuracy_table(records))
    assert rows["leave-one-recording-out, test clip1", "near", "swift"][1] == "0.400"
    assert rows["leave-one-recording-out, mean of both", "near", "swift"][1:4] == ["0.600", "0.600", ""]
    assert rows["leave-one-recording-out, mean of both", MACRO, "swift"][-1] == "20.0"
    assert len(with_mean_of_folds(records[:1])) == 1  # not before both are done


def test_the_learning_curve_has_a_row_for_each_amount_and_none_in_the_other_table():
    records = [
        record(Case(CURVE, "", "swift", (), seed, minutes), walk=numbers(minutes / 10 + seed / 100))
        for seed in (0, 2)
        for minutes in (2.0, 0.5)
    ]
    assert accuracy_table(records) == ""
    assert cells(curve_table(records)) == {
        ("swift", "0.5", "2"): ["0.060 (0.050 to 0.070)"] * 2,
        ("swift", "2", "2"): ["0.210 (0.200 to 0.220)"] * 2,
    }
    assert curve_points(records)["swift"]["walk"] == {0.5: [0.05, 0.07], 2.0: [0.2, 0.22]}
    assert curve_table([record(DRAWN, walk=numbers(1))]) == ""


@pytest.mark.parametrize(
    ("values", "text"),
    [([], ""), ([None], ""), ([0.5], "0.500"), ([0.5, None], "0.500"), ([0.25, 0.5], "0.375 (0.250 to 0.500)")],
)
def test_values_in_words(values, text):
    assert summarize(values) == text


def test_a_case_that_is_done_is_known_from_the_file(tmp_path):
    path = tmp_path / "raw.json"
    assert read_records(path) == []
    case = replace(DRAWN, config=("streams={epochs: 16}",))
    add_record(path, case, {"cpu_minutes": 1.0, "behaviors": {"walk": numbers(0.5)}})
    add_record(path, replace(DRAWN, seed=1), {"cpu_minutes": None, "behaviors": {"walk": numbers(0.5)}})
    records = read_records(path)
    assert len(records) == 2
    assert is_done(case, records)
    assert not any(
        is_done(other, records)
        for other in (DRAWN, replace(case, seed=1), replace(case, preset="fast"), replace(case, minutes=1.0))
    )


def test_done_cases_are_not_run_again_and_a_failure_ends_with_its_status(tmp_path, monkeypatch, capsys):
    ran = []

    def run_case(case, folder, **options):
        ran.append(case.seed)
        if case.seed == 1:
            raise RuntimeError("the log of the run")
        return {"cpu_minutes": 1.0, "behaviors": {"walk": numbers(0.5)}}

    monkeypatch.setattr("benchmarks.accuracy.__main__.run_case", run_case)
    monkeypatch.setattr("sys.argv", ["accuracy", "drawn", "--seeds", "0", "1", "2", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert ran == [0, 1, 2]
    assert "the log of the run" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        main()
    assert ran == [0, 1, 2, 1]
    assert "| drawn | walk | swift | 2 | 0.500 (0.500 to 0.500) |" in capsys.readouterr().out


def test_tables_and_figures_are_written(tmp_path):
    for case in (DRAWN, Case(CURVE, "", "swift", (), 0, 1.0), Case("leave-one-recording-out", "clip1", "fast", (), 0)):
        add_record(tmp_path / "raw.json", case, {"cpu_minutes": 1.0, "behaviors": {"walk": numbers(0.5)}})
    write_report(tmp_path)
    written = {path.name for path in tmp_path.iterdir()}
    figures = {f"{name}.{suffix}" for name in ("accuracy", "learning_curve") for suffix in ("png", "svg")}
    assert written == {"raw.json", "accuracy.md"} | figures
