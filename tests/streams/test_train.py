import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from ethomake.errors import InputError
from ethomake.flow.known_motion import motion_seen
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.stacks import FRAMES, FlowGenerator
from ethomake.labels.table import read_labels
from ethomake.streams.joint import train_joint
from ethomake.streams.metadata import StreamMetadata
from ethomake.streams.sampling import bout_weights
from ethomake.streams.sources import CachedFlowSource, FrameSource, LabelledFrames, WindowSource
from ethomake.streams.train import train_stream
from ethomake.training.augment import Augmentation, unit_values
from ethomake.training.frames import FramePool, normalize
from ethomake.training.header import read_header
from ethomake.training.losses import probabilities
from ethomake.training.plan import TrainingPlan
from ethomake.training.weights import flat_parameters

SETTINGS = {
    "network": "resnet18",
    "weights": "none",
    "sees": "color",
    "trained": "all",
    "dropout": 0.1,
    "epochs": 3,
    "steps": 6,
    "batch": 8,
    "learning_rate": 1e-3,
    "focal_gamma": 1.0,
    "label_smoothing": 0.05,
    "positive_weight_exponent": 0.25,
    "positive_weight_cap": 20.0,
    "sampling": "frames",
    "l2_sp_alpha": 1e-5,
    "l2_sp_beta": 1e-3,
    "joint_epochs": 1,
    "fusion": "average",
    "precision": "float32",
    "reuse": True,
}
NO_CHANGE = {"flip_horizontal": 0.0, "rotation": 0.0, "color_probability": 0.0, "greyscale": 0.0}


@pytest.fixture
def videos(write_store, write_table):
    """Make videos in which `bright` is a bright frame and `half` is scored in half of the frames only."""
    rng = np.random.default_rng(0)
    pairs = []
    for name in ("u", "v", "w"):
        bright = np.repeat(rng.random(8) < 0.5, 5)
        frames = rng.integers(0, 60, (40, 32, 32, 3)) + 120 * bright[:, None, None, None]
        labels = np.stack([bright, np.where(np.arange(40) < 20, ~bright, -1)], 1)
        pairs.append((write_store(name, frames), write_table(name, ["bright", "half"], labels)))
    return pairs


def plan_of(pairs, folder, **options):
    """Train on two of the videos."""
    videos, labels = zip(*pairs, strict=True)
    return TrainingPlan(
        train=videos[:2],
        train_labels=labels[:2],
        behaviors=["bright", "half"],
        augmentation=NO_CHANGE,
        seed=0,
        checkpoint=folder / "checkpoint",
        **options,
    )


def train(folder, stream, videos, flow_weights=None, exclusive=False, scratch=None, **changes):
    folder.mkdir(exist_ok=True)
    plan = plan_of(videos, folder, exclusive=exclusive, settings=SETTINGS | changes, scratch=scratch)
    weights = folder / "weights.safetensors"
    train_stream(plan, stream, weights, folder / "history.csv", flow_weights=flow_weights)
    return weights


def average_precision(weights, video, labels):
    """Return the average precision of a spatial stream in a video, for each behavior."""
    network, metadata = StreamMetadata.load_network(weights)
    values = read_labels(labels).values
    clips, inside = FramePool([video]).windows(np.zeros(len(values), int), np.arange(len(values)), 1)
    with torch.no_grad():
        logits = network.eval()(normalize(unit_values(clips), inside, *metadata.channels))[1]
    found = probabilities(logits, metadata.exclusive).numpy()
    return [average_precision_score(values[on >= 0, k], found[on >= 0, k]) for k, on in enumerate(values.T)]


def test_the_spatial_stream_learns_what_a_frame_shows(tmp_path, videos):
    weights = train(tmp_path / "a", "spatial", videos, epochs=6)
    assert min(average_precision(weights, *videos[2])) > 0.9  # a video that it did not learn from
    metadata = StreamMetadata.read(weights)
    assert (metadata.kind, metadata.behaviors) == ("spatial", ["bright", "half"])


def test_a_pretrained_stream_sees_images_as_its_weights_did_and_its_file_says_where_these_are_from(
    tmp_path, videos, mobilenet
):
    changes = {"network": "mobilenet_v2", "weights": str(mobilenet), "trained": "head", "epochs": 1, "steps": 1}
    network, metadata = StreamMetadata.load_network(train(tmp_path / "a", "spatial", videos, **changes))
    assert metadata.channels == ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    assert (metadata.source, metadata.license) == ("mobilenet.pth", "")
    given = torch.load(mobilenet, weights_only=True)
    for key, value in network.backbone.state_dict().items():  # nothing of it was trained, statistics included
        assert torch.equal(value, given[key]), key
    scratch = StreamMetadata.read(train(tmp_path / "b", "spatial", videos, epochs=1, steps=1))
    assert scratch.source is None
    assert scratch.channel_mean != metadata.channel_mean


