"""The sequence networks: one record for each, which all else reads. Imports no torch.

To add one, write a class in `ethomake/sequence/networks.py` (or in a module that it imports) with `reach` and the input
and output described there, made from the lengths of a frame's features and logits and the settings of the section
`sequence`, and a record below. The tests then name the two lists that users read and that must show the new name:
`sequence.network` in config.schema.yaml, and the section `sequence` of config.yaml.
"""

from ethomake.registry import Network, by_name

SEQUENCE_NETWORKS = by_name(
    [
        Network(name="tgm", title="temporal Gaussian mixture", maker="ethomake.sequence.networks:TGM"),
        Network(name="tcn", title="dilated temporal convolution", maker="ethomake.sequence.networks:TCN"),
    ]
)
