"""A bundle's files are copied only if all are valid."""

import json
import pickle

import pytest
import yaml
from safetensors.torch import load_file, save_file
from torch import nn

from ethomake.bundle.take import take_models
from ethomake.bundle.write import make_bundle
from ethomake.errors import InputError
from ethomake.files import file_digest
from ethomake.project.settings import resolve_settings
from ethomake.sequence.metadata import SequenceMetadata
from ethomake.streams.frozen import freeze_backbone
from ethomake.streams.metadata import StreamMetadata
from ethomake.training.header import read_header
from ethomake.training.weights import save_weights

NAMES = ("flow", "spatial", "motion", "sequence")


@pytest.fixture
def outputs(tmp_path):
    paths = {name: tmp_path / f"results/{name}.safetensors" for name in NAMES}
    return paths | {"thresholds": tmp_path / "results/thresholds.json", "manifest": tmp_path / "results/models.json"}


def refuse(bundle, outputs):
    with pytest.raises(InputError) as caught:
        take_models(bundle, outputs)
    assert "\n" not in str(caught.value)
    assert not any(path.exists() for path in outputs.values()), "nothing is copied"
    return str(caught.value)


def sign(bundle, name):
    """Put the digest of a changed file into bundle.json."""
    content = json.loads((bundle / "bundle.json").read_text())
    content["files"][name] = {"bytes": (bundle / name).stat().st_size, "digest": file_digest(bundle / name)}
    (bundle / "bundle.json").write_text(json.dumps(content))


def test_the_files_arrive_as_they_are(bundle, outputs):
    take_models(bundle, outputs)
    for name in NAMES:
        assert outputs[name].read_bytes() == (bundle / f"{name}.safetensors").read_bytes()
    assert outputs["manifest"].read_bytes() == (bundle / "bundle.json").read_bytes()


@pytest.mark.parametrize("name", ["spatial.safetensors", "thresholds.json"])
def test_one_changed_byte_is_found_out(bundle, outputs, name):
    content = bytearray((bundle / name).read_bytes())
    content[-2] ^= 1
    (bundle / name).write_bytes(content)
    assert f"{bundle / name}: damaged or changed" in refuse(bundle, outputs)


def test_a_pickle_is_not_loaded(bundle, outputs):
    (bundle / "motion.safetensors").write_bytes(pickle.dumps({"weight": 1}))
    sign(bundle, "motion.safetensors")
    assert "not a safetensors file" in refuse(bundle, outputs)


def test_tensors_of_other_names_and_shapes(bundle, outputs):
    path = bundle / "spatial.safetensors"
    save_weights(path, nn.Linear(1, 1), StreamMetadata.read(path))
    sign(bundle, path.name)
    assert "these weights do not fit the network" in refuse(bundle, outputs)


@pytest.mark.parametrize(
    ("name", "changed", "message"),
    [
        ("spatial", {"behaviors": ["groom", "dig"]}, "was trained for behaviors ['groom', 'dig']"),
        ("motion", {"stream": "spatial"}, "these weights do not fit the network"),
        ("flow", {"image_size": [64, 64]}, "was trained for image_size [64, 64], but bundle.json says [32, 64]"),
        ("sequence", {"streams": ["motion", "spatial"]}, "was trained for streams"),
        ("sequence", {"inputs": 512}, "these weights do not fit the network"),
        ("flow", {"network": "none"}, "is not a network of this bundle"),
    ],
)
def test_networks_that_say_something_else_than_bundle_json(bundle, outputs, name, changed, message):
    path = bundle / f"{name}.safetensors"
    header = read_header(path) | changed
    save_file(load_file(path), path, metadata={"ethomake": json.dumps(header)})
    sign(bundle, path.name)
    assert message in refuse(bundle, outputs)


