"""Whether the files of weights that a config names fit its networks: asked before any job runs.

    python -m ethomake.streams.given '["spatial", "resnet18", "color", "weights.pth"]'

A process of its own, since planning does without torch.
"""

import json
import sys

from ethomake.errors import InputError
from ethomake.failures import MISTAKE
from ethomake.flow.metadata import FlowMetadata
from ethomake.flow.networks import build_flow_network
from ethomake.flow.stacks import FRAMES
from ethomake.streams.networks import Stream
from ethomake.streams.weights import load_pretrained
from ethomake.training.weights import load_weights


def check_given(kind: str, network: str, sees: str, path: str) -> None:
    """Load a file of weights as the job does that starts from it.

    Args:
        kind: of the network: flow, spatial, motion or frozen.
        network: its name in the config.
        sees: `streams.sees`, for a spatial stream.
        path: the file of weights.

    Raises:
        InputError: if they cannot be read, do not fit, or are no finite numbers.
    """
    if kind == "flow":
        FlowMetadata.read(path)
        load_weights(path, build_flow_network(network, FRAMES))
    elif kind == "motion":
        load_pretrained(Stream(network, "motion", 1), path)
    else:
        seen = "grey" if kind == "spatial" and sees == "grey" else "color"
        load_pretrained(Stream(network, "spatial", 1, sees=seen), path)


if __name__ == "__main__":
    try:
        check_given(*json.loads(sys.argv[1]))
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(MISTAKE)
