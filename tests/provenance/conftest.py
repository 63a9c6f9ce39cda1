"""A project of few small jobs, each with its record."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from ethomake.files import write_text
from ethomake.provenance.record import begin_record, record_path, write_record

SCRIPT = '"""Make something."""\n'


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Run a job in a folder of its own: `make(rule, inputs, {output: text}, **params)` gives the record's path."""
    monkeypatch.chdir(tmp_path)
    Path("make.py").write_text(SCRIPT)

    def run(rule, inputs, outputs, **params):
        job = SimpleNamespace(
            rule=rule,
            log=[f"logs/{rule}.log"],
            threads=1,
            input=inputs,
            output=list(outputs),
            params=params,
            wildcards={},
        )
        begun = begin_record(job, "make.py")
        for name, text in outputs.items():
            write_text(name, text)
        write_record(begun, {})
        return record_path(job.log[0])

    return run


@pytest.fixture
def chain(make):
    """A video and its labels -> frames -> weights -> a figure."""
    Path("raw").mkdir()
    Path("raw/a.mp4").write_text("video")
    Path("raw/a.csv").write_text("labels")
    make("ingest", ["raw/a.mp4"], {"results/ingest/a/frames.npy": "frames", "results/ingest/a/video.json": "{}"})
    make("train", ["results/ingest/a/video.json", "raw/a.csv"], {"results/weights.safetensors": "weights"}, seed=3)
    make("draw", ["results/weights.safetensors"], {"results/figure.svg": "figure"}, colors={"groom": "red"})
