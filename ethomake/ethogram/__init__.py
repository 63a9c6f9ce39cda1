"""Decisions, bouts, figures and statistics from probabilities."""
