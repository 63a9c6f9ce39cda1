"""Weights files: safetensors, which cannot run code when loaded, with the metadata needed to rebuild the network."""

import json
from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from ethomake.errors import InputError
from ethomake.files import write_whole
from ethomake.training.finite import check_finite
from ethomake.training.header import KEY, read_header

N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class WeightsMetadata(ABC, Generic[N]):
    """The header of a weights file: all that is needed to rebuild its network.

    Each stage has a subclass with further fields and a method that builds its network.

    Attributes:
        network: the network's name in the config.
        seed: seed of the training.
    """

    kinds: ClassVar[tuple[str, ...]]
    """The kinds of networks that a record describes: flow, spatial, motion, sequence."""

    network: str
    seed: int

    @property
    def kind(self) -> str:
        """The kind of the network."""
        return self.kinds[0]

    @abstractmethod
    def build(self) -> N:
        """Return a new network with the architecture of the weights."""

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """Return the metadata of a weights file.

        Raises:
            InputError: if the file is missing, damaged, not written by ethomake, or of another kind of network.
        """
        header = read_header(path)
        if (kind := _kind_of(header)) not in cls.kinds:
            wanted = " or ".join(cls.kinds)
            raise InputError(f"{path}: the weights of a {kind} network; give those of a {wanted} network")
        needed = [entry.name for entry in fields(cls) if entry.default is entry.default_factory is MISSING]
        if missing := [name for name in needed if name not in header]:
            raise InputError(f"{path}: these weights lack {', '.join(missing)} in their metadata; train them again")
        return cls(**{entry.name: header[entry.name] for entry in fields(cls) if entry.name in header})

    @classmethod
    def load_network(cls, path: str | Path, **options: Any) -> tuple[N, Self]:
        """Return the network of a weights file with its weights, on the CPU, and its metadata.

        Args:
            options: keyword arguments of `build`.

        Raises:
            InputError: as from `read` and `load_weights`.
        """
        metadata = cls.read(path)
        return load_weights(path, metadata.build(**options)), metadata

    def header(self) -> dict[str, Any]:
        """Return the content of the header: all fields that are not None, as plain values."""
        values = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


def save_weights(path: str | Path, model: nn.Module, metadata: WeightsMetadata) -> None:
    """Write a network's parameters and buffers together with its metadata.

    Raises:
        InputError: if one of them is NaN or infinite.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    check_finite(state, f"{path}, not written", "the training diverged: lower learning_rate or set precision: float32")
    with write_whole(path) as part:
        save_file(state, part, metadata={KEY: json.dumps(metadata.header(), sort_keys=True)})


def _kind_of(header: dict[str, Any]) -> str:
    """Return the kind of network that a header describes; only those of streams state it."""
    return header.get("stream") or ("sequence" if "streams" in header else "flow")


def load_weights(path: str | Path, model: N) -> N:
    """Load a weights file of ethomake into `model`, strictly.

    Raises:
        InputError: if the names or shapes in the file are not those of the network, or a value is NaN or infinite.
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
    check_finite(state, str(path), "the file is damaged, or its training diverged: give other weights, or train again")
    model.load_state_dict(state)
    return model


def freeze(model: nn.Module) -> nn.Module:
    """Freeze a network entirely: no gradients, and fixed BatchNorm statistics."""
    model.eval()
    model.requires_grad_(False)
    model.train = lambda mode=True: model  # train() of an enclosing module must not unfreeze it
    return model


def flat_parameters(model: nn.Module) -> torch.Tensor:
    """Return all parameters and buffers in one float64 vector, to compare two states of a network."""
    return torch.cat([value.detach().double().flatten().cpu() for value in model.state_dict().values()])
