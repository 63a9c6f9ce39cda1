"""The content of a bundle."""

import json

import pytest
import yaml

from ethomake.bundle.write import make_bundle
from ethomake.files import file_digest


def test_all_is_there_and_nothing_says_where_videos_were(made):
    files = {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()}
    networks = {f"{name}.safetensors" for name in ("flow", "spatial", "motion", "sequence")}
    recorded = networks | {"config.yaml", "thresholds.json", "evaluation/metrics.json", "evaluation/scores.png"}
    assert files == recorded | {"bundle.json", "README.md"}
    content = json.loads((made / "bundle.json").read_text())
    assert content["files"] == {
        name: {"bytes": (made / name).stat().st_size, "digest": file_digest(made / name)} for name in recorded
    }
    for name in files - networks:
        assert b"somebody" not in (made / name).read_bytes()


def test_bundle_json_says_what_it_needs_and_what_it_learned_from(made):
    content = json.loads((made / "bundle.json").read_text())
    assert content["behaviors"] == ["groom", "rear"]
    assert content["image_size"] == [32, 64]
    assert content["channels"]["spatial"]["mean"] == [0.5, 0.5, 0.5]
    assert content["networks"] == {
        "flow": "tiny_motion_net",
        "spatial": "mobilenet_v2",
        "motion": "mobilenet_v2",
        "sequence": "tgm",
    }
    assert content["sequence"]["hidden"] == 4
    train = content["trained_on"]["train"]
    assert (train["videos"], train["frames"]) == (2, 20)
    assert train["behaviors"] == {
        "groom": {"scored_frames": 18, "positive_frames": 3},
        "rear": {"scored_frames": 18, "positive_frames": 0},
    }
    assert content["frames_per_second"] == [21.0, 22.0]
    seen = ["train1", "train2", "unlabelled", "validate1", "validate2"]
    assert content["seen"] == [f"sha256:{name}" for name in seen]


def test_videos_whose_picture_follows_a_track_are_counted(parts, tmp_path):
    learned = {part: list(pairs) for part, pairs in parts["learned"].items()}
    manifest, labels = learned["train"][0]
    facts = json.loads(manifest.read_text()) | {"track": {"name": "t.csv", "lost": []}}
    (tmp_path / "tracked.json").write_text(json.dumps(facts))
    learned["train"][0] = (tmp_path / "tracked.json", labels)
    make_bundle(tmp_path / "bundle", **parts | {"learned": learned})
    content = json.loads((tmp_path / "bundle/bundle.json").read_text())
    assert [content["trained_on"][part]["tracked"] for part in ("train", "validate")] == [1, 0]


def test_config_has_the_complete_settings(made, parts):
    settings = yaml.safe_load((made / "config.yaml").read_text())
    assert settings["streams"] == parts["settings"]["streams"] | {"weights": "mobilenet.pth"}
    assert settings["sequence"] == parts["settings"]["sequence"]
    assert not {"videos", "example", "models", "simulated"} & set(settings)


def test_the_same_parts_give_the_same_bytes(made, parts, tmp_path):
    make_bundle(tmp_path / "again", **parts)
    for path in made.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (tmp_path / "again" / path.relative_to(made)).read_bytes()


def test_bundle_json_comes_last(parts, tmp_path, monkeypatch):
    def fail(*_):
        raise OSError("full")

    monkeypatch.setattr("ethomake.bundle.write.describe", fail)
    with pytest.raises(OSError, match="full"):
        make_bundle(tmp_path / "half", **parts)
    assert (tmp_path / "half" / "flow.safetensors").exists()
    assert not (tmp_path / "half" / "bundle.json").exists()
