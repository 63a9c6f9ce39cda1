"""Scores of the test videos, compared with those expected by chance, and their figures."""
