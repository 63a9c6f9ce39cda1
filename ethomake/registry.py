"""Base classes of the network records; those of a stage are in its `registry`. Nothing here imports torch.

The records of flow, streams and sequence state a network's name in config.yaml, its title in the report, the function
or class that makes it, and its costs. Everything that depends on the choice of networks reads them: the checks of
config.yaml, the stages, the estimates of memory and time, the report and the bundle's card.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar


@dataclass(frozen=True)
class NetworkCost:
    """Costs of a network for frames of 224x224 pixels (flow for the motion stream has half that side), in float32.

    They are used for estimates of memory and time only, not for results: the arguments of `NetworkCost(...)` are
    not part of the digest of a stage's code, so that a better estimate retrains nothing.

    Attributes:
        parameters: millions of parameters.
        gflop: GFLOP of a forward pass per sample.
        held: MB per sample in training: what the backward pass needs.
        passing: MB per sample without a backward pass.
    """

    parameters: float
    gflop: float
    held: float
    passing: float


@dataclass(frozen=True, kw_only=True)
class Network:
    """A network that config.yaml can choose.

    Attributes:
        name: name in config.yaml and in the metadata of saved weights; must not change once weights are saved.
        title: name in the report and in the card of a bundle.
        maker: function or class that makes it, as "package.module:name".
    """

    name: str
    title: str
    maker: str

    def make(self, *arguments: Any) -> Any:
        """Import the maker, and torch with it, and call it with `arguments`, which depend on the stage."""
        module, _, function = self.maker.partition(":")
        maker: Callable[..., Any] = getattr(import_module(module), function)
        return maker(*arguments)


AnyNetwork = TypeVar("AnyNetwork", bound=Network)


def by_name(networks: Iterable[AnyNetwork]) -> dict[str, AnyNetwork]:
    """Return records by their name in config.yaml, in the order in which they are shown to users.

    Raises:
        ValueError: if two have the same name.
    """
    records: dict[str, AnyNetwork] = {}
    for network in networks:
        if network.name in records:
            raise ValueError(f"two networks are called {network.name!r}; give one of them another name")
        records[network.name] = network
    return records
