import json
import subprocess
import sys
from html.parser import HTMLParser

import numpy as np
import pytest

from ethomake.ethogram.decide import decide_behaviors
from ethomake.ethogram.figures import draw_ethogram
from ethomake.ethogram.summary import summarize
from ethomake.ethogram.thresholds import fit_thresholds
from ethomake.ethogram.transitions import count_transitions
from ethomake.evaluation.evaluate import evaluate
from ethomake.evaluation.figures import draw_evaluation
from ethomake.evaluation.methods import describe_methods
from ethomake.evaluation.report import write_report
from ethomake.files import file_digest
from ethomake.labels.table import LabelTable, write_labels

SETTINGS = {
    "preset": "fast",
    "seed": 5,
    "ingest": {"image_size": [96, 128], "keep_aspect": True},
    "augmentation": {"flip_vertical": 0.5},
    "flow": {"network": "tiny_motion_net", "epochs": 3, "weights": "none"},
    "streams": {"network": "resnet18", "enabled": ["spatial", "motion"], "epochs": 4, "weights": "none"},
    "sequence": {"network": "tgm", "window": 60, "epochs": 5},
    "evaluation": {"chance_shifts": 4},
}
VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Fails on tags that are not closed in order, and collects the pictures and the text."""

    def __init__(self):
        super().__init__()
        self.open, self.images, self.text, self.links, self.ids = [], [], "", [], []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag not in {"script", "link", "iframe"}
        if tag == "img":
            self.images.append(attrs["src"])
        if tag == "a":
            self.links.append(attrs["href"])
        if "id" in attrs:
            self.ids.append(attrs["id"])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data


def make_results(folder, behaviors, parts, frames=90):
    """All files of the last stages for videos of the given parts, from random probabilities."""
    random, rows = np.random.default_rng(0), []
    for n, part in enumerate(parts):
        name = f"v{n}"
        labels = np.repeat(random.random((frames // 15, len(behaviors))) < 0.4, 15, axis=0).astype(np.int8)
        noise = random.random(labels.shape) * 0.6
        np.save(folder / f"{name}.npy", (labels * 0.4 + noise).astype(np.float32))
        write_labels(folder / f"{name}_labels.csv", LabelTable(tuple(behaviors), labels))
        steps = {"time_base": [1, 10], "first": 0, "steps": [[1, frames - 1]]}
        manifest = {"video": name, "frames": frames, "fps": 10.0, "constant_rate": True, "timestamps": steps}
        manifest |= {"source": {"name": "<b>&.mp4", "digest": "sha256:feed"}, "source_size": [48, 64]}
        (folder / f"{name}.json").write_text(json.dumps(manifest | {"frames_digest": "sha256:beef"}))
        rows.append(
            {"video": name, "part": part, "subject": "<i>fly</i>", "group": "", "manifest": folder / f"{name}.json"}
        )
    validate = [
        (folder / f"{row['video']}.npy", folder / f"{row['video']}_labels.csv", row["manifest"])
        for row in rows
        if row["part"] == "validate"
    ]
    common = {"behaviors": behaviors, "exclusive": False}
    fit_thresholds(validate, folder / "thresholds.json", **common)
    for row in rows:
        name = row["video"]
        files = [folder / f"{name}.npy", folder / "thresholds.json", row["manifest"]]
        outputs = [folder / f"{name}_predictions.csv", folder / f"{name}_bouts.csv"]
        decide_behaviors(*files, *outputs, video=name, settings={}, **common)
        figures = [folder / f"{name}.png", folder / f"{name}.svg"]
        draw_ethogram(outputs[0], *files[1:], *figures, video=name, settings={}, **common)
        row["ethogram"] = figures[1]
    bouts = [folder / f"{row['video']}_bouts.csv" for row in rows]
    manifests = [row["manifest"] for row in rows]
    summarize(list(zip(bouts, manifests, strict=True)), folder / "summary.csv", behaviors=behaviors, table={})
    figures = [folder / f"transitions.{suffix}" for suffix in ("csv", "png", "svg")]
    count_transitions(bouts, *figures, behaviors=behaviors, table={})
    test = [
        (folder / f"{row['video']}_predictions.csv", folder / f"{row['video']}_labels.csv", row["manifest"])
        for row in rows
        if row["part"] == "test"
    ]
    names = ("metrics", "per_video", "precision_recall", "calibration", "confusion", "bout_statistics")
    tables = [folder / "metrics.json", *(folder / f"{name}.csv" for name in names)]
    evaluate(test, *tables, behaviors=behaviors, chance_shifts=4, seed=0)
    draw_evaluation(tables[0], *tables[3:], folder, behaviors=behaviors, colors={})
    return rows


def report(folder, rows, behaviors, **changes):
    options = {
        "transitions": folder / "transitions.svg",
        "thresholds": folder / "thresholds.json",
        "evaluation": folder,
        "settings": SETTINGS,
        "exclusive": False,
    } | changes
    write_report(folder / "report.html", videos=rows, behaviors=behaviors, summary=folder / "summary.csv", **options)
    page = Balance()
    text = (folder / "report.html").read_text()
    page.feed(text)
    assert page.open == []
    assert all(source.startswith("data:image/") for source in page.images)
    assert all(link.removeprefix("#") in page.ids for link in page.links)
    assert "http" not in text.replace("http://www.w3.org", "")
    return page


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("results")
    behaviors = ["walk", "a<b&c"]
    return folder, make_results(folder, behaviors, ["train", "validate", "test", ""]), behaviors


def test_page_holds_everything(results):
    folder, rows, behaviors = results
    page = report(
        folder, rows, behaviors, curves=[("Flow <net>", folder / "v0.png")], weights={"flow": folder / "v0.npy"}
    )
    for text in (
        "Test videos",
        "a<b&c",
        "<i>fly</i>",
        "<b>&.mp4",
        "Flow <net>",
        "TinyMotionNet",
        "Seed 5",
        "feed",
        "beef",
    ):
        assert text in page.text
    metrics = json.loads((folder / "metrics.json").read_text())
    assert f"{metrics['macro']['f1']:.2f}" in page.text
    assert "There is one test video" in page.text
    assert len(page.images) == 4 + 5 + 1 + 1  # ethograms, evaluation, transitions, curve
    assert page.text.index("Test videos") < page.text.index("Other ethograms")


def test_page_is_the_same_again(results):
    folder, rows, behaviors = results
    report(folder, rows, behaviors)
    one = (folder / "report.html").read_bytes()
    report(folder, rows, behaviors)
    assert one == (folder / "report.html").read_bytes()
    assert str(folder).encode() not in one


def test_test_videos_come_first(results):
    folder, rows, behaviors = results
    page = report(folder, rows, behaviors)
    order = [page.text.index(f"v{n}", page.text.index("frames/s")) for n in (2, 1, 0, 3)]
    assert order == sorted(order)


def test_predictions_alone_are_reported(tmp_path):
    rows = make_results(tmp_path, ["walk"], [""])
    for evaluation in (tmp_path, None):
        page = report(tmp_path, rows, ["walk"], evaluation=evaluation, thresholds=None, transitions=None, settings={})
        assert "No test video with labels" in page.text
        assert "Test videos" not in page.text
        assert len(page.images) == 1


def test_models_of_a_bundle_are_told_of(results, tmp_path):
    folder, rows, behaviors = results
    counts = {name: {"scored_frames": 5000, "positive_frames": 4321} for name in behaviors}
    content = {
        "ethomake": "0.9",
        "behaviors": behaviors,
        "frames_per_second": [25.0, 30.0],
        "trained_on": {part: {"videos": 7, "frames": 5000, "behaviors": counts} for part in ("train", "validate")},
    }
    (tmp_path / "bundle.json").write_text(json.dumps(content))
    settings = SETTINGS | {"models": "../<other>"}
    page = report(folder, rows, behaviors, settings=settings, bundle=tmp_path / "bundle.json")
    for text in ("No network was trained here", "../<other>", "7 training videos", "25 to 30 frames", "4,321"):
        assert text in page.text
    assert "Fitted on 1 video of the bundle's project" in page.text
    assert page.text.count(file_digest(tmp_path / "bundle.json").removeprefix("sha256:")) == 2
    assert "taken from its bundle" in page.text


def test_many_behaviors_fit(tmp_path):
    behaviors = [f"behavior_{k}" for k in range(13)]
    rows = make_results(tmp_path, behaviors, ["test"], frames=30)
    assert "13 behaviors" in report(tmp_path, rows, behaviors).text


def test_a_huge_page_names_what_it_leaves_out(results, monkeypatch):
    folder, rows, behaviors = results
    monkeypatch.setattr("ethomake.evaluation.report.MOST_BYTES", rows[2]["ethogram"].stat().st_size)
    page = report(folder, rows, behaviors)
    assert "Not shown here, see their files: v1, v0, v3." in page.text


def test_starting_up_does_not_need_torch():
    modules = ["ethogram.decide", "ethogram.figures", "ethogram.transitions", "evaluation.report", "evaluation.figures"]
    imports = "; ".join(f"import ethomake.{module}" for module in modules)
    code = f"import sys; {imports}; sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_methods_say_only_what_is_known():
    parts = {"train": ["a"], "validate": ["b"], "test": ["c"]}
    text = " ".join(describe_methods(SETTINGS, exclusive=False, parts=parts, frames=1234))
    for piece in ("1,234 frames", "128 x 96 pixels", "ResNet18", "at most 4 epochs", "up-down flips (0.5)", "4 times"):
        assert piece in text
    assert "left-right" not in text
    bare = " ".join(describe_methods({}, exclusive=True, parts={}, frames=10))
    assert "most probable behavior" in bare
    assert "None" not in bare
    spatial = SETTINGS | {"streams": SETTINGS["streams"] | {"enabled": ["spatial"]}}
    assert "Optic flow" not in " ".join(describe_methods(spatial, exclusive=False, parts=parts, frames=1))
