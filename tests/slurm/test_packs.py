"""Many short videos: packs of them are jobs of the cluster, not each video."""

import re

import pytest

from .conftest import CONFIG, running

pytestmark = pytest.mark.slurm

MANY = CONFIG | {
    "simulated": {
        "videos": 120,
        "seconds": 2,
        "fps": 20,
        "size": 64,
        "train": 4,
        "validate": 4,
        "test": 4,
        "unlabelled": 108,
    },
    "flow": {"epochs": 1, "steps": 2, "batch": 2},
    "streams": {"epochs": 1, "steps": 2, "batch": 4},
}
PACKS = 3 + 1  # one of each part, and one of those without labels
# Drawing, ingest, features, probabilities, and decisions; labels to train and validate; four trainings, thresholds.
SUBMISSIONS = 5 * PACKS + 2 + 5


def test_many_short_videos_are_few_submissions(cluster, tmp_path):
    with running(tmp_path, "predictions", "--max-threads", "1", cluster=cluster, config=MANY) as run:
        run.finish()
    assert len(re.findall(r"has been submitted with SLURM jobid", run.said)) == SUBMISSIONS
    assert len(list((tmp_path / "results/ethograms/main/predictions").glob("*.csv"))) == 120
    logs = [run.log(f"features/main/sim_{number:02d}") for number in range(120)]
    assert all(log.startswith("SLURM job ") for log in logs)
    assert len({log.splitlines()[0] for log in logs}) == PACKS
