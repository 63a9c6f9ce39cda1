import itertools
import json

import numpy as np
import pytest

from ethomake.errors import InputError
from ethomake.project.stratify import assign_parts

THIRDS = {"train": 0.6, "validate": 0.2, "test": 0.2}
PARTS = ("train", "validate", "test")


def table(n, **columns):
    return [
        {"video": f"v{i:03}", "labels": f"v{i:03}.csv", "part": "", "subject": ""}
        | {key: value(i) for key, value in columns.items()}
        for i in range(n)
    ]


def part_of(parts):
    return {video: name for name in PARTS for video in parts[name]}


def assign(rows, positives=None, **options):
    return assign_parts(rows, positives or {}, **({"fractions": THIRDS} | options))


def test_fractions_and_completeness():
    parts = assign(table(50))
    assert [len(parts[name]) for name in PARTS] == [30, 10, 10]
    assert sorted(part_of(parts)) == [row["video"] for row in table(50)]
    assert all(parts[name] == sorted(parts[name]) for name in PARTS)


@pytest.mark.parametrize(("n", "counts"), [(0, [0, 0, 0]), (1, [1, 0, 0]), (2, [1, 1, 0]), (3, [1, 1, 1])])
def test_few_videos_reach_as_many_parts_as_they_can(n, counts):
    parts = assign(table(n))
    assert [len(parts[name]) for name in PARTS] == counts


def test_a_share_of_nothing_gets_nothing():
    parts = assign(table(7), fractions={"train": 3, "validate": 1, "test": 0})
    assert [len(parts[name]) for name in PARTS] == [5, 2, 0]


def test_same_seed_same_split_whatever_the_order_and_other_seeds_differ():
    rows = table(30)
    assert assign(rows, seed=3) == assign(rows[::-1], seed=3)
    assert len({json.dumps(assign(rows, seed=seed)) for seed in range(5)}) == 5


def test_videos_of_a_subject_stay_together_and_follow_a_part_in_the_table():
    rows = table(40, subject=lambda i: f"s{i % 10}" if i < 30 else "", part=lambda i: "test" if i == 4 else "")
    parts = part_of(assign(rows))
    for i, j in itertools.combinations(range(30), 2):
        if i % 10 == j % 10:
            assert parts[rows[i]["video"]] == parts[rows[j]["video"]]
    assert parts["v004"] == parts["v014"] == parts["v024"] == "test"


def test_a_subject_in_two_parts_is_an_error_unless_split_by_video():
    rows = table(4, subject=lambda i: "s", part=lambda i: ["train", "test", "", ""][i])
    with pytest.raises(InputError, match=r"subject 's' is in two parts \(v001 in test, v000 in train\)"):
        assign(rows)
    parts = part_of(assign(rows, by="video"))
    assert (parts["v000"], parts["v001"]) == ("train", "test")


def tracked(i, part=""):
    """One of two animals in a file."""
    return {"video": f"v{i:03}", "labels": "x.csv", "path": f"{i // 2}.mp4", "track": f"{i // 2}.slp", "part": part}


