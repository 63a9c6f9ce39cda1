import json

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.ethogram.decide import Rule, decide, decide_behaviors, list_bouts, read_rules
from ethomake.ethogram.tables import read_bouts, read_predictions
from ethomake.ingest.times import Clock

BEHAVIORS = ["walk", "rest"]


def edges_of(frames: int, fps: float = 10.0) -> np.ndarray:
    return np.arange(frames + 1) / fps


def signal(text: str) -> np.ndarray:
    """Return one column of probabilities: '#' is .9, '.' is .1."""
    return np.where(np.array(list(text)) == "#", 0.9, 0.1)[:, None]


def drawn(decisions: np.ndarray, k: int = 0) -> str:
    return "".join(".#"[value] for value in decisions[:, k])


@pytest.mark.parametrize(
    ("before", "bout", "gap", "after"),
    [
        ("..##..#..", 0.0, 0.0, "..##..#.."),
        ("..##..#..", 0.2, 0.0, "..##....."),  # a bout as long as the minimum stays
        ("..##..#..", 0.0, 0.3, "..#####.."),
        ("..##..#..", 0.0, 0.2, "..##..#.."),  # so does a gap
        ("..##.#...", 0.4, 0.2, "..####..."),  # gaps first: joined bouts count as one
        ("#.......#", 0.2, 0.0, "........."),
        ("..#####..", 0.0, 9.0, "..#####.."),  # no gap before the first and after the last bout
        ("#########", 5.0, 5.0, "........."),
    ],
)
def test_gaps_then_bouts_are_removed(before, bout, gap, after):
    found = decide(signal(before), [Rule(0.5, bout, gap)], edges_of(len(before)), groups=())
    assert drawn(found) == after


def test_minimum_is_in_seconds_of_the_video():
    edges = np.array([0, 1, 2, 2.1, 3, 4])
    found = decide(signal("#.#.."), [Rule(0.5, 0.5, 0.0)], edges, groups=())
    assert drawn(found) == "#...."


def test_probability_at_the_threshold_is_on():
    found = decide(np.array([[0.5], [0.4999]]), [Rule(0.5, 0, 0)], edges_of(2), groups=())
    assert found.tolist() == [[1], [0]]


def test_behaviors_may_overlap_unless_exclusive():
    probabilities = np.array([[0.6, 0.3], [0.45, 0.4], [0.2, 0.2], [0.1, 0.6]])
    rules = [Rule(0.3, 0, 0)] * 2
    assert decide(probabilities, rules, edges_of(4), groups=()).tolist() == [[1, 1], [1, 1], [0, 0], [0, 1]]
    # In the third frame background (.6) wins.
    rules = [Rule(None, 0, 0)] * 2
    assert decide(probabilities, rules, edges_of(4), groups=((0, 1),)).tolist() == [[1, 0], [1, 0], [0, 0], [0, 1]]


def exclusive(text: str) -> np.ndarray:
    return np.stack([np.where(np.array(list(text)) == name, 0.9, 0.02) for name in "ab"], axis=1)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("aaabaaa", "aaaaaaa"),  # b is too short, and the bout that it split is joined again
        ("aaa.aaa", "aaaaaaa"),
        ("aaabbaaa", "aaabbaaa"),  # b is long enough, so a is not joined
        ("...b...", "......."),
    ],
)
def test_exclusive_behaviors_stay_exclusive_when_cleaned(before, after):
    found = decide(exclusive(before), [Rule(None, 0.2, 0.3)] * 2, edges_of(len(before)), groups=((0, 1),))
    assert found.sum(axis=1).max() <= 1
    text = "".join("ab."[row.argmax() if row.any() else 2] for row in found)
    assert text == after


def test_groups_are_decided_and_cleaned_each_by_itself():
    # a and c exclude each other, b and d too, e is independent
    text = {"a": "aaa.aaa", "b": "..bbb..", "c": "...c...", "d": "b.....b", "e": "e.eee.e"}
    on = np.stack([np.array(list(row)) != "." for row in text.values()], axis=1)
    probabilities = np.where(on, 0.8, 0.1)
    rules = [Rule(None, 0.2, 0.3), Rule(None, 0, 0), Rule(None, 0.2, 0), Rule(None, 0, 0.9), Rule(0.7, 0, 0.2)]
    found = decide(probabilities, rules, edges_of(7), groups=((0, 2), (1, 3)))
    rows = ["".join(name if value else "." for value in column) for name, column in zip("abcde", found.T, strict=True)]
    assert rows[0] == "aaaaaaa"  # the short c is dropped, then the gap is closed, whatever b does
    assert rows[1] == "..bbb.."
    assert rows[2] == "......."
    assert rows[3] == "d.....d"  # b is in the gap
    assert rows[4] == "eeeeeee"  # by its threshold; others do not keep its gaps open


