"""Networks of torchvision and timm by name: what they compute, and what is known of them without torch."""

import sys
import warnings
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F
from torchvision import models

from ethomake.errors import InputError
from ethomake.streams import published, registry
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.networks import Stream
from ethomake.streams.published import TORCHVISION, VIDEO, timm_names, timm_tags
from ethomake.streams.registry import STREAM_NETWORKS, check_network, find_network, reject_weights
from ethomake.streams.stems import first_convolution, scaled
from ethomake.streams.weights import load_pretrained, origin_of
from ethomake.training.device import is_volumetric
from ethomake.training.inference import for_inference
from ethomake.training.weights import save_weights

NAMED = ["mobilenet_v3_large", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "s3d", "r2plus1d_18", "swin3d_t"]
LARGE = ["mvit_v2_s", "vit_b_32"]  # which scale all images to 224x224
DINO = "timm:vit_small_patch14_dinov2"
LITE = "timm:tf_efficientnet_lite2"
needs_timm = pytest.mark.skipif(find_spec("timm") is None, reason="timm (extra `backbones`) is not installed")
CPU = torch.device("cpu")

pytestmark = pytest.mark.filterwarnings("ignore")


def inputs_of(stream, side=64):
    torch.manual_seed(1)
    if stream.kind == "motion":
        return torch.randn(2, 20, side, side)
    return torch.randn(2, stream.context_frames, 3, side, side)


@pytest.mark.parametrize("kind", ["spatial", "motion"])
@pytest.mark.parametrize(
    "name",
    [
        *NAMED,
        *(pytest.param(name, marks=pytest.mark.slow) for name in LARGE),
        *(pytest.param(name, marks=needs_timm) for name in (DINO, LITE)),
    ],
)
def test_it_learns_and_is_the_same_from_its_file_and_folded(name, kind, tmp_path):
    torch.manual_seed(0)
    stream = Stream(name, kind, 3, dropout=0.0)
    record = find_network(name)
    inputs = inputs_of(stream, 32 if record.volumetric else 64)
    assert is_volumetric(stream) == stream.volumetric == record.volumetric
    channels = 3 if kind == "spatial" else 2 if record.volumetric else 20
    assert first_convolution(stream.backbone)[1].in_channels == channels

    before = {key: value.clone() for key, value in stream.named_parameters()}
    features, logits = stream.train()(inputs)
    assert (features.shape, logits.shape) == ((2, 512), (2, 3))
    logits.sum().backward()
    torch.optim.SGD(stream.parameters(), 1e-3).step()
    changed = {key for key, value in stream.named_parameters() if not torch.equal(value, before[key])}
    assert f"body.{first_convolution(stream.backbone)[0]}.weight" in changed, "the gradient reaches the image"

    with torch.no_grad():
        wanted = stream.eval()(inputs)[0]
        metadata = StreamMetadata(name, 0, kind, ["a", "b", "c"], False, 11, source="x", license="y", page="")
        save_weights(tmp_path / "w.safetensors", stream, metadata)
        loaded, found = StreamMetadata.load_network(tmp_path / "w.safetensors")
        assert found == metadata
        torch.testing.assert_close(loaded.eval()(inputs)[0], wanted)
        folded = for_inference(stream, CPU, torch.float32)(inputs)[0]
        torch.testing.assert_close(folded, wanted, rtol=1e-3, atol=1e-3)
        rounded = for_inference(stream, CPU, torch.bfloat16)(inputs.bfloat16())[0].float()
        assert (rounded - wanted).norm() / wanted.norm() < 0.05


def into_classifier(network, images):
    """What the last layer of a network of torchvision sees."""
    *_, last = (module for module in network.modules() if isinstance(module, nn.Linear | nn.Conv3d))
    seen = []
    last.register_forward_hook(lambda module, given, out: seen.append(given[0]))
    with torch.no_grad():
        network.eval()(images)
    return seen[0].flatten(2).mean(2) if seen[0].ndim > 2 else seen[0]


