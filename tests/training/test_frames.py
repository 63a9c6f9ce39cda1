import numpy as np
import pytest
import torch

from ethomake.errors import InputError
from ethomake.ingest.frames import FrameStore
from ethomake.training import frames
from ethomake.training.frames import FramePool, normalize, normalize_frames, pooled_statistics, prefetch


def grey(values, size=32):
    """Write frames of one grey level each, which JPEG stores exactly."""
    return np.broadcast_to(np.asarray(values)[:, None, None, None], (len(values), size, size, 3))


@pytest.mark.parametrize("budget", [0, 2**30])
def test_windows_are_the_right_frames_of_the_right_video(write_store, budget):
    pool = FramePool([write_store("a", grey([10, 20, 30, 40])), write_store("b", grey([110, 120, 130]))], budget)
    clips, inside = pool.windows(np.array([0, 1, 0]), np.array([1, 2, 3]), 3)
    assert clips[:, :, 0, 0, 0].tolist() == [[10, 20, 30], [120, 130, 130], [30, 40, 40]]
    assert inside.tolist() == [[True] * 3, [True, True, False], [True, True, False]]


@pytest.mark.parametrize("threads", [1, 3])
def test_windows_that_share_frames_have_each_decoded_once(write_store, monkeypatch, threads):
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    paths = [write_store("a", grey(range(0, 100, 10))), write_store("b", grey(range(100, 200, 10)))]
    pool, decoded = FramePool(paths, budget=0), []
    read = FrameStore.read

    def watched(store, indices):
        decoded.extend((store.path.parent.name, int(i)) for i in indices)
        return read(store, indices)

    monkeypatch.setattr(FrameStore, "read", watched)
    clips, inside = pool.windows(np.array([1, 0, 1, 1, 0]), np.array([4, 0, 5, 4, 0]), 5)
    assert clips[:, :, 2, 3, 4].tolist() == [
        [120, 130, 140, 150, 160],
        [0, 0, 0, 10, 20],
        [130, 140, 150, 160, 170],
        [120, 130, 140, 150, 160],
        [0, 0, 0, 10, 20],
    ]
    assert inside.sum(1).tolist() == [5, 3, 5, 5, 3]
    assert sorted(decoded) == [("a", i) for i in range(3)] + [("b", i) for i in range(2, 8)]


def test_frames_in_memory_are_those_of_the_store(write_store, monkeypatch):
    monkeypatch.setattr(frames, "BLOCK", 4)
    paths = [write_store("a", grey(range(0, 90, 10))), write_store("b", grey(range(100, 130, 10)))]
    everything = torch.cat([FrameStore(path).read(range(count)) for path, count in zip(paths, (9, 3), strict=True)])
    assert torch.equal(FramePool(paths).decoded, everything)


def test_frames_outside_the_video_become_the_mean_image():
    clips = torch.full((1, 3, 3, 2, 2), 0.75)
    out = normalize(clips, torch.tensor([[False, True, True]]), [0.5] * 3, [0.125] * 3)
    assert torch.equal(out[0, 0], torch.zeros(3, 2, 2))
    assert torch.equal(out[0, 1], torch.full((3, 2, 2), 2.0))


def test_pooled_statistics_are_those_of_all_pixels_together():
    rng = np.random.default_rng(0)
    videos = [rng.random((n, 50, 3)) * scale for n, scale in ((4, 1.0), (9, 0.3))]
    manifests = [
        {"frames": len(v), "channel_mean": v.mean((0, 1)).tolist(), "channel_std": v.std((0, 1)).tolist()}
        for v in videos
    ]
    mean, std = pooled_statistics(manifests)
    together = np.concatenate(videos).reshape(-1, 3)
    assert mean == pytest.approx(together.mean(0))
    assert std == pytest.approx(together.std(0))


def test_different_image_sizes_are_refused(write_store):
    with pytest.raises(InputError, match="image sizes differ"):
        FramePool([write_store("a", grey([1, 2], 32)), write_store("b", grey([1, 2], 64))])


def test_prefetch_keeps_order_and_hands_on_errors():
    assert list(prefetch(iter(range(20)))) == list(range(20))

    def broken():
        yield 1
        raise KeyError("lost")

    items = prefetch(broken())
    assert next(items) == 1
    with pytest.raises(KeyError, match="lost"):
        next(items)


def test_prefetch_can_be_left_early():
    items = prefetch(iter(range(1000)))
    assert next(items) == 0
    items.close()


def test_stored_frames_are_normalized_as_in_training():
    frames = torch.randint(0, 256, (5, 3, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    mean, std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.25]
    inside = torch.tensor([False, True, True, True, False])
    wanted = normalize(frames[None].float() / 255, inside[None], mean, std)[0]
    got = normalize_frames(frames, [0, 4], mean, std, torch.float32)
    assert torch.allclose(got, wanted, atol=1e-5)
    assert not got[[0, 4]].any()
    assert normalize_frames(frames, [], mean, std, torch.bfloat16).dtype == torch.bfloat16
