"""Predictions as label files of other programs."""

import json

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.ethogram.export import export_labels
from ethomake.ethogram.tables import Predictions, write_predictions
from ethomake.labels.formats import read_any_labels, recognize, writable_formats
from ethomake.labels.policies import Policies
from ethomake.labels.timeline import Timeline

BEHAVIORS = ("walk", "groom")
DECIDED = np.random.default_rng(0).integers(0, 2, (40, 2)).astype(np.int8)


STEPS = {  # of variable rate, with a pause; and with frames of one time stamp, in between and before the pause
    "pause": [[40, 20], [5000, 1], [33, 18]],
    "repeated": [[40, 10], [0, 1], [40, 8], [0, 1], [5000, 1], [33, 16], [0, 2]],
}


@pytest.fixture(params=STEPS)
def files(tmp_path, request):
    steps = STEPS[request.param]
    stamps = {"time_base": [1, 1000], "first": 0, "steps": steps}
    manifest = {"video": "v", "frames": 40, "fps": 25.0, "timestamps": stamps, "source": {"name": "v.mp4"}}
    (tmp_path / "video.json").write_text(json.dumps(manifest))
    chance = np.full((40, 2), 0.5)
    write_predictions(tmp_path / "v.csv", BEHAVIORS, Predictions(np.arange(40.0), chance, DECIDED, chance))
    return tmp_path / "v.csv", tmp_path / "video.json"


@pytest.mark.parametrize("subject", ["", "m1"])
@pytest.mark.parametrize("name", writable_formats())
def test_what_was_decided_comes_back_from_the_file(files, tmp_path, name, subject):
    output = tmp_path / f"out{writable_formats()[name]}"
    export_labels(*files, output, format=name, behaviors=BEHAVIORS, subject=subject)
    assert recognize(output) == name
    table = read_any_labels(output, Timeline.of(json.loads(files[1].read_text()), subject), Policies())
    assert sorted(table.behaviors) == sorted(BEHAVIORS)
    columns = [table.behaviors.index(behavior) for behavior in BEHAVIORS]
    np.testing.assert_array_equal(table.values[:, columns], DECIDED)


@pytest.mark.parametrize("name", sorted(writable_formats()))
def test_what_was_not_decided_is_absent_or_not_scored_in_the_file(files, tmp_path, name):
    decided = DECIDED.copy()
    decided[10:18] = -1
    chance = np.full((40, 2), 0.5)
    write_predictions(files[0], BEHAVIORS, Predictions(np.arange(40.0), chance, decided, chance))
    output = tmp_path / f"out{writable_formats()[name]}"
    export_labels(*files, output, format=name, behaviors=BEHAVIORS)
    table = read_any_labels(output, Timeline.of(json.loads(files[1].read_text())), Policies())
    columns = [table.behaviors.index(behavior) for behavior in BEHAVIORS]
    np.testing.assert_array_equal(table.values[:, columns] == 1, decided == 1)


def test_a_format_that_is_only_read_is_refused(files, tmp_path):
    with pytest.raises(InputError, match=r"format by_time cannot be written; formats are .*deepethogram"):
        export_labels(*files, tmp_path / "out.csv", format="by_time", behaviors=BEHAVIORS)
    assert not (tmp_path / "out.csv").exists()
