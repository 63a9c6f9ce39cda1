"""How fast each stage is, beside the plain way to do the same: `./run python -m benchmarks.speed`."""