@pytest.mark.parametrize("name", ["mobilenet_v3_large", "efficientnet_b0", "regnet_y_400mf", "convnext_tiny", "r3d_18"])
def test_a_file_of_torchvisions_gives_what_torchvisions_network_sees(name, tmp_path):
    torch.manual_seed(0)
    reference = models.get_model(name, weights=None)
    torch.save(reference.state_dict(), tmp_path / "w.pth")
    spatial, motion = (Stream(name, kind, 2) for kind in ("spatial", "motion"))
    names = load_pretrained(spatial, tmp_path / "w.pth")
    assert names == {key for key, _ in spatial.named_parameters() if not key.startswith(("head.", "reduce."))} | {
        key for key in names if key.startswith("reduce.")
    }
    inputs = inputs_of(spatial)
    with torch.no_grad():
        got = spatial.eval().backbone(spatial.to_backbone_layout(inputs))
    torch.testing.assert_close(got, into_classifier(reference, spatial.to_backbone_layout(inputs)))
    load_pretrained(motion, tmp_path / "w.pth")
    rgb, flow = (first_convolution(stream.backbone)[1].weight for stream in (spatial, motion))
    torch.testing.assert_close(flow[:, -1], rgb.mean(1))


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_every_network_of_torchvision_gives_features_of_small_images(name, monkeypatch):
    from torchvision.models.regnet import BlockParams

    original = BlockParams.__dict__["from_init_params"]

    def with_values(cls, *args, **kwargs):  # its builder reads values, which tensors of this test do not have
        with torch.device("cpu"):
            return original.__func__(cls, *args, **kwargs)

    monkeypatch.setattr(BlockParams, "from_init_params", classmethod(with_values))
    for kind, side in (("spatial", 32), ("motion", 16)):
        with torch.device("meta"):
            stream = Stream(name, kind, 3).eval()
            assert stream(inputs_of(stream, side))[0].shape == (2, 512)
        millions = sum(p.numel() for part in (stream.backbone, stream.projection) for p in part.parameters()) / 1e6
        stated = find_network(name).costs[kind].parameters  # of some with the classifier
        assert 0.95 * millions - 0.1 < stated < 1.1 * millions + 3, (kind, millions)


def test_names_and_weights_are_those_of_torchvision():
    video = models.list_models(module=models.video)
    assert set(VIDEO) == set(video)
    assert {*TORCHVISION, *STREAM_NETWORKS} - {"resnet3d_34"} == {*models.list_models(module=models), *video}
    for name in TORCHVISION:
        known = models.get_model_weights(name).__members__
        ours = find_network(name).weights
        assert ours == tuple(each for each in known if each in ours), name
        for other in set(known) - set(ours):  # those that do not fit
            entry = known[other]
            assert other == "IMAGENET1K_FEATURES" or min(entry.meta["min_size"]) > 224, (name, other)


def test_images_are_scaled_only_to_what_a_network_takes():
    images = torch.rand(2, 3, 40, 60)
    assert scaled(images, None, 32) is images
    assert scaled(images, (40, 60)) is images
    torch.testing.assert_close(
        scaled(images, None, 50), F.interpolate(images, (50, 60), mode="bilinear", antialias=True)
    )
    clip = torch.rand(1, 2, 4, 8, 8)
    assert scaled(clip, (16, 16, 16)).shape == (1, 2, 16, 16, 16)
    ramp = torch.arange(8.0).expand(1, 1, 8, 8)  # linear: the middle stays linear
    torch.testing.assert_close(scaled(ramp, (8, 16))[0, 0, 0, 2:-2].diff(), torch.full((11,), 0.5))


