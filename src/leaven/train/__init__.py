"""Trainers: rows and a base -> an artefact, by TRL."""
