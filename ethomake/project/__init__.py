"""What the user asks for: the config, the video table and the split, checked before any job runs.

These modules run while the DAG is built, in every cluster job again, so they import nothing heavy. Every mistake is
an InputError of one line: which key or which row, its value, why it cannot be, and how to correct it.
"""

PARTS = ("train", "validate", "test")
"""The parts of a split: a video of the first is learned from, thresholds are fitted on the second, the third scores."""
