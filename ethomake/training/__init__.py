"""Code shared by the training stages: frames in memory, augmentation, losses, the loop, histories, weights."""
