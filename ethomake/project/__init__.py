"""The user's project: config, video table, splits and runs, checked before any job runs.

These modules run while the DAG is built, and again in every cluster job, so they import nothing heavy. Every mistake
is an InputError of one line: which key or row, its value, why it is wrong, and how to correct it.
"""

PARTS = ("train", "validate", "test")
"""The parts of a split.

All that learns from labels learns from the first two; the flow network is trained on the first and validated on the
second; the third is evaluated.
"""

CHECK = "check"
"""The part of videos that are scored by a person and evaluated apart: nothing learns from them, and no headline figure
is theirs. The video table alone says which they are."""
