"""Weights files: safetensors, which cannot run code when loaded, with the facts needed to rebuild the network."""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from ethomake.errors import InputError
from ethomake.files import write_whole

KEY = "ethomake"


def save_weights(path: str | Path, model: nn.Module, facts: dict[str, Any]) -> None:
    """Write a network's parameters and buffers, and `facts` (plain values: network, behaviors, sizes...) with them."""
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    with write_whole(path) as part:
        save_file(state, part, metadata={KEY: json.dumps(facts, sort_keys=True)})


def read_facts(path: str | Path) -> dict[str, Any]:
    """The facts saved with a weights file.

    Raises:
        InputError: if the file is missing, damaged, or was not written by ethomake.
    """
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path}: not a safetensors file ({error}); remove it and train again") from None
    if KEY not in metadata:
        raise InputError(f"{path}: these weights were not written by ethomake; give a file that was")
    return json.loads(metadata[KEY])


def load_weights(path: str | Path, model: nn.Module) -> nn.Module:
    """Load a weights file of ethomake into `model`, strictly.

    Raises:
        InputError: if the names or shapes in the file are not those of the network.
    """
    with safe_open(path, "pt") as file:
        state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    expected = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in state.items()}
    wrong = sorted(name for name in expected | found if expected.get(name) != found.get(name))
    if wrong:
        name = wrong[0]
        raise InputError(
            f"{path}: these weights do not fit the network: {len(wrong)} tensors differ, the first is {name} "
            f"({found.get(name, 'missing')} in the file, {expected.get(name, 'none')} in the network); "
            "train again or choose the network they were trained with"
        )
    model.load_state_dict(state)
    return model


def freeze(model: nn.Module) -> nn.Module:
    """Freeze a network entirely: no gradients, and BatchNorm statistics that do not drift."""
    model.eval()
    model.requires_grad_(False)
    model.train = lambda mode=True: model  # a surrounding model.train() must not wake it
    return model


def flat_parameters(model: nn.Module) -> torch.Tensor:
    """All parameters and buffers in one float64 vector, to compare two states of a network."""
    return torch.cat([value.detach().double().flatten().cpu() for value in model.state_dict().values()])
