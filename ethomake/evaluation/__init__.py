"""Scores of the test videos beside chance, their figures, and the report."""
