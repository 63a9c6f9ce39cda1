"""Examples: real courting flies, cut from a public package, and drawn animals whose truth is exact."""
