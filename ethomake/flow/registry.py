"""The flow networks: one record each, the only place that lists them. Imports no torch.

To add one, write a class in `ethomake/flow/networks.py` (or in a module that it imports) with `multiple_of` and the
input and output described there, whose constructor takes the number of frames in a window, and a record below. Tests
then fail until the two lists that users read show the new name: `flow.network` in config.schema.yaml, and the section
`flow` of config.yaml.
"""

from dataclasses import dataclass

from ethomake.registry import Network, NetworkCost, by_name


@dataclass(frozen=True, kw_only=True)
class FlowNetwork(Network):
    """A flow network, with the cost of a window of 11 frames."""

    cost: NetworkCost


# ethomake/scheduling/resources.py describes how costs were measured, and their limits.
FLOW_NETWORKS = by_name(
    [
        FlowNetwork(
            name="tiny_motion_net",
            title="TinyMotionNet",
            maker="ethomake.flow.networks:TinyMotionNet",
            cost=NetworkCost(parameters=2.0, gflop=25.6, held=200, passing=35),
        ),
        FlowNetwork(
            name="motion_net",
            title="MotionNet",
            maker="ethomake.flow.networks:MotionNet",
            cost=NetworkCost(parameters=45.9, gflop=44.4, held=230, passing=50),
        ),
        FlowNetwork(
            name="tiny_motion_net_3d",
            title="TinyMotionNet3D",
            maker="ethomake.flow.networks:TinyMotionNet3D",
            cost=NetworkCost(parameters=0.4, gflop=62.0, held=270, passing=100),
        ),
    ]
)
