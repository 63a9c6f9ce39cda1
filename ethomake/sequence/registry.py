"""The sequence networks: one record each, the only place that lists them. Imports no torch.

To add one, write a class in `ethomake/sequence/networks.py` (or in a module that it imports) with `reach` and the input
and output described there, whose constructor takes the numbers of features and logits per frame and the settings of the
section `sequence`, and a record below. Tests then fail until the two lists that users read show the new name:
`sequence.network` in config.schema.yaml, and the section `sequence` of config.yaml.
"""

from ethomake.registry import Network, by_name

SEQUENCE_NETWORKS = by_name(
    [
        Network(name="tgm", title="temporal Gaussian mixture", maker="ethomake.sequence.networks:TGM"),
        Network(name="tcn", title="dilated temporal convolution", maker="ethomake.sequence.networks:TCN"),
    ]
)
