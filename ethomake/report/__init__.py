"""The report: one page with all videos, their ethograms, the evaluation, methods and provenance."""
