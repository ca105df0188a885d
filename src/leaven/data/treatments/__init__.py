"""Treatments: what an experiment does to data; each names a rate and leaves a ledger."""
