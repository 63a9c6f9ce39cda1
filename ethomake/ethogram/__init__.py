"""Decisions, bouts, figures and statistics out of probabilities."""
