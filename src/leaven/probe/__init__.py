"""Probing a model: hello prompts asked a few times each, and how often the answers go wrong, by kind of prompt."""
