"""The spatial and the motion stream: networks, pretrained weights, separate and joint training."""
