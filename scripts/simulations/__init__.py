"""Simulated studies whose truth is known: what scripts/simulate_statistics.py counts over."""
