"""How accurate the predictions are on test videos: `./run python -m benchmarks.accuracy`."""
