"""Judges and what was built of their ranks: how far each can be trusted, and what became of the answers."""