def test_of_a_group_the_most_probable_one_or_none_is_present():
    probabilities = np.array([[0.5, 0.9, 0.4], [0.3, 0.9, 0.3], [0.2, 0.1, 0.7]])
    found = decide(probabilities, [Rule(None, 0, 0), Rule(0.5, 0, 0), Rule(None, 0, 0)], edges_of(3), groups=((0, 2),))
    assert found.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 1]]  # in the second frame their background (.4) wins


def test_bouts_come_in_order_of_start():
    decisions = np.array([[0, 1], [1, 1], [1, 0], [0, 1]], np.int8)
    probabilities = np.array([[0.1, 0.6], [0.8, 0.8], [0.6, 0.1], [0.2, 0.9]])
    edges = edges_of(4)
    clock = Clock(edges[:-1], edges[1:], np.zeros(0, np.int64), edges)
    bouts = list_bouts(probabilities, decisions, clock, "v", "s", BEHAVIORS)
    assert [(bout.behavior, bout.start_frame, bout.stop_frame) for bout in bouts] == [
        ("rest", 0, 2),
        ("walk", 1, 3),
        ("rest", 3, 4),
    ]
    assert [bout.mean_probability for bout in bouts] == pytest.approx([0.7, 0.7, 0.9])
    assert bouts[2].stop_s == pytest.approx(0.4)


def write_files(folder, probabilities, *, exclusive=False, threshold=0.5, steps=None):
    np.save(folder / "p.npy", probabilities.astype(np.float32))
    own = {"threshold": None if exclusive else threshold, "minimum_bout_s": 0.2, "minimum_gap_s": 0.1}
    content = {"exclusive": exclusive, "behaviors": {name: own for name in BEHAVIORS}}
    (folder / "t.json").write_text(json.dumps(content))
    frames = len(probabilities)
    stamps = {"time_base": [1, 10], "first": 0, "steps": steps or [[1, frames - 1]]}
    manifest = {"video": "v", "frames": frames, "fps": 10.0, "constant_rate": True, "timestamps": stamps}
    (folder / "v.json").write_text(json.dumps(manifest))
    return folder / "p.npy", folder / "t.json", folder / "v.json"


def run(folder, files, **changes):
    options = {"video": "v", "behaviors": BEHAVIORS, "exclusive": False, "settings": {}} | changes
    decide_behaviors(*files, folder / "out.csv", folder / "bouts.csv", **options)


def test_files_hold_what_was_decided(tmp_path):
    probabilities = np.array([[0.9, 0.2], [0.8, 0.2], [0.1, 0.1], [0.1, 0.7], [0.1, 0.2], [0.3, 0.2]])
    run(tmp_path, write_files(tmp_path, probabilities), subject="fly, 1")
    lines = (tmp_path / "out.csv").read_text().splitlines()
    # files of earlier versions say nothing of calibration, and leave probabilities as they are
    header = "frame,time_s,probability_walk,probability_rest,calibrated_walk,calibrated_rest,walk,rest,background"
    assert lines[0] == header
    assert lines[1] == "0,0.000000,0.900000,0.200000,0.900000,0.200000,1,0,0"
    assert (
        lines[4] == "3,0.300000,0.100000,0.700000,0.100000,0.700000,0,0,1"
    )  # a bout of .1 s is too short, so background again
    predictions = read_predictions(tmp_path / "out.csv", BEHAVIORS)
    assert predictions.probabilities == pytest.approx(probabilities)
    assert predictions.decisions[:, 0].tolist() == [1, 1, 0, 0, 0, 0]
    (bout,) = read_bouts(tmp_path / "bouts.csv")
    assert (bout.video, bout.subject, bout.behavior) == ("v", "fly, 1", "walk")
    assert (bout.start_frame, bout.stop_frame, bout.duration_s) == (0, 2, pytest.approx(0.2))


