"""A trained project's bundle, and projects that apply it without training."""

import json
import shutil

import pytest

from ethomake.files import file_digest

TRAININGS = {"train_flow", "train_stream", "train_joint", "train_sequence", "fit_thresholds", "draw_curves"}


@pytest.fixture
def applied(trained, tmp_path):
    """A folder with the trained project's videos, of which it has seen the first two, and nothing but its bundle."""
    folder = tmp_path / "applied"
    shutil.copytree(trained / "results/example/simulated", folder)
    shutil.copytree(trained / "results/bundle", tmp_path / "bundle")
    (folder / "config.yaml").write_text("example: none\nmodels: ../bundle\n")
    (folder / "videos.csv").write_text("video,path,labels\nsim_02,sim_02.mp4,sim_02_labels.csv\nsim_03,sim_03.mp4,\n")
    return folder


def errors(outcome):
    assert outcome.status != 0
    return [line for line in outcome.output.splitlines() if line.startswith("error: ")]


def test_the_bundle_is_whole_and_says_nothing_of_this_machine(trained):
    bundle = trained / "results/bundle"
    content = json.loads((bundle / "bundle.json").read_text())
    for name, recorded in content["files"].items():
        assert file_digest(bundle / name) == recorded["digest"]
    written = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert written == {*content["files"], "bundle.json", "README.md"}
    assert content["trained_on"]["train"]["videos"] == content["trained_on"]["validate"]["videos"] == 1
    for path in bundle.rglob("*"):
        assert path.is_dir() or str(trained.parent).encode() not in path.read_bytes()


def test_another_project_applies_it_without_training(run_snakemake, trained, applied):
    outcome = run_snakemake(applied, "--cores", "2")
    assert outcome.status == 0, outcome.output[-3000:]
    assert not TRAININGS & set(outcome.jobs)
    same = [f"sequence/main/probabilities/{video}.npy" for video in ("sim_02", "sim_03")]
    same += [f"ethograms/main/predictions/{video}.csv" for video in ("sim_02", "sim_03")]
    same += [f"features/main/{video}.json" for video in ("sim_02", "sim_03")]
    same += [
        path.relative_to(trained / "results").as_posix()
        for path in (trained / "results/features/main/sim_03.zarr").rglob("*")
        if path.is_file() and not path.name.startswith(".snakemake")
    ]
    for name in same:
        assert (applied / "results" / name).read_bytes() == (trained / "results" / name).read_bytes(), name
    metrics = json.loads((applied / "results/evaluation/main/metrics.json").read_text())
    before = json.loads((trained / "results/evaluation/main/metrics.json").read_text())
    assert metrics["videos"] == ["sim_02"]
    assert metrics["macro"] == before["macro"]
    report = (applied / "results/report/main.html").read_text()
    assert "No network was trained here" in report
    assert file_digest(applied / "../bundle/bundle.json").removeprefix("sha256:") in report
    assert "Learning curves" not in report
    assert not (applied / "results/splits").exists(), "no parts were dealt"

    # a fresh copy of the same bundle is the same bundle
    for path in (applied.parent / "bundle").rglob("*.*"):
        path.touch()
    assert "Nothing to be done" in run_snakemake(applied, "--cores", "2").output


@pytest.mark.slow
def test_a_damaged_bundle_and_a_video_that_it_has_seen_are_refused(run_snakemake, applied):
    (applied / "videos.csv").write_text("video,path,labels\nagain,sim_00.mp4,sim_00_labels.csv\n")
    seen = run_snakemake(applied, "checked_labels", "--cores", "2")
    assert "video again: the bundle was trained on this very video" in "".join(errors(seen))

    weights = applied.parent / "bundle/motion.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    damaged = run_snakemake(applied, "models", "--cores", "2")
    assert "motion.safetensors: damaged or changed since the bundle was made" in "".join(errors(damaged))
    weights.write_bytes(content[:-4])
    outcome = run_snakemake(applied, "--dry-run")
    assert "motion.safetensors: has" in errors(outcome)[0]


def test_a_project_without_a_single_label(run_snakemake, applied):
    (applied / "videos.csv").unlink()
    for labels in applied.glob("*_labels.csv"):
        labels.unlink()
    outcome = run_snakemake(applied, "--dry-run", config={"videos": "*.mp4"})
    assert outcome.status == 0, outcome.output
    assert outcome.jobs["take_models"] == 1
    assert outcome.jobs["decide_behaviors"] == 4
    assert not {*TRAININGS, "evaluate", "check_labels"} & set(outcome.jobs)
    assert "note: no test video" in outcome.output


def test_the_project_that_made_it_can_go_on_with_it(run_snakemake, trained, tiny):
    outcome = run_snakemake(trained, "--dry-run", config=tiny | {"models": "results/bundle"})
    assert outcome.status == 0, outcome.output
    assert not TRAININGS & set(outcome.jobs)
    assert "note: not evaluated: sim_00, sim_01 (their part is train or validate" in outcome.output


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"behaviors": ["walk", "rear", "turn", "groom"]}, 'has ["walk", "turn", "rear", "groom"]'),
        ({"ingest": {"image_size": [64, 32]}}, "config: ingest.image_size = [64, 32], but the bundle ../bundle has"),
        ({"streams": {"enabled": ["spatial"]}}, "config: streams.enabled"),
        ({"models": "../gone"}, "config: models: ../gone: no such folder"),
    ],
)
def test_what_does_not_fit_is_refused_before_any_job(run_snakemake, applied, config, message):
    lines = errors(run_snakemake(applied, "--cores", "2", config=config))
    assert len(lines) == 1
    assert message in lines[0]
    assert not (applied / "results").exists()


def test_there_is_nothing_to_bundle_where_nothing_is_trained(run_snakemake, applied):
    assert "share that folder instead" in errors(run_snakemake(applied, "bundle", "--dry-run"))[0]


@pytest.mark.slow
def test_another_bundle_makes_all_anew(run_snakemake, applied):
    outcome = run_snakemake(applied, "models", "--cores", "2")
    assert outcome.status == 0, outcome.output[-3000:]
    content = json.loads((applied.parent / "bundle/bundle.json").read_text())
    (applied.parent / "bundle/bundle.json").write_text(json.dumps(content | {"ethomake": "0.0.9"}))
    assert run_snakemake(applied, "models", "--dry-run").jobs["take_models"] == 1
