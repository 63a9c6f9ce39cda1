import pytest

from ethomake.provenance.explain import Findings, explain, name_of


def record(**parameters):
    inputs = {"results/ingest/a/video.json": "sha256:0", "results/ingest/b/video.json": "sha256:0"}
    code = {"digest": "old", "modules": {"ethomake/flow/loss.py": "0", "ethomake/files.py": "0"}}
    return {"inputs": inputs, "parameters": parameters, "code": code}


def why(before=None, inputs=(), parameters=None, modules=None, **findings):
    found = Findings(parameters=parameters is not None, **findings)
    return explain(found, before, inputs, parameters or {}, lambda: modules or {})


def test_a_result_that_was_never_made_and_one_that_is_gone():
    missing = ["results/ethograms/main/bouts/a.csv"]
    assert why(missing=missing, remade=["results/labels/a.csv"]) == "there is no result yet"
    assert why(record(), missing=missing) == "its result is gone: the bouts of a"


def test_interrupted_or_asked_for():
    assert why(record(), interrupted=True) == "it was interrupted"
    assert why(record(), forced=True) == "you asked for it"


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        ({"settings": {"epochs": 10}}, {"settings": {"epochs": 5}}, "the setting epochs is 5, was 10"),
        (
            {"augmentation": {"hue": 0.1}},
            {"augmentation": {"hue": 0.2}},
            "the setting augmentation.hue is 0.2, was 0.1",
        ),
        ({"colors": {}}, {"colors": {"groom": "#ee6677"}}, "the setting colors.groom is new: #ee6677"),
        ({"colors": {"groom": "red"}}, {"colors": {}}, "the setting colors.groom is gone"),
        ({"exclusive": False}, {"exclusive": True}, "the setting exclusive is true, was false"),
        ({"scored": None}, {"scored": ("groom",)}, "the setting scored is groom, was none"),
        ({"behaviors": ["groom"]}, {"behaviors": ["groom", "rear"]}, "the setting behaviors is groom, rear, was groom"),
        ({"text": "x" * 99}, {"text": "y" * 99}, "the setting text has changed"),
        ({"table": {"a": {"group": "wt"}}}, {"table": {"a": {"group": "ko"}}}, "the video table has changed"),
        (
            {"settings": {"size": [64, 64]}},
            {"settings": {"size": (32, 32)}},
            "the setting size is [32, 32], was [64, 64]",
        ),
    ],
)
def test_a_setting_is_named_with_both_values(before, now, words):
    assert why(record(**before), parameters=now | {"code": "old", "checkpoint": "x"}) == words


def test_who_trains_and_who_validates():
    before = record(videos={"train": ["a", "b"], "validate": ["c"]})
    words = why(before, parameters={"videos": {"train": ["a", "c"], "validate": ["b"]}})
    assert words == (
        "c joined those that train; b left those that train; b joined those that validate; c left those that validate"
    )


def test_the_program_is_named_by_its_files():
    modules = {"ethomake/flow/loss.py": "1", "ethomake/files.py": "0"}
    words = why(record(), parameters={"code": "new"}, modules=modules)
    assert words == "the program has changed (ethomake/flow/loss.py)"


def test_without_a_record_the_change_cannot_be_named():
    assert why(parameters={"epochs": 5}) == "its settings or the program have changed"


def test_the_users_own_files_are_named():
    changed = ["labels/fly1.csv", "raw/fly1.mp4", "given.safetensors", "results/labels/fly1.csv"]
    assert why(record(), changed=changed) == (
        "the weights it starts from have changed (given.safetensors); its labels have changed (labels/fly1.csv); "
        "its video has changed (raw/fly1.mp4); the labels of fly1 have changed"
    )


def test_videos_that_came_and_went():
    inputs = ["results/ingest/b/video.json", "results/ingest/mouse7/video.json", "results/ingest/mouse8/video.json"]
    words = why(record(), inputs=inputs, other_inputs=True)
    assert words == "videos were added: mouse7 and mouse8; a video was removed: a"


def test_other_files_of_the_same_videos():
    inputs = ["results/ingest/a/video.json", "results/ingest/b/video.json", "results/labels/a.csv", "given.pt"]
    assert why(record(), inputs=inputs, other_inputs=True) == "it now uses given.pt and the labels of a"


def test_what_is_made_anew_is_told_by_kind():
    motion = "results/streams/main/motion/weights.safetensors"
    assert why(record(), remade=[motion]) == "its inputs are recomputed: the weights of the motion stream"
    many = [f"results/ethograms/main/bouts/{video}.csv" for video in "abcdef"] + [
        "results/ethograms/main/thresholds.json"
    ]
    assert why(record(), remade=many) == "its inputs are recomputed: the bouts of 6 videos and the thresholds"
    kinds = [
        "ethograms/main/summary.csv",
        "ethograms/main/transitions.svg",
        "report/main.html",
        "evaluation/main/metrics.json",
        "flow/main/curves.svg",
    ]
    assert why(record(), remade=[f"results/{name}" for name in kinds]).endswith("the report, the summary and 1 more")


def test_where_there_is_nothing_to_say_snakemakes_words_stay():
    assert why(record()) is None
    assert why(record(), parameters={"checkpoint": "another"}) is None


def test_a_file_that_is_no_result_is_its_path():
    assert name_of("raw/a.mp4") == ("raw/a.mp4", None)
    assert name_of("results/features/main/a.zarr") == ("the features", "a")
