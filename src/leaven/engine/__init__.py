"""Stages, keys, the store, and how stages run. Knows nothing of models or data."""
