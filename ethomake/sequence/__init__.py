"""The sequence model over the features, and the thresholds fitted on what it says."""