@pytest.mark.parametrize(("reuse", "epochs"), [(True, 1), (False, 1), (False, 3)])  # shared, on the fly, cached
def test_the_motion_stream_leaves_the_flow_network_as_it_is(tmp_path, videos, flow_weights, reuse, epochs, monkeypatch):
    used = []
    load = FlowGenerator.load
    monkeypatch.setattr(FlowGenerator, "load", lambda *given: used.append(load(*given)) or used[-1])
    weights = train(tmp_path / "a", "motion", videos, flow_weights, reuse=reuse, epochs=epochs)
    assert StreamMetadata.read(weights).kind == "motion"
    as_given = load(flow_weights, torch.device("cpu"), torch.float32).network
    assert len(used) == 1
    assert torch.equal(flat_parameters(used[0].network), flat_parameters(as_given))  # BatchNorm statistics, too


def test_the_same_seed_gives_the_same_bytes(tmp_path, videos, flow_weights):
    a, b = (train(tmp_path / name, "motion", videos, flow_weights, epochs=1) for name in "ab")
    assert a.read_bytes() == b.read_bytes()


@pytest.mark.parametrize(
    ("stream", "reuse", "epochs"),
    [("spatial", True, 1), ("motion", True, 1), ("motion", False, 1), ("motion", False, 2)],
)
def test_a_killed_training_ends_with_the_same_bytes(
    tmp_path, videos, flow_weights, kill_training, stream, reuse, epochs
):
    options = {"flow_weights": flow_weights, "reuse": reuse, "epochs": epochs, "steps": 3, "batch": 20}
    whole = train(tmp_path / "a", stream, videos, **options)
    with kill_training(step=2):
        train(tmp_path / "b", stream, videos, **options)
    assert train(tmp_path / "b", stream, videos, **options).read_bytes() == whole.read_bytes()
    assert not list((tmp_path / "b").glob("*.part*"))


def test_optic_flow_may_lie_on_a_scratch_disk(tmp_path, videos, flow_weights, kill_training):
    whole = train(tmp_path / "a", "motion", videos, flow_weights, epochs=1)
    assert sorted(path.name for path in (tmp_path / "a/checkpoint.flows").glob("*.json"))
    options = {"flow_weights": flow_weights, "epochs": 1, "scratch": tmp_path / "scratch/flows"}
    with kill_training(step=2):
        train(tmp_path / "b", "motion", videos, **options)
    assert (tmp_path / "scratch/flows").is_dir()
    assert train(tmp_path / "b", "motion", videos, **options).read_bytes() == whole.read_bytes()
    assert not list((tmp_path / "scratch").iterdir())
    assert not list((tmp_path / "b").glob("*.flows"))


@pytest.mark.parametrize(("stream", "reuse", "exclusive"), [("spatial", True, True), ("motion", True, False)])
def test_steps_never_make_a_gpu_wait(tmp_path, videos, flow_weights, values_read, stream, reuse, exclusive):
    options = {"flow_weights": flow_weights, "exclusive": exclusive, "reuse": reuse, "epochs": 1}
    train(tmp_path / "first", stream, videos, steps=2, **options)  # what is made once in a process is there after it
    values_read.clear()
    train(tmp_path / "a", stream, videos, steps=2, **options)
    in_two_steps = values_read.copy()
    values_read.clear()
    train(tmp_path / "b", stream, videos, steps=4, **options)
    assert values_read == in_two_steps


def test_exclusive_behaviors_have_an_output_for_background(tmp_path, write_store, write_table):
    rng = np.random.default_rng(0)
    kind = np.repeat(rng.integers(0, 3, 8), 5)
    frames = rng.integers(0, 60, (40, 32, 32, 3)) + 80 * kind[:, None, None, None]
    pair = write_store("e", frames), write_table("e", ["bright", "half"], np.stack([kind == 1, kind == 2], 1))
    weights = train(tmp_path / "a", "spatial", [pair] * 3, exclusive=True, epochs=6)
    assert StreamMetadata.read(weights).exclusive
    assert min(average_precision(weights, *pair)) > 0.9


@pytest.mark.parametrize("stream", ["spatial", "motion"])
def test_frames_of_short_bouts_are_seen_more_often_if_bouts_are_sampled(
    tmp_path, videos, flow_weights, monkeypatch, stream
):
    seen = []
    kind = FrameSource if stream == "spatial" else CachedFlowSource
    load = kind.load
    monkeypatch.setattr(kind, "load", lambda self, chosen, rng: seen.append(chosen) or load(self, chosen, rng))
    train(tmp_path / "a", stream, videos, flow_weights, sampling="bouts", epochs=1, steps=8, batch=10)
    times = np.bincount(np.concatenate(seen), minlength=80)
    weights = bout_weights(LabelledFrames(videos[:2], ["bright", "half"]))
    assert times.sum() == 80
    assert (np.abs(times - weights) < 1).all()
    assert weights.max() > 1.2 * weights.min()