@pytest.mark.parametrize("by", ["subject", "video"])
def test_animals_that_are_tracked_in_one_video_file_stay_together(by, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [tracked(i) for i in range(20)]
    rows[1]["path"], rows[3]["path"] = "./0.mp4", str(tmp_path / "1.mp4")
    (tmp_path / "link.mp4").symlink_to("2.mp4")
    rows[5]["path"] = "link.mp4"
    for seed in range(5):
        parts = assign(rows, by=by, seed=seed)
        assert [len(parts[name]) for name in PARTS] == [12, 4, 4]
        where = part_of(parts)
        for i in range(0, 20, 2):
            assert where[f"v{i:03}"] == where[f"v{i + 1:03}"]
    crops = [row | {"track": ""} for row in rows]  # boxes that are apart
    where = part_of(assign(crops, by=by))
    assert any(where[f"v{i:03}"] != where[f"v{i + 1:03}"] for i in range(0, 20, 2))


def test_a_subject_joins_the_files_in_which_it_is_tracked():
    rows = [tracked(i) | {"subject": "Anna" if i in (0, 2) else f"s{i}"} for i in range(12)]
    for seed in range(5):
        where = part_of(assign(rows, seed=seed))
        assert len({where[f"v{i:03}"] for i in range(4)}) == 1
    rows[3]["part"] = "test"
    assert {part_of(assign(rows))[f"v{i:03}"] for i in range(4)} == {"test"}


def test_parts_in_the_table_may_separate_tracked_animals_and_those_without_one_follow_training():
    rows = [tracked(i) | {"path": "0.mp4"} for i in range(4)] + [tracked(i) for i in range(10, 16)]
    rows[0]["part"], rows[2]["part"] = "test", "train"
    where = part_of(assign(rows))
    assert [where[f"v{i:03}"] for i in range(4)] == ["test", "train", "train", "train"]


def test_an_earlier_split_that_separated_tracked_animals_is_mended_towards_training():
    rows = [tracked(i) for i in range(12)]
    earlier = {"train": ["v001", "v002", "v003"], "validate": ["v004", "v005"], "test": ["v000"]}
    where = part_of(assign(rows, previous=earlier))
    assert [where[f"v{i:03}"] for i in range(6)] == ["train"] * 4 + ["validate"] * 2


def test_an_unknown_part_is_an_error():
    with pytest.raises(InputError, match=r"video v001: part 'val'"):
        assign(table(2, part=lambda i: "val" if i else ""))


def test_videos_without_labels_have_no_part():
    parts = part_of(assign(table(6, labels=lambda i: "" if i == 2 else "x.csv")))
    assert sorted(parts) == ["v000", "v001", "v003", "v004", "v005"]


def test_an_earlier_split_is_kept_and_the_table_is_stronger():
    rows = table(20)
    earlier = assign(rows, seed=1)
    more = table(26, part=lambda i: "test" if i == 0 else "")
    now, before = part_of(assign(more, seed=2, previous=earlier)), part_of(earlier)
    assert now["v000"] == "test"
    assert all(now[video] == before[video] for video in list(before)[1:] if video != "v000")
    assert len(now) == 26


def test_a_video_never_moves_out_of_train_because_its_subject_joined():
    rows = table(2, subject=lambda i: "s")
    parts = assign(rows, previous={"train": ["v001"], "validate": [], "test": ["v000"]})
    assert parts["train"] == ["v000", "v001"]


@pytest.mark.parametrize("seed", range(20))
def test_every_behavior_reaches_every_part_wherever_brute_force_can(seed):
    rng = np.random.default_rng(seed)
    rows = table(7)
    has = rng.random((7, 3)) < 0.5
    positives = {row["video"]: dict(zip("abc", map(int, has[i]), strict=True)) for i, row in enumerate(rows)}

    def missing(numbers):
        return [[p, b] for p in range(3) for b in range(3) if has[:, b].any() and not has[numbers == p, b].any()]

    parts = part_of(assign(rows, positives, seed=seed))
    ours = np.array([PARTS.index(parts[row["video"]]) for row in rows])
    assert np.bincount(ours, minlength=3).tolist() == [4, 2, 1] or np.bincount(ours).tolist() == [4, 1, 2]
    sizes = np.bincount(ours, minlength=3).tolist()
    every = [np.array(p) for p in itertools.product(range(3), repeat=7)]
    weight = [9, 3, 1]  # lacking in train is worst, then in validate
    cost = [sum(weight[p] for p, _ in missing(e)) for e in every if np.bincount(e, minlength=3).tolist() == sizes]
    assert sum(weight[p] for p, _ in missing(ours)) == min(cost)


def test_two_thousand_videos_are_stratified():
    rng = np.random.default_rng(0)
    rows = table(2000, subject=lambda i: f"s{i // 2}")
    positives = {row["video"]: {f"b{k}": int(rng.random() < 0.01 * k) for k in range(1, 12)} for row in rows}
    parts = assign(rows, positives)
    assert [len(parts[name]) for name in PARTS] == [1200, 400, 400]
    for k in range(1, 12):
        videos = np.array([sum(positives[v][f"b{k}"] for v in parts[name]) for name in PARTS])
        np.testing.assert_allclose(videos / videos.sum(), [0.6, 0.2, 0.2], atol=0.12)
