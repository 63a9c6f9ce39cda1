"""A real run of the preset `frozen`, as small as it can be: the stages between it and the others fit together."""

import pytest

from ethomake.features.store import open_features
from ethomake.files import read_json
from ethomake.sequence.metadata import SequenceMetadata


@pytest.mark.slow
def test_the_quick_tier_from_videos_to_report_and_bundle(run_snakemake, tmp_path, tiny, mobilenet):
    tiny["streams"] = {"weights": str(mobilenet)}
    settings = tiny | {"preset": "frozen"}
    outcome = run_snakemake(tmp_path, "all", "bundle", "--cores", "2", config=settings)
    assert outcome.status == 0, outcome.output[-3000:]
    results = tmp_path / "results"
    assert not {"train_flow", "train_stream"} & set(outcome.jobs)
    facts, group = open_features(results / "features/main/sim_00.json")
    assert list(facts["arrays"]) == ["frozen"]
    assert group["frozen"].shape[0] == facts["frames"] == 60
    assert SequenceMetadata.read(results / "sequence/main/weights.safetensors").maps == facts["maps"]
    assert "quick tier" in (results / "report/main.html").read_text()
    assert read_json(results / "bundle/bundle.json")["streams"] == ["frozen"]
    again = run_snakemake(tmp_path, "--cores", "2", config=settings)
    assert "Nothing to be done" in again.output
    renamed = settings | {"behaviors": ["walk", "turn", "rear"]}
    relearned = run_snakemake(tmp_path, "predictions", "--dry-run", config=renamed).jobs
    assert relearned["train_sequence"] == 1
    assert "extract_features" not in relearned, "the same features serve other behaviors"