@pytest.fixture
def quick(parts, mobilenet, tmp_path):
    """Folder of a bundle of the preset `frozen`."""
    settings = resolve_settings(
        {
            "preset": "frozen",
            "behaviors": parts["settings"]["behaviors"],
            "ingest": {"image_size": [32, 64]},
            "streams": {"weights": str(mobilenet)},
            "sequence": {"hidden": 4},
        }
    )
    paths = {name: tmp_path / f"{name}.safetensors" for name in ("frozen", "sequence")}
    freeze_backbone("mobilenet_v2", mobilenet, paths["frozen"])
    own = settings["sequence"]
    maps = {"inputs": 96 * 16, "maps": {"channels": 96, "grid": [4, 4]}, "streams": ["frozen"]}
    metadata = SequenceMetadata("tcn", 0, own, behaviors=settings["behaviors"], exclusive=False, **maps)
    save_weights(paths["sequence"], metadata.build(), metadata)
    make_bundle(tmp_path / "quick", **parts | {"weights": paths, "settings": settings, "flow_videos": []})
    return tmp_path / "quick"


def test_a_frozen_backbone_is_part_of_a_bundle(quick, tmp_path):
    outputs = {name: tmp_path / f"results/{name}.safetensors" for name in ("frozen", "sequence")}
    take_models(quick, outputs)
    assert outputs["frozen"].read_bytes() == (quick / "frozen.safetensors").read_bytes()
    card = (quick / "README.md").read_text()
    assert "three neighboring grey frames" in card
    assert "quick tier" in card
    settings = resolve_settings({"models": str(quick)})
    assert settings["streams"]["enabled"] == ["frozen"]
    assert resolve_settings({"models": str(quick), "preset": "frozen"}) == settings
    with pytest.raises(InputError, match="preset = swift, but the bundle"):
        resolve_settings({"models": str(quick), "preset": "swift"})


def test_a_sequence_model_of_other_maps_is_refused(quick, tmp_path):
    path = quick / "sequence.safetensors"
    header = read_header(path) | {"maps": {"channels": 48, "grid": [4, 8]}}
    network = SequenceMetadata(**header).build()
    save_weights(path, network, SequenceMetadata(**header))
    sign(quick, path.name)
    assert "was trained for maps {'channels': 48" in refuse(quick, {"sequence": tmp_path / "results/sequence"})


def test_groups_of_exclusive_behaviors_travel(parts_with_groups, outputs, tmp_path):
    make_bundle(tmp_path / "bundle", **parts_with_groups)
    content = json.loads((tmp_path / "bundle/bundle.json").read_text())
    assert (content["format"], content["exclusive"]) == (2, [["groom", "walk"]])
    take_models(tmp_path / "bundle", outputs)
    assert StreamMetadata.load_network(outputs["spatial"])[0].head[-1].out_features == 4  # with the group's background
    settings = resolve_settings({"models": str(tmp_path / "bundle")})
    assert settings["exclusive"] == [["groom", "walk"]]
    assert settings["ethogram"]["thresholds"] == {"rear": 0.7}
    same = {"models": str(tmp_path / "bundle"), "exclusive": [["walk", "groom"]]}
    assert resolve_settings(same) == settings
    card = (tmp_path / "bundle/README.md").read_text()
    assert "at most one at a time of groom, walk" in card
    assert "Of behaviors without one, which exclude others, the most probable one" in card
    assert "| groom |  | 0 | 0 |" in card


def test_the_format_is_one_that_versions_without_its_sections_refuse_by_name(made):
    assert json.loads((made / "bundle.json").read_text())["format"] == 2


def test_bundles_of_the_first_format_can_still_be_read_and_applied(bundle, rewrite, outputs):
    content = json.loads((bundle / "bundle.json").read_text())
    for part in content["trained_on"].values():
        del part["tracked"]
    trained = yaml.safe_load((bundle / "config.yaml").read_text())
    earlier = {key: section for key, section in trained.items() if key not in ("labels", "track")}
    (bundle / "config.yaml").write_text(yaml.safe_dump(earlier))
    rewrite(format=1, trained_on=content["trained_on"])
    sign(bundle, "config.yaml")
    settings = resolve_settings({"models": str(bundle), "track": {"align": True, "margin": 3}})
    assert (settings["track"]["align"], settings["track"]["margin"]) == (True, 3)
    take_models(bundle, outputs)