def test_statistics_and_license_are_those_of_the_weights():
    own = origin_of("convnext_tiny", "IMAGENET1K_V1")
    assert own.source == "ConvNeXt_Tiny_Weights.IMAGENET1K_V1 of torchvision"
    assert (own.mean, own.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    assert own.license == "BSD-3-Clause (torchvision)"
    assert own.page.startswith("https://github.com/pytorch/vision/")
    assert "SWAG" in origin_of("vit_b_16", "IMAGENET1K_SWAG_LINEAR_V1").license
    video = origin_of("r2plus1d_18", "KINETICS400_V1")
    assert (video.mean, video.std) == ((0.43216, 0.394666, 0.37645), (0.22803, 0.22145, 0.216989))
    assert origin_of("inception_v3", "IMAGENET1K_V1").mean == (0.5, 0.5, 0.5)
    assert origin_of("resnet18", "none").mean is None


def test_a_file_has_the_statistics_of_its_header_or_of_public_weights(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "w.pth")
    other = origin_of("r2plus1d_18", tmp_path / "w.pth")
    assert (other.source, other.license, other.mean) == ("w.pth", "", (0.43216, 0.394666, 0.37645))
    assert origin_of("resnet3d_34", tmp_path / "w.pth").mean is None
    with torch.device("cpu"):
        stream = Stream("mobilenet_v2", "spatial", 1)
    own = StreamMetadata("mobilenet_v2", 0, "spatial", ["a"], False, 11, [0.1, 0.2, 0.3], [1.0, 2.0, 3.0])
    save_weights(tmp_path / "w.safetensors", stream, own)
    assert origin_of("mobilenet_v2", tmp_path / "w.safetensors").mean == (0.1, 0.2, 0.3)
    assert origin_of("mobilenet_v2", tmp_path / "w.safetensors").std == (1.0, 2.0, 3.0)


def test_what_nobody_has():
    with pytest.raises(InputError, match=r"no stream network is called 'convnext_tini'.*did you mean convnext_tiny\?"):
        find_network("convnext_tini")
    assert reject_weights("s3d", "KINETICS400_V1") == ""
    assert "torchvision has for s3d: KINETICS400_V1, DEFAULT" in reject_weights("s3d", "IMAGENET1K_V1")


def test_networks_of_timm_without_timm(monkeypatch):
    monkeypatch.setattr(registry, "has_timm", lambda: False)
    with pytest.raises(
        InputError, match=r"package timm, which is not installed; install it .*pip install timm"
    ) as told:
        check_network(DINO)
    assert "\n" not in str(told.value)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(InputError, match="need the package timm, which cannot be imported"):
        Stream(DINO, "spatial", 1)
    assert find_network(DINO).title == "vit_small_patch14_dinov2 (timm)"


@needs_timm
def test_what_timm_has_is_read_without_importing_it():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm

    assert set(timm.list_models()) <= set(timm_names())
    for name in ("vit_small_patch14_dinov2", "tf_efficientnet_lite2", "resnet50", "convnext_tiny"):
        listed = {each.partition(".")[2] for each in timm.list_models(f"{name}.*", pretrained=True)}
        assert listed <= set(timm_tags(name)), name
    check_network(DINO)
    with pytest.raises(InputError, match=r"has no network 'vit_small_patch14_dinov3000'.*did you mean"):
        check_network("timm:vit_small_patch14_dinov3000")
    with pytest.raises(InputError, match=r"no network 'resnet50.a1_in1k'; weights are named by streams.weights"):
        check_network("timm:resnet50.a1_in1k")
    assert reject_weights(DINO, "lvd142m") == reject_weights(DINO, "DEFAULT") == ""
    assert "timm has for timm:vit_small_patch14_dinov2: lvd142m" in reject_weights(DINO, "in1k")


@needs_timm
def test_a_file_of_timms_network_gives_what_timms_network_sees(tmp_path):
    import timm

    torch.manual_seed(0)
    reference = timm.create_model("tf_efficientnet_lite2")
    torch.save(reference.state_dict(), tmp_path / "w.pth")
    stream = Stream(LITE, "spatial", 2)
    load_pretrained(stream, tmp_path / "w.pth")
    inputs = inputs_of(stream)
    with torch.no_grad():
        expected = reference.eval().forward_head(reference.forward_features(inputs[:, 0]), pre_logits=True)
        torch.testing.assert_close(stream.eval().backbone(inputs[:, 0]), expected)
    facts = origin_of(LITE, "in1k")
    assert (facts.mean, facts.std, facts.license) == ((0.5,) * 3, (0.5,) * 3, "apache-2.0")


@needs_timm
def test_position_embeddings_are_interpolated_for_any_size(tmp_path):
    import timm

    torch.manual_seed(0)
    reference = timm.create_model("vit_small_patch14_dinov2", img_size=56)
    assert reference.pos_embed.shape != timm.create_model("vit_small_patch14_dinov2").pos_embed.shape
    given = {**reference.state_dict(), "mask_token": torch.zeros(1, 384)}
    save_file(given, tmp_path / "w.safetensors")
    for kind in ("spatial", "motion"):
        stream = Stream(DINO, kind, 2).eval()
        assert "body.cls_token" in load_pretrained(stream, tmp_path / "w.safetensors")
        for side in (32, 64):
            assert stream.features(inputs_of(stream, side)).isfinite().all()


@needs_timm
def test_the_tensors_of_a_package_go_to_the_layers_in_their_order(monkeypatch, tmp_path):
    import timm

    torch.manual_seed(0)
    reference = timm.create_model("tf_efficientnet_lite2").state_dict()
    other = {f"_x{number}": value for number, value in enumerate(reference.values())}
    torch.save(other, tmp_path / "w.pth")
    monkeypatch.setattr("ethomake.streams.weights._take_out", lambda *_: tmp_path / "w.pth")
    package = published.PACKAGED["tf_efficientnet_lite2"]
    assert reject_weights(LITE, package) == ""
    for kind in ("spatial", "motion"):
        stream = Stream(LITE, kind, 2)
        load_pretrained(stream, package)
        own = stream.backbone.state_dict()
        assert all(torch.equal(own[key], reference[key]) for key in own if key != "conv_stem.weight")
    torch.save(dict(list(other.items())[1:]), tmp_path / "w.pth")
    with pytest.raises(InputError, match="its tensors are not those of timm:tf_efficientnet_lite2"):
        load_pretrained(Stream(LITE, "spatial", 2), package)
    assert origin_of(LITE, package).license == "Apache-2.0"


@needs_timm
def test_weights_of_timm_out_of_reach(monkeypatch):
    import timm

    original = timm.create_model

    def fail(name, pretrained=False, **options):
        if pretrained:
            raise ConnectionError("no\nroute")
        return original(name, **options)

    monkeypatch.setattr(timm, "create_model", fail)
    with pytest.raises(
        InputError, match=r"could not be downloaded from timm/vit_small.*no route.*give its path"
    ) as told:
        load_pretrained(Stream(DINO, "spatial", 1), "lvd142m")
    assert "\n" not in str(told.value)
    with pytest.raises(InputError, match=r"'lvd9': neither a file nor weights that timm has"):
        load_pretrained(Stream(DINO, "spatial", 1), "lvd9")
