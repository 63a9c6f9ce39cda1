"""Train a part of a stream, and leave the layers before it as pretraining left them."""

from torch import nn

from ethomake.errors import InputError
from ethomake.streams.networks import Stream

SHARES = {"all": 1.0, "half": 0.5, "head": 0.0}
"""The share of the backbone's layers, counted from its end, that is trained; projection and head always are."""


def train_part(stream: Stream, trained: str) -> None:
    """Freeze the first layers of a stream's backbone: no gradients, and BatchNorm and dropout as at inference.

    The first share of its kernels and matrices is frozen, in the order in which the network has them, and all of its
    other parameters that precede the first trained one.

    Args:
        stream: the stream, which is changed in place.
        trained: a key of `SHARES`.

    Raises:
        InputError: if it is none.
    """
    if trained not in SHARES:
        raise InputError(f"streams.trained = {trained}: must be one of {', '.join(SHARES)}")
    backbone = stream.backbone
    parameters = list(backbone.parameters())
    places = [k for k, parameter in enumerate(parameters) if parameter.ndim > 1]
    frozen = len(places) - round(SHARES[trained] * len(places))
    end = len(parameters) if frozen == len(places) else places[frozen] if frozen else 0
    for parameter in parameters[:end]:
        parameter.requires_grad_(False)
    stream.still = tuple(_still_modules(backbone)) if end else ()
    stream.train(stream.training)


def _still_modules(backbone: nn.Module) -> list[str]:
    """Return the names of the modules before the first trained parameter, within the stream."""
    names = []
    for name, module in backbone.named_modules(prefix="body"):
        if any(parameter.requires_grad for parameter in module.parameters(recurse=False)):
            break
        if not any(parameter.requires_grad for parameter in module.parameters()):
            names.append(name)
    return names
