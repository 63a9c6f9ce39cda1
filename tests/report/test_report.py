import csv
import json
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from jinja2 import UndefinedError

import ethomake.report
from ethomake.ethogram.decide import decide_behaviors
from ethomake.ethogram.figures import draw_ethogram
from ethomake.ethogram.summary import summarize
from ethomake.ethogram.thresholds import FittingVideo, fit_thresholds
from ethomake.ethogram.transitions import count_transitions
from ethomake.evaluation.evaluate import evaluate
from ethomake.evaluation.figures import draw_evaluation
from ethomake.evaluation.raters import RatedVideo, compare_raters
from ethomake.files import file_digest, write_npz
from ethomake.labels.table import LabelTable, read_labels, write_labels
from ethomake.report.methods import describe_methods
from ethomake.report.page import render
from ethomake.report.report import write_report

SETTINGS = {
    "preset": "fast",
    "seed": 5,
    "ingest": {"image_size": [96, 128], "keep_aspect": True},
    "augmentation": {"flip_vertical": 0.5, "scale": 1.0, "blur": 0.0},
    "flow": {"network": "tiny_motion_net", "epochs": 3, "weights": "none"},
    "streams": {"network": "resnet18", "enabled": ["spatial", "motion"], "epochs": 4, "weights": "none"},
    "sequence": {"network": "tgm", "window": 60, "epochs": 5},
    "evaluation": {"chance_shifts": 4},
}
VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Fails on tags that are not closed in order, and collects pictures and text."""

    def __init__(self):
        super().__init__()
        self.open, self.images, self.text, self.links, self.ids = [], [], "", [], []
        self.tags, self.alts, self.sections = set(), [], {}  # sections: text by heading
        self.heading = None

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        assert tag not in {"script", "link", "iframe"}
        self.tags.add(tag)
        if tag == "h2":
            self.heading = ""
        if tag == "img":
            self.images.append(attrs["src"])
            self.alts.append(attrs["alt"])
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
            if self.open[-1] == "h2":
                self.heading += data
            elif self.heading is not None:
                self.sections[self.heading] = self.sections.get(self.heading, "") + data


def make_results(folder, behaviors, parts, frames=90):
    """Write all files of the last stages for videos of the given parts, from random probabilities."""
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
    learned = [row["video"] for row in rows if row["part"] in ("train", "validate")]
    videos = [FittingVideo(name, name, folder / f"{name}_labels.csv", folder / f"{name}.json") for name in learned]
    write_npz(folder / "out_of_fold.npz", {name: np.load(folder / f"{name}.npy") for name in learned})
    common = {"behaviors": behaviors, "exclusive": False}
    fit_thresholds(folder / "out_of_fold.npz", videos, folder / "thresholds.json", **common)
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
    count_transitions(list(zip(bouts, manifests, strict=True)), *figures, behaviors=behaviors, table={})
    test = [
        (folder / f"{row['video']}_predictions.csv", folder / f"{row['video']}_labels.csv", row["manifest"])
        for row in rows
        if row["part"] == "test"
    ]
    evaluate(test, folder, behaviors=behaviors, chance_shifts=4, seed=0)
    draw_evaluation(folder, folder, behaviors=behaviors, colors={})
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
    assert page.text.count("the model was trained on these labels") == 2, "those for training and for validation"


def test_check_videos_stand_beside_the_scores(tmp_path):
    behaviors = ["walk", "rest"]
    rows = make_results(tmp_path, behaviors, ["train", "validate", "test", "check"])
    files = (tmp_path / "v3_predictions.csv", tmp_path / "v3_labels.csv", tmp_path / "v3.json")
    (tmp_path / "check").mkdir()
    evaluate([files], tmp_path / "check", behaviors=behaviors, chance_shifts=4, seed=0, part="check")
    page = report(tmp_path, rows, behaviors, checks=tmp_path / "check")
    metrics, checked = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in (".", "check"))
    assert (metrics["videos"], checked["videos"]) == (["v2"], ["v3"])
    section = page.sections["Check videos"]
    assert f"{checked['behaviors']['walk']['f1']:.2f}" in section
    assert "v2" not in section
    assert "Ethogram of v3" in page.alts
    cards = page.text[: page.text.index("Test videos")]  # menu and headline figures
    assert f"{metrics['macro']['f1']:.2f}" in page.text
    assert f"{checked['macro']['f1']:.2f}mean F1" not in page.text.replace("\n", "")
    assert "v3" not in cards
    assert "Check videos" not in report(tmp_path, rows, behaviors).sections


def test_two_raters_have_a_section(results, tmp_path):
    folder, rows, behaviors = results
    for name in ("v0", "v2"):
        values = read_labels(folder / f"{name}_labels.csv").values
        write_labels(tmp_path / f"{name}.csv", LabelTable(tuple(behaviors), np.roll(values, 3, axis=0)))
    given = [
        RatedVideo(folder / f"{name}_labels.csv", tmp_path / f"{name}.csv", tmp_path / f"{name}.json")
        for name in ("v0", "v2")
    ]
    for video in given:
        facts = json.loads((folder / video.manifest.name).read_text())
        video.manifest.write_text(json.dumps(facts | {"damaged": []}))
    compare_raters(given, tmp_path / "raters", behaviors=behaviors, tolerance_s=0.5)
    page = report(folder, rows, behaviors, raters=tmp_path / "raters")
    row = next(csv.DictReader((tmp_path / "raters/agreement.csv").open(newline="")))
    section = page.sections["Two raters"]
    assert (row["video"], row["behavior"]) == ("", "walk")
    assert f"walk2180{float(row['kappa']):.2f}" in "".join(section.split())
    assert "Where two raters differ" in page.alts
    assert "Two raters" not in report(folder, rows, behaviors).sections


NASTY = '<b>&"x"</b>'


def renamed(content, names):
    """Return JSON content with names replaced, in keys and in values."""
    if isinstance(content, dict):
        return {names.get(key, key): renamed(value, names) for key, value in content.items()}
    if isinstance(content, list):
        return [renamed(value, names) for value in content]
    return names.get(content, content) if isinstance(content, str) else content


def test_names_are_shown_as_they_are_in_every_section(results, tmp_path):
    folder, rows, behaviors = results
    names = {"walk": NASTY, "a<b&c": NASTY + "'", "v1": NASTY + "1", "v2": NASTY + "2"}
    for path in folder.iterdir():
        if path.suffix == ".json":
            (tmp_path / path.name).write_text(json.dumps(renamed(json.loads(path.read_text()), names)))
        elif path.suffix == ".csv":
            with path.open(newline="") as old, (tmp_path / path.name).open("w", newline="") as new:
                csv.writer(new).writerows([names.get(cell, cell) for cell in row] for row in csv.reader(old))
        else:
            shutil.copyfile(path, tmp_path / path.name)
    counts = {name: {"scored_frames": 5000, "positive_frames": 4321} for name in names.values()}
    bundle = {"ethomake": NASTY, "behaviors": list(counts), "frames_per_second": [25.0, 25.0]}
    bundle["trained_on"] = {part: {"videos": 7, "behaviors": counts} for part in ("train", "validate")}
    (tmp_path / "bundle.json").write_text(json.dumps(bundle))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    metrics["videos"] = [NASTY + "1", NASTY + "2"]
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    changed = [
        row
        | {"video": names.get(row["video"], row["video"]), "subject": NASTY, "group": NASTY}
        | {"manifest": tmp_path / row["manifest"].name, "ethogram": tmp_path / row["ethogram"].name}
        for row in rows
    ]
    page = report(
        tmp_path,
        changed,
        [names[name] for name in behaviors],
        curves=[(NASTY, tmp_path / "v0.png")],
        weights={NASTY: tmp_path / "v0.npy"},
        settings=SETTINGS | {"models": NASTY, "behaviors": [NASTY]},
        bundle=tmp_path / "bundle.json",
    )
    silent = {"Transitions between behaviors", "Methods"}  # these contain no names chosen by the user
    assert {name for name, text in page.sections.items() if NASTY not in text} == silent
    assert f"Ethogram of {NASTY}2" in page.alts
    assert f"Learning curves: {NASTY}" in page.alts
    assert NASTY in page.text[: page.text.index("Test videos")]
    shown = (tmp_path / "report.html").read_text()
    assert NASTY not in shown
    assert '"x"' not in shown


def test_nothing_is_exempt_from_escaping():
    folder = Path(ethomake.report.__file__).parent
    sources = [path.read_text() for path in folder.rglob("*") if path.suffix in (".py", ".j2")]
    assert len(sources) > 15
    for source in sources:
        assert not re.search(r"\|\s*safe|Markup|autoescape (false|true)", source)


def test_a_template_that_misses_a_value_is_an_error():
    with pytest.raises(UndefinedError, match="undefined"):
        render("templates/report.html.j2", videos=1, length="1 s", frames=2)


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


def test_thresholds_that_will_not_carry_over_are_told_of(results, tmp_path):
    folder, rows, behaviors = results
    content = json.loads((folder / "thresholds.json").read_text())
    first, second = content["behaviors"].values()
    first |= {"disagree": True, "recordings": {"b": {"threshold": 0.71}, "a": {"threshold": 0.24}}}
    second |= {"pooled": None, "recordings": {}, "disagree": False}
    (tmp_path / "thresholds.json").write_text(json.dumps(content))
    page = report(folder, rows, behaviors, thresholds=tmp_path / "thresholds.json")
    assert "walk: the best threshold differs between recordings, 0.24 to 0.71" in page.text
    assert "a<b&c: at most one labelled animal or recording shows it" in page.text


def test_calibration_is_reported_before_and_after(results, tmp_path):
    folder, rows, behaviors = results
    page = report(folder, rows, behaviors)
    section = page.sections["Thresholds and minimum bout lengths"]
    for own in json.loads((folder / "thresholds.json").read_text())["behaviors"].values():
        assert own["calibration"]["fitted"]
        assert f"{own['calibration']['slope']:.2f}" in section
        for key in ("calibration_error", "calibration_error_after"):
            assert f"{own[key]:.3f}" in section
    tested = json.loads((folder / "metrics.json").read_text())["behaviors"]
    for own in tested.values():
        for key in ("brier", "brier_calibrated", "calibration_error", "calibration_error_calibrated"):
            assert f"{own[key]:.3f}" in page.sections["Agreement per behavior"]

    content = json.loads((folder / "thresholds.json").read_text())
    for own in content["behaviors"].values():  # as in bundles of earlier versions
        del own["calibration"], own["calibration_error_after"]
        own["calibration_error"] = None
    (tmp_path / "thresholds.json").write_text(json.dumps(content))
    page = report(folder, rows, behaviors, thresholds=tmp_path / "thresholds.json")
    assert "Calibrated probabilities are those of the model" in page.text


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
    assert "Fitted on 2 videos of the bundle's project" in page.text
    assert page.text.count(file_digest(tmp_path / "bundle.json").removeprefix("sha256:")) == 2
    assert "taken from its bundle" in page.text


def test_many_behaviors_fit(tmp_path):
    behaviors = [f"behavior_{k}" for k in range(13)]
    rows = make_results(tmp_path, behaviors, ["test"], frames=30)
    assert "13 behaviors" in report(tmp_path, rows, behaviors).text


def test_a_huge_page_names_what_it_leaves_out(results, monkeypatch):
    folder, rows, behaviors = results
    monkeypatch.setattr("ethomake.report.results.MOST_BYTES", rows[2]["ethogram"].stat().st_size)
    page = report(folder, rows, behaviors)
    assert "Not shown here, see their files: v1, v0, v3." in page.text


def test_starting_up_does_not_need_torch():
    modules = ["ethogram.decide", "ethogram.figures", "ethogram.transitions", "report.report", "evaluation.figures"]
    imports = "; ".join(f"import ethomake.{module}" for module in modules)
    code = f"import sys; {imports}; sys.exit('torch' in sys.modules or 'matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_methods_say_only_what_is_known():
    parts = {"train": ["a"], "validate": ["b"], "test": ["c"]}
    text = " ".join(describe_methods(SETTINGS, exclusive=False, parts=parts, frames=1234))
    for piece in ("1,234 frames", "128 x 96 pixels", "ResNet18", "for 4 epochs", "up-down flips (0.5)", "4 times"):
        assert piece in text
    assert "left-right" not in text
    assert "zoom" not in text
    wide = SETTINGS | {"augmentation": {"scale": 1.25, "rate": 1.0, "gamma": 0.5, "noise": 0.05, "blur": 0.0}}
    text = " ".join(describe_methods(wide, exclusive=False, parts=parts, frames=1))
    assert "augmented by zoom (up to 1.25 times), gamma (up to 0.5), the same" in text
    assert "length of their bout" not in text
    bouts = SETTINGS | {"streams": SETTINGS["streams"] | {"sampling": "bouts"}}
    assert "length of their bout" in " ".join(describe_methods(bouts, exclusive=False, parts=parts, frames=1))
    assert "Noise was added to training clips (up to 0.05 of the range" in text
    bare = " ".join(describe_methods({}, exclusive=True, parts={}, frames=10))
    assert "most probable behavior" in bare
    assert "None" not in bare
    spatial = SETTINGS | {"streams": SETTINGS["streams"] | {"enabled": ["spatial"]}}
    assert "Optic flow" not in " ".join(describe_methods(spatial, exclusive=False, parts=parts, frames=1))


def test_the_quick_tier_says_what_it_is(tmp_path):
    streams = {"network": "mobilenet_v2", "enabled": ["frozen"], "weights": "IMAGENET1K_V1", "epochs": 20}
    settings = SETTINGS | {"preset": "frozen", "streams": streams}
    rows = make_results(tmp_path, ["walk"], [""])
    given = {"evaluation": None, "thresholds": None, "transitions": None}
    page = report(tmp_path, rows, ["walk"], settings=settings, **given)
    assert "Made with the quick tier" in page.text
    for piece in ("MobileNetV2 with torchvision's weights IMAGENET1K_V1", "no stream was trained", "t-2, t and t+2"):
        assert piece in page.text
    for piece in ("Optic flow was", "looked at", "for 20 epochs", "augmented"):
        assert piece not in page.text
    assert "quick tier" not in report(tmp_path, rows, ["walk"], settings=SETTINGS, **given).text


def stream_row(stream, recording, ap, learned=False, lost=False, p95=0.4):
    row = {"stream": stream, "behavior": "walk", "recording": recording, "learned": learned, "lost": lost}
    row |= {"parts": ["train", "validate"] if learned else ["test"], "frames": 900, "positive_frames": 90, "bouts": 9}
    return row | {"average_precision": ap, "share": 0.25, "chance": None if learned else {"mean": 0.25, "p95": p95}}


def test_a_stream_that_knows_nothing_in_a_recording_is_named(results, tmp_path):
    folder, rows, _ = results
    scores = [stream_row("motion", None, 0.99, learned=True), stream_row("motion", "clip1", 0.98, learned=True)]
    scores += [stream_row("motion", "clip2", 0.26, lost=True), stream_row("motion", "<i>3</i>", 0.8)]
    content = {"streams": ["spatial", "motion"], "behaviors": ["walk"], "scores": scores}
    (tmp_path / "scores.json").write_text(json.dumps(content))
    page = report(folder, rows, ["walk"], streams=tmp_path / "scores.json")
    assert (
        "motion: walk in recording clip2 (AP 0.26, share 0.25) ranks no better than chance, while it reaches 0.99 on "
        "videos it learned from: what this stream sees does not carry over; label some of that recording, or leave the "
        "stream out (streams.enabled)."
    ) in page.text
    assert "recording <i>3</i>" not in page.text
    section = " ".join(page.sections["Each stream by recording"].split())
    for line in ("alltraining and validationmotion0.99 (0.25)", "clip2testmotion0.26 (0.25)", "<i>3</i>"):
        assert line in section
    assert "Each stream by recording" not in report(folder, rows, ["walk"]).sections


def test_a_flow_network_that_sees_hardly_any_motion_is_told(results):
    folder, rows, _ = results
    assert "Optic flow: of frames" not in report(folder, rows, ["walk"]).text
    assert "Optic flow: of frames" not in report(folder, rows, ["walk"], motion_seen=0.9).text
    text = report(folder, rows, ["walk"], motion_seen=0.06).text
    assert "Optic flow: of frames that move by one pixel, the flow network sees 6% of the motion" in text
    assert "sees 0% of the motion" in report(folder, rows, ["walk"], motion_seen=-0.02).text


def test_several_recordings_are_in_one_note_and_a_single_stream_cannot_be_left_out(results, tmp_path):
    folder, rows, _ = results
    scores = [stream_row("motion", None, 0.9, learned=True), stream_row("motion", "clip2", 0.26, lost=True)]
    scores.append(stream_row("motion", "clip3", 0.3, lost=True, p95=0.28))
    content = {"streams": ["motion"], "behaviors": ["walk"], "scores": scores}
    (tmp_path / "scores.json").write_text(json.dumps(content))
    text = report(folder, rows, ["walk"], streams=tmp_path / "scores.json").text
    assert "in recordings clip2 (AP 0.26, share 0.25) and clip3 (AP 0.30, share 0.25) ranks hardly better" in text
    assert "label some of those recordings." in text


def test_imported_labels_are_told_with_what_was_left_out(tmp_path):
    rows = make_results(tmp_path, ["walk", "groom"], ["train", "validate", "test"])
    imported = {
        "format": "boris",
        "frames": 90,
        "behaviors": {
            "walk": {"bouts": 3, "frames": 1234, "not_scored": 0},
            "groom": {"bouts": 0, "frames": 0, "not_scored": 45},
        },
        "notes": ["line 3: <cut> at the end"],
        "mended": [],
        "ignored": ["sniff, which is not among the behaviors"],
    }
    (tmp_path / "imported.json").write_text(json.dumps(imported))
    assert "Labels" not in report(tmp_path, rows, ["walk", "groom"]).sections
    rows[0]["imported"] = tmp_path / "imported.json"
    shown = report(tmp_path, rows, ["walk", "groom"]).sections["Labels"]
    for text in ("v0", "boris", "3 / 1,234", "0 / 0", "75", "line 3: <cut> at the end", "left out", "sniff, which"):
        assert text in shown
