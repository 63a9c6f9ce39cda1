"""A real run of the workflow on animals that are drawn, as small as it can be."""

import csv
import json
import re
import shutil


def read_rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_from_videos_to_the_report(finished):
    results = finished / "results"
    frames, behaviors = 60, ["walk", "turn", "rear", "groom"]
    for video in ("sim_00", "sim_01", "sim_02", "sim_03"):
        rows = read_rows(results / f"ethograms/main/predictions/{video}.csv")
        assert len(rows) == frames
        for what in ("probability", "calibrated"):
            assert all(0 <= float(row[f"{what}_{name}"]) <= 1 for row in rows for name in behaviors)
        assert {row[name] for row in rows for name in behaviors} <= {"0", "1"}
        assert all(int(row["background"]) == (not any(int(row[name]) for name in behaviors)) for row in rows)
        assert (results / f"ethograms/main/figures/{video}.png").read_bytes().startswith(b"\x89PNG")
        assert (results / f"ethograms/main/figures/{video}.svg").read_text().rstrip().endswith("</svg>")
    summary = read_rows(results / "ethograms/main/summary.csv")
    assert {(row["video"], row["behavior"]) for row in summary} >= {("sim_03", "groom"), ("sim_00", "walk")}
    metrics = json.loads((results / "evaluation/main/metrics.json").read_text())
    assert set(metrics["behaviors"]) == set(behaviors)
    parts = json.loads((results / "splits/main.json").read_text())
    assert metrics["videos"] == parts["test"]
    assert not list(results.rglob("*.part*"))
    assert (results / ".checkpoints").is_dir(), "trainings keep their state there until they end"
    assert not list((results / ".checkpoints").iterdir())


def test_the_report_is_one_page_that_needs_nothing_else(finished):
    page = (finished / "results/report/main.html").read_text()
    links = re.findall(r"""(?:src|href)=["']([^"'#][^"']*)""", page)
    assert [link for link in links if not link.startswith(("data:", "http"))] == []
    assert not re.search(r"""src=["']http""", page)
    assert str(finished) not in page
    assert "sim_03" in page


def test_a_second_run_does_nothing(run_snakemake, finished, tiny):
    outcome = run_snakemake(finished, "--cores", "2", config=tiny)
    assert outcome.status == 0
    assert "Nothing to be done" in outcome.output


def test_snakemakes_own_report(run_snakemake, finished, tiny):
    outcome = run_snakemake(finished, "--report", "snakemake-report.html", config=tiny)
    assert outcome.status == 0, outcome.output[-2000:]
    assert "ethogram" in (finished / "snakemake-report.html").read_text().lower()


def test_a_log_tells_device_progress_and_time(finished):
    log = (finished / "logs/streams/main/spatial.log").read_text()
    assert "CPU with" in log
    assert "step/s" in log or "s/ step" in log
    assert re.search(r"epoch 1: training loss \d", log)
    assert re.search(r"validation loss \d", (finished / "logs/flow/main.log").read_text())


def test_labels_that_do_not_fit_the_video_stop_the_run_with_both_numbers(run_snakemake, finished, tiny, tmp_path):
    work = tmp_path / "project"
    work.mkdir()
    for file in (finished / "results/example/simulated").iterdir():
        shutil.copy(file, work)
    lines = (work / "sim_00_labels.csv").read_text().splitlines(keepends=True)
    (work / "sim_00_labels.csv").write_text("".join(lines[:-7]))
    (work / "videos.csv").write_text(
        "video,path,labels,part\n"
        + "".join(f"v{i},sim_0{i}.mp4,sim_0{i}_labels.csv,{part}\n" for i, part in enumerate(["train", "validate"]))
    )
    settings = tiny | {"example": "none", "videos": "videos.csv", "behaviors": ["walk", "turn", "rear", "groom"]}
    outcome = run_snakemake(work, "checked_labels", "--cores", "2", config=settings)
    assert outcome.status != 0
    error = next(line for line in outcome.output.splitlines() if line.startswith("error:"))
    assert "sim_00_labels.csv" in error
    assert "53" in error
    assert "60" in error
