"""Optic flow, learned without labels: networks, the loss that trains them, and stacks of flow for each frame."""
