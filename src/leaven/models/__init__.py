"""What a model is (a base, known by its content, and what was trained on top) and how it is loaded."""
