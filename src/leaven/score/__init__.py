"""Metrics: texts -> numbers, null where a text cannot be scored."""
