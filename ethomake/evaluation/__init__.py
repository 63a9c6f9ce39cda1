"""Scores of the test videos, beside those expected by chance, and their figures."""
