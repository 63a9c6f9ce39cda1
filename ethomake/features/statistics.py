"""Files of BatchNorm statistics of one recording, which replace those of the trained streams when features are made.

The camera and light of a recording shift what every layer of a network sees. BatchNorm removes such shifts if its mean
and variance are those of the recording, not of the videos that were trained on (AdaBN: Li et al., "Revisiting Batch
Normalization for Practical Domain Adaptation", 2016).
"""

import json
from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from ethomake.errors import InputError
from ethomake.files import write_whole

KEY = "ethomake_statistics"


@dataclass(frozen=True)
class Statistics:
    """The statistics of BatchNorm in the streams, of one recording.

    Attributes:
        recording: its name.
        videos: the names of its videos that they were collected from.
        frames: how many frames these have that may be used: not those that are damaged.
        used: how many frames passed through the streams; 0 if there were too few of them.
        made_from: digests of the weights files and of the frames.
        values: by stream, the mean and variance of each layer, as in the stream's state dict; no stream if `used` is 0.
    """

    recording: str
    videos: list[str]
    frames: int
    used: int
    made_from: dict[str, str]
    values: dict[str, dict[str, Tensor]]

    def save(self, path: str | Path) -> None:
        """Write them to a safetensors file."""
        facts = {key: value for key, value in vars(self).items() if key != "values"}
        tensors = {
            f"{stream}.{name}": value.contiguous() for stream, own in self.values.items() for name, value in own.items()
        }
        with write_whole(path) as part:
            save_file(tensors, part, metadata={KEY: json.dumps(facts, sort_keys=True)})

    @classmethod
    def load(cls, path: str | Path) -> "Statistics":
        """Read a file that `save` wrote.

        Raises:
            InputError: if it is missing, damaged, or another kind of file.
        """
        try:
            with safe_open(path, "pt") as file:
                facts = json.loads((file.metadata() or {})[KEY])
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        except (SafetensorError, OSError, KeyError, ValueError) as error:
            raise InputError(
                f"{path}: not readable as the statistics of a recording ({error!r}); remove it and run again"
            ) from None
        values: dict[str, dict[str, Tensor]] = {}
        for name, value in tensors.items():
            stream, _, rest = name.partition(".")
            values.setdefault(stream, {})[rest] = value
        return cls(**facts, values=values)

    def apply(self, name: str, stream: nn.Module, digest: str) -> None:
        """Give a stream these statistics in place of its own; nothing changes if `used` is 0.

        Args:
            name: "spatial" or "motion".
            stream: as trained; BatchNorm must not have been folded yet.
            digest: the digest of its weights file.

        Raises:
            InputError: if they were collected with other weights or are not those of this network.
        """
        if not self.used:
            return
        given = self.values.get(name, {})
        wanted = {key: tuple(value.shape) for key, value in statistics_of(stream).items()}
        same = {key: tuple(value.shape) for key, value in given.items()} == wanted
        if self.made_from.get(f"{name}_weights") != digest or not same:
            raise InputError(
                f"the statistics of recording {self.recording!r} were collected with other weights of the {name} "
                "stream; remove their file and run again"
            )
        stream.load_state_dict(given, strict=False)


def norms_of(network: nn.Module) -> dict[str, _BatchNorm]:
    """Return the BatchNorm layers of a network that keep statistics, by name."""
    layers = {name: module for name, module in network.named_modules() if isinstance(module, _BatchNorm)}
    return {name: layer for name, layer in layers.items() if layer.track_running_stats}


def statistics_of(network: nn.Module) -> dict[str, Tensor]:
    """Return mean and variance of each BatchNorm layer, by their names in the state dict."""
    found: dict[str, Tensor] = {}
    for name, layer in norms_of(network).items():
        mean, variance = layer.running_mean, layer.running_var
        if mean is not None and variance is not None:
            found |= {f"{name}.running_mean": mean, f"{name}.running_var": variance}
    return found