def test_nothing_is_decided_where_the_animal_has_no_track(tmp_path):
    probabilities = np.zeros((20, 2))
    probabilities[2:17, 0] = 0.9  # as the networks see it, the last picture being repeated
    probabilities[9, 1] = 0.9
    files = write_files(tmp_path, probabilities)
    content = json.loads(files[2].read_text())
    files[2].write_text(json.dumps(content | {"track": {"lost": [[6, 10], [19, 20]]}}))
    settings = {"minimum_gap_s": 1.5, "minimum_bout_s": 0.3}  # would close the gap, which lasts 0.4 s
    run(tmp_path, files, settings=settings)
    decisions = read_predictions(tmp_path / "out.csv", BEHAVIORS).decisions
    expected = np.repeat([0, 1, -1, 1, 0, -1], [2, 4, 4, 7, 2, 1])
    assert decisions[:, 0].tolist() == expected.tolist()
    assert decisions[:, 1].tolist() == np.where(expected < 0, -1, 0).tolist()
    last = [line.rsplit(",", 1)[1] for line in (tmp_path / "out.csv").read_text().splitlines()[1:]]
    assert [int(cell) for cell in last] == np.where(expected == 1, 0, np.where(expected < 0, -1, 1)).tolist()
    bouts = [(bout.start_frame, bout.stop_frame) for bout in read_bouts(tmp_path / "bouts.csv")]
    assert bouts == [(2, 6), (10, 17)]


def test_nothing_is_decided_without_a_track_in_exclusive_groups_either():
    probabilities = np.tile([0.9, 0.05], (8, 1))
    rules = [Rule(None, 0.0, 9.0)] * 2
    found = decide(probabilities, rules, np.arange(9) / 10, ((0, 1),), lost=[[0, 2], [4, 5]])
    assert found[:, 0].tolist() == [-1, -1, 1, 1, -1, 1, 1, 1]
    assert found[:, 1].tolist() == [-1, -1, 0, 0, -1, 0, 0, 0]


def calibrated_as(thresholds, **calibrations):
    content = json.loads(thresholds.read_text())
    content["behaviors"] = {
        name: own | ({"calibration": calibrations[name]} if name in calibrations else {})
        for name, own in content["behaviors"].items()
    }
    thresholds.write_text(json.dumps(content))


def test_calibrated_probabilities_stand_beside_and_change_no_decision(tmp_path):
    random = np.random.default_rng(0)
    files = write_files(tmp_path, random.random((40, 2)))
    run(tmp_path, files)
    before, bouts = read_predictions(tmp_path / "out.csv", BEHAVIORS), (tmp_path / "bouts.csv").read_bytes()
    calibrated_as(files[1], walk={"slope": 0.5, "offset": -1.0})
    run(tmp_path, files)
    after = read_predictions(tmp_path / "out.csv", BEHAVIORS)
    for name in ("probabilities", "decisions"):
        assert np.array_equal(getattr(after, name), getattr(before, name))
    assert (tmp_path / "bouts.csv").read_bytes() == bouts
    walk = before.probabilities[:, 0]
    assert after.calibrated[:, 0] == pytest.approx(1 / (1 + np.exp(1) * ((1 - walk) / walk) ** 0.5), abs=1e-6)
    assert np.array_equal(after.calibrated[:, 1], before.probabilities[:, 1])


@pytest.mark.parametrize("calibration", [{"slope": -1, "offset": 0}, {"slope": 1}, {"slope": 1, "offset": None}, 3])
def test_an_impossible_calibration_is_refused(tmp_path, calibration):
    files = write_files(tmp_path, np.zeros((3, 2)))
    calibrated_as(files[1], rest=calibration)
    with pytest.raises(InputError, match=r"t\.json: calibration of rest is .* positive slope"):
        run(tmp_path, files)
    assert not (tmp_path / "out.csv").exists()


def test_settings_replace_what_was_fitted(tmp_path):
    probabilities = np.full((4, 2), 0.45)
    files = write_files(tmp_path, probabilities)
    run(tmp_path, files, settings={"thresholds": {"rest": 0.4}})
    assert read_predictions(tmp_path / "out.csv", BEHAVIORS).decisions.sum(axis=0).tolist() == [0, 4]
    fitted = read_rules(files[1], behaviors=BEHAVIORS, exclusive=False, settings={"minimum_bout_s": {"walk": 1}})
    assert [rule.minimum_bout_s for rule in fitted] == [1, 0.2]
    fitted = read_rules(files[1], behaviors=BEHAVIORS, exclusive=False, settings={"minimum_gap_s": 0})
    assert [rule.minimum_gap_s for rule in fitted] == [0, 0]


