"""An incomplete bundle is refused with a one-line error."""

import json
import subprocess
import sys

import pytest

from ethomake.bundle.read import network_names, read_bundle
from ethomake.errors import InputError
from ethomake.files import file_digest


def test_a_bundle_names_its_files(bundle):
    read = read_bundle(bundle)
    assert read.networks == ["flow", "spatial", "motion", "sequence"]
    assert read.files["spatial"] == str(bundle / "spatial.safetensors")
    assert read.files["thresholds"] == str(bundle / "thresholds.json")
    assert read.settings["ingest"]["image_size"] == [32, 64]


def test_without_motion_there_is_no_flow():
    assert network_names(["spatial"]) == ["spatial", "sequence"]
    assert network_names(["motion"]) == ["flow", "motion", "sequence"]


def refuse(folder):
    with pytest.raises(InputError) as caught:
        read_bundle(folder)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_what_is_no_bundle(tmp_path):
    (tmp_path / "weights.safetensors").write_bytes(b"")
    assert "no such folder" in refuse(tmp_path / "gone")
    assert "is a file" in refuse(tmp_path / "weights.safetensors")
    assert "no bundle.json in it" in refuse(tmp_path)
    assert "no { and } can be in its path" in refuse(tmp_path / "a{b}")


def test_a_newer_format(bundle, rewrite):
    rewrite(format=3, ethomake="9.1", files="of another kind")
    message = refuse(bundle)
    assert "ethomake 9.1" in message
    assert message.endswith("update ethomake")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"behaviors": "groom"}, "behaviors: 'groom' is not of type 'array'"),
        ({"streams": []}, "streams: [] should be non-empty"),
        ({"files": {}}, "has no entry for flow.safetensors"),
        ({"files": {"flow.safetensors": {"bytes": -1, "digest": ""}}}, "files.flow.safetensors.bytes"),
    ],
)
def test_a_bundle_json_that_says_too_little(bundle, rewrite, content, message):
    rewrite(**content)
    assert message in refuse(bundle)


def test_behaviors_that_were_not_counted(bundle, rewrite):
    counted = json.loads((bundle / "bundle.json").read_text())["trained_on"]
    counted["train"]["behaviors"]["grom"] = counted["train"]["behaviors"].pop("groom")
    rewrite(trained_on=counted)
    assert "trained_on.train.behaviors: 'groom' is missing" in refuse(bundle)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"threshold":', '"treshold":', "behaviors.groom.threshold is no number"),
        ('"minimum_gap_s": 0.', '"minimum_gap_s": NaN, "x": 0.', "NaN is no number"),
        ('"rear"', '"raer"', "has other behaviors than bundle.json"),
        ('"exclusive": false', '"exclusive": [["groom", "rear"]]', "exclusive is not that of bundle.json"),
        ('"exclusive": false', '"exclusive": true', "exclusive is not that of bundle.json"),
    ],
)
def test_thresholds_that_say_something_else(bundle, rewrite, old, new, message):
    path = bundle / "thresholds.json"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    files = json.loads((bundle / "bundle.json").read_text())["files"]
    files["thresholds.json"] = {"bytes": path.stat().st_size, "digest": file_digest(path)}
    rewrite(files=files)
    assert message in refuse(bundle)


@pytest.mark.parametrize("text", ["", "[]", "{", "\xff"])
def test_a_bundle_json_that_is_none(bundle, text):
    (bundle / "bundle.json").write_bytes(text.encode("latin-1"))
    assert str(bundle / "bundle.json") in refuse(bundle)


@pytest.mark.parametrize("name", ["motion.safetensors", "thresholds.json", "config.yaml"])
def test_a_missing_and_a_shortened_file(bundle, name):
    content = (bundle / name).read_bytes()
    (bundle / name).write_bytes(content[:-1])
    assert f"{bundle / name}: has {len(content) - 1:,} bytes, but had {len(content):,}" in refuse(bundle)
    (bundle / name).unlink()
    assert f"{bundle / name}: missing in the bundle" in refuse(bundle)


def test_changed_settings_are_found_out(bundle):
    text = (bundle / "config.yaml").read_text()
    (bundle / "config.yaml").write_text(text.replace("reuse: true", "reuse: fals"))
    assert "damaged or changed" in refuse(bundle)


def test_what_people_may_change_is_not_held_against_it(bundle):
    (bundle / "README.md").write_text("License: CC0\n")
    read_bundle(bundle)
    assert "README.md" not in json.loads((bundle / "bundle.json").read_text())["files"]


def test_reading_imports_nothing_heavy():
    code = (
        "import sys, ethomake.bundle.read, ethomake.bundle.fit; assert not {'torch', 'matplotlib'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
