"""The report: one page about all videos, their ethograms, the evaluation and how everything was made."""
