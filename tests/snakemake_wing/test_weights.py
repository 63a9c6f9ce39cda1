"""Weights that cannot be loaded are refused before any job, in the words of the job that would load them."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision import models

from ethomake.errors import InputError
from ethomake.project.load import Project
from ethomake.project.runs import Run, Split
from ethomake.project.settings import resolve_settings
from ethomake.snakemake import weights
from ethomake.snakemake.weights import check_weights


@pytest.fixture
def check(tmp_path, monkeypatch):
    """A function that checks the weights of a project with some sections of settings."""
    monkeypatch.chdir(tmp_path)

    def look(**sections):
        settings = resolve_settings({"behaviors": ["groom"], "example": "none"} | sections)
        check_weights(Project({}, {"main": Run("main", Split({}, {}, {}), settings)}, ()))

    return look


def test_without_files_nobody_is_asked(check, monkeypatch):
    monkeypatch.setattr(weights.subprocess, "run", None)
    check()
    check(streams={"weights": "IMAGENET1K_V1"})


@pytest.mark.slow
def test_weights_that_fit_are_loaded_once(check, monkeypatch):
    torch.save(models.resnet18(weights=None).state_dict(), "resnet18.pth")
    only_spatial = {"weights": "resnet18.pth", "enabled": ["spatial"]}
    check(streams=only_spatial)
    monkeypatch.setattr(weights.subprocess, "run", None)
    check(streams=only_spatial)


def test_weights_that_do_not_fit_are_refused_with_the_key(check):
    state = models.resnet18(weights=None).state_dict()
    torch.save({"conv1.weight": state["conv1.weight"]}, "partial.pth")
    with pytest.raises(InputError, match=r"^config: streams\.weights: partial\.pth: .*they lack bn1\.bias") as error:
        check(streams={"weights": "partial.pth", "enabled": ["spatial"]})
    assert "\n" not in str(error.value)


@pytest.mark.slow
def test_weights_of_the_flow_network_are_looked_at_too(check):
    save_file({"x": torch.zeros(1)}, "flow.safetensors")
    with pytest.raises(InputError, match=r"^config: flow\.weights: flow\.safetensors: .*not written by ethomake"):
        check(flow={"weights": "flow.safetensors"})


def test_where_planning_has_no_torch_the_jobs_say_so(check, monkeypatch):
    monkeypatch.setattr(weights, "find_spec", lambda name: None)
    torch.save({"x": torch.zeros(1)}, "partial.pth")
    check(streams={"weights": "partial.pth"})
