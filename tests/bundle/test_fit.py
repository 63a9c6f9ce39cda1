"""Which settings of a project fit a bundle, and which the bundle determines."""

import json

import pytest
import yaml

from ethomake.bundle.fit import adopt, describe_misfits
from ethomake.errors import InputError
from ethomake.files import file_digest
from ethomake.project.load import load_project
from ethomake.project.settings import resolve_settings


def test_a_config_that_says_nothing_gets_all_from_the_bundle(bundle):
    settings = resolve_settings({"models": str(bundle)})
    assert settings["behaviors"] == ["groom", "rear"]
    assert settings["ingest"]["image_size"] == [32, 64]
    assert settings["streams"]["network"] == "mobilenet_v2"
    assert settings["flow"]["reuse"] is True
    assert settings["ethogram"]["thresholds"] == {"rear": 0.7}
    assert settings["videos"] == "videos.csv"


def test_a_project_keeps_what_is_its_own(bundle):
    own = {
        "ethogram": {"thresholds": {"groom": 0.2}, "minimum_bout_s": 1},
        "streams": {"precision": "float32", "adapt": "recording"},
    }
    settings = resolve_settings(
        {"models": str(bundle), "seed": 7, "ingest": {"jpeg_quality": 80, "damaged": "mark"}} | own
    )
    assert settings["ethogram"]["thresholds"] == {"groom": 0.2}
    assert settings["ethogram"]["minimum_bout_s"] == 1
    assert settings["streams"]["precision"] == "float32"
    assert settings["streams"]["adapt"] == "recording"
    assert (settings["seed"], settings["ingest"]["jpeg_quality"], settings["ingest"]["damaged"]) == (7, 80, "mark")


def test_bits_are_those_of_the_bundle_unless_the_project_says_others(bundle):
    trained = yaml.safe_load((bundle / "config.yaml").read_text())
    trained["ingest"]["bits"] = 12
    assert adopt({}, trained)["ingest"]["bits"] == 12
    assert adopt({"ingest": {"bits": 10}}, trained)["ingest"]["bits"] == 10
    del trained["ingest"]["bits"]  # a bundle of an earlier version
    assert adopt({}, trained)["ingest"]["bits"] == "auto"


def test_pictures_that_follow_an_animal_are_cut_out_as_the_bundle_has_learned(bundle, rewrite):
    trained = yaml.safe_load((bundle / "config.yaml").read_text())
    trained["track"] |= {"align": True, "margin": 2.0, "head": "nose", "tail": "tail_base", "gap": 2.0}
    (bundle / "config.yaml").write_text(yaml.safe_dump(trained))
    files = json.loads((bundle / "bundle.json").read_text())["files"]
    rewrite(files=files | {"config.yaml": files["config.yaml"] | identify(bundle / "config.yaml")})
    own = {"nodes": ["thorax"], "head": "head", "tail": "abdomen", "confidence": 0.3}
    settings = resolve_settings({"models": str(bundle), "track": own})
    assert settings["track"] == own | {"side": "auto", "margin": 2.0, "align": True, "gap": 0.5, "smooth": 0.1}
    with pytest.raises(InputError, match=r"config: track\.align = false, but the bundle .* has true"):
        resolve_settings({"models": str(bundle), "track": {"align": False}})
    with pytest.raises(InputError, match=r"config: track\.margin = 1\.5, but the bundle .* has 2"):
        resolve_settings({"models": str(bundle), "track": {"margin": 1.5}})


def identify(path):
    return {"bytes": path.stat().st_size, "digest": file_digest(path)}


