"""A model and prompts -> texts; sampling noise belongs to the row."""
