"""Examples: real courting flies from a public package, and simulated animals with exact ground truth."""
