"""What the trained stages share: frames in memory, augmentation, losses, the loop, histories, weights."""
