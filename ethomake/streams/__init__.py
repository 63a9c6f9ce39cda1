"""The spatial and the motion stream: networks, weights to start from, training alone and together."""
