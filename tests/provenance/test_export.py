from pathlib import Path

import pytest
from prov.model import (
    ProvActivity,
    ProvAgent,
    ProvAssociation,
    ProvDerivation,
    ProvDocument,
    ProvEntity,
    ProvGeneration,
)

from ethomake.errors import InputError
from ethomake.files import file_digest
from ethomake.provenance.export import export_records


def label(record):
    return next(iter(record.get_attribute("prov:label")))


def sources_of(document, path):
    """The paths of all files that a file was made from, directly or not."""
    derivations = [[value for _, value in each.formal_attributes[:2]] for each in document.get_records(ProvDerivation)]
    names = {entity.identifier: label(entity) for entity in document.get_records(ProvEntity)}
    found, waiting = set(), [name for name, text in names.items() if text == path]
    while waiting:
        result = waiting.pop()
        for derived, source in derivations:
            if derived == result and source not in found:
                found.add(source)
                waiting.append(source)
    return {names[name] for name in found}


@pytest.mark.usefixtures("chain")
def test_a_figure_leads_back_to_the_raw_video_and_the_labels():
    export_records("results/provenance.json")
    document = ProvDocument.deserialize("results/provenance.json")
    assert sources_of(document, "results/figure.svg") == {
        "results/weights.safetensors",
        "results/ingest/a/video.json",
        "raw/a.csv",
        "raw/a.mp4",
    }
    (video,) = (entity for entity in document.get_records(ProvEntity) if label(entity) == "raw/a.mp4")
    assert video.get_attribute("term:digest") == {file_digest("raw/a.mp4")}


@pytest.mark.usefixtures("chain")
def test_every_job_has_its_rule_its_parameters_and_who_did_it():
    export_records("results/provenance.json")
    document = ProvDocument.deserialize("results/provenance.json")
    jobs = {next(iter(job.get_attribute("term:rule"))): job for job in document.get_records(ProvActivity)}
    assert set(jobs) == {"ingest", "train", "draw"}
    assert jobs["draw"].get_attribute("term:parameters") == {'{"colors": {"groom": "red"}}'}
    assert jobs["train"].get_attribute("term:seed") == {3}
    (agent,) = document.get_records(ProvAgent)
    assert label(agent).startswith("ethomake ")
    assert len(list(document.get_records(ProvAssociation))) == 3
    assert len(list(document.get_records(ProvGeneration))) == 4


@pytest.mark.usefixtures("chain")
def test_a_source_that_changed_since_does_not_lead_further_back(make):
    make("ingest", ["raw/a.mp4"], {"results/ingest/a/video.json": "{ }"})
    export_records("results/provenance.json")
    document = ProvDocument.deserialize("results/provenance.json")
    assert "raw/a.mp4" not in sources_of(document, "results/figure.svg")


def test_the_same_records_give_the_same_bytes_and_odd_names_are_kept(make):
    Path("raw videos").mkdir()
    Path("raw videos/ä #1@2.mp4").write_text("video")
    make("ingest", ["raw videos/ä #1@2.mp4"], {"results/a b.json": "{}"})
    export_records("first.json")
    export_records("second.json")
    assert Path("first.json").read_bytes() == Path("second.json").read_bytes()
    assert sources_of(ProvDocument.deserialize("first.json"), "results/a b.json") == {"raw videos/ä #1@2.mp4"}


def test_a_project_without_results_has_no_provenance(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="there are no records yet"):
        export_records("results/provenance.json")
