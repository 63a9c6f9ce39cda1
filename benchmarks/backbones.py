"""What torchvision's networks cost as streams: the lines of ethomake/streams/published.py.

    ./run python -m benchmarks.backbones                        all of them
    ./run python -m benchmarks.backbones convnext_tiny s3d      some

Networks work on tensors without values, whose operations and live memory are counted: parameters of backbone and
projection (millions), GFLOP of a forward pass, and MB per sample that are alive at most in a step of training and in a
forward pass; for frames of 224x224 pixels, and flow of half that side. Of a network with a feature map also its cost.
"""

import argparse
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models.regnet import BlockParams

from ethomake.registry import NetworkCost
from ethomake.streams.frozen import FrozenBackbone
from ethomake.streams.networks import Stream
from ethomake.streams.published import TORCHVISION
from ethomake.streams.registry import find_network

SIDE, FRAMES = 224, 11


class LiveMemory(TorchDispatchMode):
    """Follows the storages that operations make, not those of a network; `peak` is the most at a time, in bytes."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.alive: dict[int, tuple[StorageWeakRef, int]] = {}
        self.own = {value.untyped_storage()._cdata for value in [*network.parameters(), *network.buffers()]}
        self.peak = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Do an operation and count what it made."""
        out = function(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.own:
                    self.alive[storage._cdata] = StorageWeakRef(storage), storage.nbytes()
        self.alive = {key: entry for key, entry in self.alive.items() if not entry[0].expired()}
        self.peak = max(self.peak, sum(size for _, size in self.alive.values()))
        return out


@contextmanager
def without_values():
    """Make tensors without values, except in the builder of RegNets, which reads some."""
    original = BlockParams.__dict__["from_init_params"]

    def with_values(cls: type, *args: Any, **kwargs: Any) -> Any:
        with torch.device("cpu"):
            return original.__func__(cls, *args, **kwargs)

    BlockParams.from_init_params = classmethod(with_values)
    try:
        with torch.device("meta"):
            yield
    finally:
        BlockParams.from_init_params = original


def cost(network: nn.Module, run: Callable[[nn.Module], torch.Tensor], parameters: float) -> NetworkCost:
    """Return what a network costs.

    Args:
        run: gives it one sample, and returns its output.
        parameters: how many it has.
    """
    network.eval()
    with torch.no_grad(), LiveMemory(network) as passing:
        run(network)
    network.train()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()  # one sample has no variance, and costs the same
    with FlopCounterMode(display=False) as flop, LiveMemory(network) as held:
        out = run(network)  # until `out` is gone, what the backward pass needs is alive
    del out
    most = held.peak + passing.peak  # the backward pass has gradients of few layers at a time, too
    return NetworkCost(
        round(parameters / 1e6, 1), _two(flop.get_total_flops() / 1e9), _two(most / 1e6), _two(passing.peak / 1e6)
    )


def _two(value: float) -> float:
    """Round to two digits."""
    rounded = float(f"{value:.2g}")
    return int(rounded) if rounded >= 10 else rounded


def costs(name: str) -> list[NetworkCost]:
    """Return what a network costs as spatial and as motion stream."""
    found = []
    for kind in ("spatial", "motion"):
        with without_values():
            stream = Stream(name, kind, 2, FRAMES)
            side, channels = (SIDE, 3) if kind == "spatial" else (SIDE // 2, 2 * (FRAMES - 1))
            shape = (1, stream.context_frames, channels) if kind == "spatial" else (1, channels)
            inputs = torch.empty(*shape, side, side)
        parameters = sum(p.numel() for part in (stream.backbone, stream.projection) for p in part.parameters())
        found.append(cost(stream, lambda network, inputs=inputs: network(inputs)[0], parameters))
    return found


def cost_of_map(name: str) -> NetworkCost:
    """Return what a network costs up to its feature map."""
    with without_values():
        frozen, images = FrozenBackbone(name), torch.empty(1, 3, SIDE, SIDE)
    return cost(frozen, lambda network: network(images), sum(p.numel() for p in frozen.parameters()))


def line(value: NetworkCost) -> str:
    """Return a cost as Python."""
    return f"NetworkCost({value.parameters:g}, {value.gflop:g}, {value.held:g}, {value.passing:g})"


def main() -> None:
    """Print the lines."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="of networks; all of torchvision's by default")
    warnings.simplefilter("ignore")
    for name in parser.parse_args().names or TORCHVISION:
        print(f'    "{name}": ({", ".join(map(line, costs(name)))}),', flush=True)
        if find_network(name).feature_map is not None:
            print(f"        # its map: {line(cost_of_map(name))}", flush=True)


if __name__ == "__main__":
    main()
