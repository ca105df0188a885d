"""Rows built of ranked answers: preferences, demonstrations (best of k), answers that are good or bad alone (KTO)."""
