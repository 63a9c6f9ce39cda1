"""ethomake: from raw videos of animals to ethograms."""

__version__ = "0.1.0"
