"""Several runs of a project share what does not differ between them."""

import shutil
from pathlib import Path

import pytest

AFTER_FEATURES = {
    "train_sequence": 1,
    "draw_curves": 1,
    "predict_video": 4,
    "fit_thresholds": 1,
    "decide_behaviors": 4,
    "draw_ethogram": 4,
    "summarize_bouts": 1,
    "count_transitions": 1,
    "evaluate": 1,
    "draw_evaluation": 1,
    "write_report": 1,
    "all": 1,
}


def jobs(outcome):
    assert outcome.status == 0, outcome.output[-3000:]
    return {rule: number for rule, number in outcome.jobs.items() if rule != "total"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"sequence": {"hidden": 16}}, AFTER_FEATURES),
        (
            {"flow": {"smoothness": [0.02, 0.02, 0.04]}},
            AFTER_FEATURES
            | {"train_flow": 1, "train_stream": 1, "extract_features": 4, "score_streams": 1, "draw_curves": 3},
        ),
        (
            {"evaluation": {"chance_shifts": 6}},
            dict.fromkeys(["score_streams", "evaluate", "draw_evaluation", "write_report", "all"], 1),
        ),
    ],
    ids=str,
)
def test_a_second_run_makes_what_depends_on_its_difference(run_snakemake, finished, tiny, change, expected):
    tiny["runs"] = {"other": change}
    assert jobs(run_snakemake(finished, "--dry-run", config=tiny)) == expected


def test_a_second_run_that_differs_in_nothing_makes_nothing(run_snakemake, finished, tiny):
    tiny["runs"] = {"same": {"sequence": {"window": tiny["sequence"]["window"]}}}
    outcome = run_snakemake(finished, "--dry-run", config=tiny)
    assert outcome.status == 0
    assert not outcome.jobs


def test_no_run_of_a_name_is_told_in_one_line(run_snakemake, finished, tiny):
    outcome = run_snakemake(finished, "--dry-run", "results/report/nobody.html", config=tiny)
    assert outcome.status != 0
    assert "nobody: no run of this name; there is main" in outcome.output
    assert "Traceback" not in outcome.output


@pytest.mark.slow
def test_results_of_a_second_run_lie_beside_those_of_main(run_snakemake, finished, tiny, tmp_path):
    folder = tmp_path / "project"
    shutil.copytree(finished, folder, symlinks=True)
    before = {path: path.read_bytes() for path in (folder / "results").rglob("*.json")}
    tiny["runs"] = {"narrow": {"sequence": {"hidden": 16}}}
    assert jobs(run_snakemake(folder, "--cores", "2", config=tiny)) == AFTER_FEATURES
    results = folder / "results"
    assert [path.name for path in (results / "flow").iterdir()] == ["main"]
    assert sorted(path.name for path in (results / "sequence").iterdir()) == ["main", "narrow"]
    for file in ("ethograms/{}/summary.csv", "ethograms/{}/thresholds.json", "evaluation/{}/metrics.json"):
        assert Path(results, file.format("narrow")).is_file()
    weights = [(results / "sequence" / run / "weights.safetensors").read_bytes() for run in ("main", "narrow")]
    assert len(weights[0]) > len(weights[1])
    assert all(path.read_bytes() == content for path, content in before.items() if ".snakemake" not in path.parts)
    assert (results / "report" / "main.html").is_file()
    assert (results / "report" / "narrow.html").is_file()
    assert not run_snakemake(folder, "--cores", "2", config=tiny).jobs, "a second time there is nothing to do"