def test_only_scored_frames_are_learned_from(videos, write_table):
    blank = write_table("blank", ["bright", "half"], np.full((40, 2), -1))
    some = LabelledFrames([(videos[0][0], blank), videos[1]], ["bright", "half"])
    assert len(some) == 40
    assert set(some.videos) == {1}


def test_nothing_labelled_is_refused(tmp_path, videos, write_table):
    blank = write_table("blank", ["bright", "half"], np.full((40, 2), -1))
    with pytest.raises(InputError, match="no frame of the training and validation videos is labelled"):
        train(tmp_path / "a", "spatial", [(path, blank) for path, _ in videos])


def test_a_behavior_that_is_never_on_is_refused(tmp_path, videos, write_table):
    never = write_table("never", ["bright", "half"], [[frame % 2, 0] for frame in range(40)])
    with pytest.raises(InputError, match="'half' is present in no frame of the training and validation videos"):
        train(tmp_path / "a", "spatial", [(path, never) for path, _ in videos])


def test_a_track_gives_the_stacks_that_extraction_gives(tmp_path, videos, flow_weights):
    from ethomake.flow.stacks import frame_stacks, read_blocks
    from ethomake.ingest.frames import FrameStore

    generator = FlowGenerator.load(flow_weights, torch.device("cpu"), torch.float32)
    labelled = LabelledFrames(videos, ["bright", "half"])
    source = CachedFlowSource(labelled, generator, Augmentation(**NO_CHANGE), tmp_path / "track")
    chosen = np.array([3, 45, 119])  # frame 3 of the first video, 5 of the second, 39 of the third
    got = source.load(chosen, np.random.default_rng(0))[0].float()
    for row, video, frame in zip(got, (0, 1, 2), (3, 5, 39), strict=True):
        block = next(read_blocks(FrameStore(videos[video][0])))
        assert torch.equal(row, next(frame_stacks(generator, block, True, 640))[frame].float())


def test_flow_on_the_fly_is_that_of_the_window(videos, flow_weights):
    from ethomake.flow.stacks import frame_stacks, read_blocks
    from ethomake.ingest.frames import FrameStore

    generator = FlowGenerator.load(flow_weights, torch.device("cpu"), torch.float32)
    source = WindowSource(LabelledFrames(videos, ["bright", "half"]), generator, Augmentation(**NO_CHANGE))
    got = source.prepare(source.change(source.load(np.array([0, 17]), np.random.default_rng(0))))
    block = next(read_blocks(FrameStore(videos[0][0])))
    assert torch.allclose(got, next(frame_stacks(generator, block, False, 640))[[0, 17]].float(), atol=1e-2)


def test_joint_training_changes_all_three_networks(tmp_path, videos, flow_weights):
    given = {"flow": flow_weights}
    given["spatial"] = train(tmp_path / "s", "spatial", videos, epochs=1)
    given["motion"] = train(tmp_path / "m", "motion", videos, flow_weights, epochs=1)
    outputs = {part: tmp_path / f"joint_{part}" for part in given}
    plan = plan_of(videos, tmp_path, settings=SETTINGS | {"steps": 2, "batch": 4})
    train_joint(plan, given, outputs, tmp_path / "history.csv")
    from safetensors.torch import load_file

    for part in given:
        made, before = read_header(outputs[part]), read_header(given[part])
        if part == "flow":
            network, metadata = FlowMetadata.load_network(outputs[part])
            channels = metadata.channel_mean, metadata.channel_std
            pool = FramePool(plan.train)
            seen = motion_seen(network.eval(), pool, FRAMES, *channels, torch.device("cpu"), torch.float32)
            assert made.pop("motion_seen") == pytest.approx(seen, abs=1e-3)
        assert made == before
        old, new = load_file(given[part]), load_file(outputs[part])
        assert old.keys() == new.keys()
        assert any(not torch.equal(old[key], new[key]) for key in old if key.endswith("weight"))


def test_frozen_means_frozen(flow_weights):
    generator = FlowGenerator.load(flow_weights, torch.device("cpu"), torch.float32)
    before = flat_parameters(generator.network)
    torch.nn.ModuleList([generator.network]).train()
    generator(torch.rand(2, 11, 3, 32, 32), torch.ones(2, 11, dtype=torch.bool))
    assert torch.equal(flat_parameters(generator.network), before)
