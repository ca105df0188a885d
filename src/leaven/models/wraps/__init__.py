"""Prompt-time methods: how an arm's model is asked, whatever it was trained on. A wrap is one decorated function."""
