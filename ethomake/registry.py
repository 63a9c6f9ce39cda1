"""What the records of networks have in common; those of a stage are in its `registry`. Nothing here imports torch.

The records of flow, streams and sequence say by which name a network is known in config.yaml, what it is called in the
report, which function or class makes it, and what it costs. All that depends on the choice of networks reads them:
the checks of config.yaml, the stages, the estimates of memory and time, the report and the bundle's card.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, TypeVar


@dataclass(frozen=True)
class NetworkCost:
    """What a network needs where frames are 224x224 (a motion stream sees flow of half that side), in float32.

    Only estimates of memory and time are made from it, no results: what is written inside of
    `NetworkCost(...)` is no part of the digest of a stage's code, so that a better estimate retrains nothing.

    Attributes:
        parameters: millions.
        gflop: per sample, forward.
        held: MB per sample while it is learned: what the backward pass needs.
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
        name: in config.yaml and in the metadata of saved weights, where it must stay what it was.
        title: in the report and in the card of a bundle.
        maker: what makes it, as "package.module:function"; a class will do.
    """

    name: str
    title: str
    maker: str

    def make(self, *arguments: Any) -> Any:
        """Import the maker, and torch with it, and call it with `arguments`; these are a matter of the stage."""
        module, _, function = self.maker.partition(":")
        maker: Callable[..., Any] = getattr(import_module(module), function)
        return maker(*arguments)


AnyNetwork = TypeVar("AnyNetwork", bound=Network)


def by_name(networks: Iterable[AnyNetwork]) -> dict[str, AnyNetwork]:
    """Records by the name in config.yaml, in the order in which users are shown them.

    Raises:
        ValueError: if two have the same name.
    """
    records: dict[str, AnyNetwork] = {}
    for network in networks:
        if network.name in records:
            raise ValueError(f"two networks are called {network.name!r}; give one of them another name")
        records[network.name] = network
    return records