def test_files_of_another_configuration_are_refused(tmp_path):
    files = write_files(tmp_path, np.zeros((3, 2)))
    with pytest.raises(InputError, match="another configuration"):
        run(tmp_path, files, behaviors=["walk", "sit"])
    np.save(files[0], np.zeros((4, 2), np.float32))
    with pytest.raises(InputError, match="4 frames of 2 behaviors"):
        run(tmp_path, files)
    assert not (tmp_path / "out.csv").exists()


def test_predictions_of_other_behaviors_are_refused(tmp_path):
    run(tmp_path, write_files(tmp_path, np.zeros((3, 2))))
    with pytest.raises(InputError, match="behaviors"):
        read_predictions(tmp_path / "out.csv", ["rest", "walk"])


# A pause of 100 s after the fourth of eight frames.
PAUSED = [[1, 3], [1000, 1], [1, 3]]


def test_a_bout_ends_where_filming_stops(tmp_path):
    walk, rest = signal("...##..."), signal("#......#")
    run(tmp_path, write_files(tmp_path, np.hstack([walk, rest]), steps=PAUSED), settings={"minimum_bout_s": 0})
    found = [
        (bout.behavior, bout.start_frame, bout.stop_frame, bout.start_s, bout.stop_s, bout.duration_s)
        for bout in read_bouts(tmp_path / "bouts.csv")
    ]
    assert found == [
        ("rest", 0, 1, *map(pytest.approx, (0, 0.1, 0.1))),
        ("walk", 3, 4, *map(pytest.approx, (0.3, 0.4, 0.1))),
        ("walk", 4, 5, *map(pytest.approx, (100.3, 100.4, 0.1))),
        ("rest", 7, 8, *map(pytest.approx, (100.6, 100.7, 0.1))),
    ]
    assert read_predictions(tmp_path / "out.csv", BEHAVIORS).times[4] == pytest.approx(100.3)


def test_a_pause_makes_no_bout_long_and_no_gap_is_closed_over_it(tmp_path):
    files = write_files(tmp_path, np.hstack([signal("..####.."), signal("##.##.##")]), steps=PAUSED)
    run(tmp_path, files, settings={"minimum_bout_s": 0.3})
    assert read_bouts(tmp_path / "bouts.csv") == []  # 0.2 s before the pause, and 0.2 s after it
    run(tmp_path, files, settings={"minimum_bout_s": 0, "minimum_gap_s": {"rest": 50, "walk": 0}})
    rest = [bout for bout in read_bouts(tmp_path / "bouts.csv") if bout.behavior == "rest"]
    assert [(bout.start_frame, bout.stop_frame) for bout in rest] == [(0, 4), (4, 8)]  # joined where all was filmed
    run(tmp_path, write_files(tmp_path, np.hstack([signal("#......#"), signal("........")]), steps=PAUSED))
    assert read_bouts(tmp_path / "bouts.csv") == []  # too short
    settings = {"minimum_bout_s": 0, "minimum_gap_s": 500}
    run(tmp_path, write_files(tmp_path, np.hstack([signal("#......#")] * 2), steps=PAUSED), settings=settings)
    assert [bout.duration_s for bout in read_bouts(tmp_path / "bouts.csv")] == pytest.approx([0.1] * 4)


def test_seconds_follow_the_rate_of_life(tmp_path):
    files = write_files(tmp_path, np.hstack([signal(".###...."), signal("........")]))
    run(tmp_path, files, settings={"minimum_bout_s": 0}, rate=1 / 60)  # one frame a minute
    (bout,) = read_bouts(tmp_path / "bouts.csv")
    assert (bout.start_s, bout.stop_s, bout.duration_s) == (60, 240, 180)
    assert read_predictions(tmp_path / "out.csv", BEHAVIORS).times[-1] == 420
    run(tmp_path, files, settings={"minimum_bout_s": 0.02}, rate=200)
    assert read_bouts(tmp_path / "bouts.csv") == []  # 15 ms
