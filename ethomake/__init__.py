"""ethomake: raw videos of animals in, ethograms out."""

__version__ = "0.1.0"
