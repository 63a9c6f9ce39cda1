"""From a project of BORIS to one of BORIS: what is written is opened by BORIS itself."""

import numpy as np
import pytest

from ethomake.ethogram.tables import read_predictions
from ethomake.example.simulated import BEHAVIORS, draw_video
from ethomake.files import read_json, write_json
from ethomake.labels.check import choose_behaviors
from ethomake.labels.formats import boris, read_any_labels
from ethomake.labels.table import LabelTable, read_labels
from ethomake.labels.timeline import Timeline

from ..boris import install_boris, open_with_boris
from ..tiny import TINY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """The Python of an environment with BORIS."""
    return install_boris(tmp_path_factory.mktemp("boris") / "environment")


@pytest.mark.parametrize("rate", ["constant", "variable"])
def test_boris_opens_what_is_written_and_its_exports_say_the_same(python, tmp_path, rate):
    rng = np.random.default_rng(1)
    steps = np.full(90, 1 / 30) if rate == "constant" else rng.choice([0.033, 0.04, 2.5], 90)
    edges = np.append(0, np.cumsum(steps))
    line = Timeline(edges[:-1], edges[1:], 30.0, "filmé.mp4", "m1")
    values = np.repeat(rng.integers(-1, 2, (30, 3)), 3, axis=0).astype(np.int8)
    values[-1] = 1  # up to the very end
    table = LabelTable(("walk", "groom: head", "歩く"), values)
    path = tmp_path / "written.boris"
    boris.write(table, line, path)
    found = open_with_boris(python, path, tmp_path / "opened")
    assert (found["changed"], found["message"], found["problems"]) == (False, "", "")
    assert found["behaviors"][:3] == list(table.behaviors)
    assert found["subjects"] == ["m1"]
    assert found["media"] == {"filmé m1": ["filmé.mp4"]}
    assert {event[1] for event in found["events"]["filmé m1"]} == {"m1"}
    assert len(found["files"]) == 8
    for _, exported in found["files"]:
        if exported.endswith((".xlsx", ".ods")):
            pytest.importorskip("python_calamine", reason="workbooks need the extra excel")
        back = choose_behaviors(read_any_labels(exported, line), exported, behaviors=table.behaviors)
        np.testing.assert_array_equal(back.values, values, err_msg=exported)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A folder with three drawn videos, labelled in one project of BORIS with an observation of each; settings."""
    folder = tmp_path_factory.mktemp("drawn")
    rows, whole = [], {}
    for part in ("train", "validate", "test"):
        settings = TINY["simulated"] | {"videos": 3, "unlabelled": 0}
        draw_video(folder / f"{part}.mp4", folder / f"{part}.csv", video=part, settings=settings)
        table = read_labels(folder / f"{part}.csv")
        line = Timeline.regular(len(table.values), settings["fps"], f"{part}.mp4")
        boris.write(table, line, folder / "scored.boris")
        content = read_json(folder / "scored.boris")
        whole = content | {"observations": whole.get("observations", {}) | content["observations"]}
        rows.append(f"{part},{part}.mp4,scored.boris,{part}\n")
    write_json(folder / "scored.boris", whole)
    (folder / "videos.csv").write_text("video,path,labels,part\n" + "".join(rows))
    config = {key: value for key, value in TINY.items() if key != "simulated"}
    config["streams"] = config["streams"] | {"enabled": ["spatial"]}  # without optic flow: sooner done
    write_json(folder / "config.yaml", config | {"example": "none", "behaviors": list(BEHAVIORS)})
    return folder


def test_a_project_of_boris_is_learned_from_and_predictions_are_one_again(python, run_snakemake, drawn, tmp_path):
    outcome = run_snakemake(drawn, "export_boris", "results/labels/test.csv", "--cores", "2", threads=2)
    assert outcome.status == 0, outcome.output[-3000:]
    for video in ("train", "validate", "test"):
        read, true = (read_labels(drawn / place) for place in (f"results/labels/{video}.csv", f"{video}.csv"))
        np.testing.assert_array_equal(read.values, true.values)
        found = open_with_boris(python, drawn / f"results/exports/main/boris/{video}.boris", tmp_path / video)
        assert (found["changed"], found["message"], found["problems"]) == (False, "", "")
        assert found["behaviors"] == list(BEHAVIORS)
        assert found["media"] == {video: [f"{video}.mp4"]}
        decided = read_predictions(drawn / f"results/ethograms/main/predictions/{video}.csv", BEHAVIORS).decisions
        line = Timeline.of(read_json(drawn / f"results/ingest/{video}/video.json"))
        assert bool(found["files"]) == bool((decided == 1).any())
        for _, exported in found["files"]:
            if exported.endswith(".csv"):
                back = choose_behaviors(read_any_labels(exported, line), exported, behaviors=BEHAVIORS)
                np.testing.assert_array_equal(back.values, decided, err_msg=exported)
