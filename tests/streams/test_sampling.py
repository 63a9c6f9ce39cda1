import numpy as np
import pytest

from ethomake.labels.bouts import find_bouts
from ethomake.streams.sampling import MOST, bout_weights, sampling_weights
from ethomake.streams.sources import LabelledFrames


@pytest.fixture
def labelled_as(write_store, write_table):
    """Return the labelled frames of videos with the given labels, each (T, 2)."""

    def make(*values):
        pairs = [
            (write_store(f"v{i}", np.zeros((len(rows), 32, 32, 3))), write_table(f"v{i}", ["a", "b"], np.array(rows)))
            for i, rows in enumerate(values)
        ]
        return LabelledFrames(pairs, ["a", "b"])

    return make


def test_weights_by_hand(labelled_as):
    #         background x 4, a x 4, a and b, b, not scored, b, background      the next video begins with background
    rows = [[0, 0]] * 4 + [[1, 0]] * 3 + [[1, 1]] + [[0, 1]] + [[-1, -1]] + [[0, 1]] + [[0, 0]]
    labelled = labelled_as(rows, [[0, 0]] * 2)
    #          in a's bout of 4; its last frame is in b's bout of 2, too
    lengths = [4] * 4 + [4] * 3 + [2] + [2] + [1] + [1] + [2] * 2
    expected = 1 / np.sqrt(lengths)
    assert bout_weights(labelled) == pytest.approx(expected / expected.mean())


def test_each_bout_has_the_root_of_its_length(labelled_as):
    rng = np.random.default_rng(0)
    on = np.repeat(np.arange(20) % 2, rng.integers(3, 30, 20))
    weights = bout_weights(labelled_as(np.stack([on, 0 * on], 1)))
    bouts = np.concatenate([find_bouts(on == 1), find_bouts(on == 0)])
    sums = np.array([weights[start:stop].sum() for start, stop in bouts])
    roots = np.sqrt(bouts[:, 1] - bouts[:, 0])
    assert sums / sums.sum() == pytest.approx(roots / roots.sum())
    assert weights.mean() == pytest.approx(1)


def test_a_frame_that_flickers_is_not_seen_over_and_over(labelled_as):
    rows = np.zeros((402, 2), int)
    rows[200, 0] = 1
    weights = bout_weights(labelled_as(rows))
    alone = np.array([200**-0.5] * 200 + [1] + [201**-0.5] * 201)
    assert MOST * alone.mean() < 1
    alone[200] = MOST * alone.mean()
    assert weights == pytest.approx(alone / alone.mean())


def test_all_frames_are_alike_unless_bouts_are_asked_for(labelled_as):
    labelled = labelled_as([[0, 0]] * 9 + [[1, 0]])
    assert sampling_weights({"sampling": "frames"}, labelled) is None
    assert sampling_weights({"sampling": "bouts"}, labelled) == pytest.approx([1 / 1.2] * 9 + [3 / 1.2])