@pytest.mark.parametrize(
    ("tracked", "row", "message"),
    [
        (2, "new,new.mp4,", "videos.csv line 2 (new): track: has no track, but all videos that the bundle"),
        (0, "new,new.mp4,new.csv", "videos.csv line 2 (new): track: follows a track, but no video that the bundle"),
        (2, "new,new.mp4,new.csv", ""),
        (0, "new,new.mp4,", ""),
        (1, "new,new.mp4,new.csv", ""),
        (1, "new,new.mp4,", ""),
        (None, "new,new.mp4,", ""),
        (None, "new,new.mp4,new.csv", ""),
    ],
)
def test_rows_follow_a_track_if_the_videos_did_that_the_bundle_has_learned_from(
    bundle, rewrite, tmp_path, monkeypatch, tracked, row, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.mp4").write_bytes(b"")
    (tmp_path / "new.csv").write_text("frame,x,y\n0,1,2\n")
    (tmp_path / "videos.csv").write_text(f"video,path,track\n{row}\n")
    parts = json.loads((bundle / "bundle.json").read_text())["trained_on"]
    for part in parts.values():
        del part["tracked"]
        part |= {} if tracked is None else {"tracked": tracked}
    rewrite(trained_on=parts)
    if not message:
        assert list(load_project({"models": str(bundle)}).videos) == ["new"]
        return
    with pytest.raises(InputError) as caught:
        load_project({"models": str(bundle)})
    assert message in str(caught.value)
    assert str(bundle) in str(caught.value)


@pytest.mark.parametrize(
    "config",
    [
        {"behaviors": ["groom", "rear"]},
        {"behaviors": []},
        {"exclusive": False},
        {"streams": {"enabled": ["motion", "spatial"], "network": "mobilenet_v2"}},
        {"streams": {"network": "auto"}, "flow": {"network": "auto"}},
        # training settings and initial weights are not compared
        {"flow": {"epochs": 1, "weights": "gone.safetensors"}, "streams": {"batch": 1, "dropout": 0.9}},
        {"augmentation": {"rotation": 180}, "sequence": {"window": 20, "l2": 0}},
    ],
)
def test_what_fits(bundle, config):
    resolve_settings({"models": str(bundle)} | config)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"behaviors": ["rear", "groom"]}, 'config: behaviors = ["rear", "groom"], but'),
        ({"behaviors": ["groom"]}, 'has ["groom", "rear"]: leave this key out to take'),
        ({"exclusive": True}, "config: exclusive = true, but"),
        ({"exclusive": [["groom", "rear"]]}, 'config: exclusive = [["groom", "rear"]], but'),
        ({"exclusive": [["groom", "sniff"]]}, 'config: exclusive = [["groom", "sniff"]], but'),
        ({"ingest": {"image_size": [64, 32]}}, "config: ingest.image_size = [64, 32], but"),
        ({"ingest": {"keep_aspect": False}}, "config: ingest.keep_aspect = false, but"),
        ({"streams": {"enabled": ["spatial"]}}, 'streams.enabled = ["spatial"], but'),
        ({"streams": {"network": "resnet50"}}, "streams.network = resnet50, but"),
        ({"streams": {"fusion": "weighted"}}, "streams.fusion = weighted, but"),
        ({"flow": {"reuse": False}}, "flow.reuse = false, but"),
        ({"sequence": {"filters": 9}}, "sequence.filters = 9, but"),
        ({"preset": "swift"}, "preset = swift, but the bundle"),
        ({"preset": "fast", "streams": {"network": "mobilenet_v2"}}, "has flow.reuse: true"),
        ({"exclusive": True, "flow": {"reuse": False}}, "and flow.reuse does not fit either: leave these keys out"),
    ],
)
def test_what_does_not_fit_is_refused_with_both_values(bundle, config, message):
    with pytest.raises(InputError) as caught:
        resolve_settings({"models": str(bundle)} | config)
    assert message in str(caught.value)
    assert str(bundle) in str(caught.value)


def test_a_preset_is_no_matter_where_networks_are_named(bundle):
    resolve_settings({"models": str(bundle), "preset": "swift", "streams": {"network": "mobilenet_v2"}})


def test_many_misfits_are_one_line():
    found = [("a", 1, 2), ("b", "x", "y"), ("c", 1, 2)]
    assert describe_misfits(found, "there").startswith("a = 1, but the bundle there has 2, and b, c do not fit")


def test_a_project_without_labels_and_with_training_videos_that_are_gone(bundle, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.mp4").write_bytes(b"")
    (tmp_path / "videos.csv").write_text("video,path\nnew,new.mp4\n")
    project = load_project({"models": str(bundle), "flow": {"videos": ["gone"]}})
    assert list(project.videos) == ["new"]
    assert project.main.split.flow == {"train": [], "validate": []}
    assert project.main.split.remembered == {}
