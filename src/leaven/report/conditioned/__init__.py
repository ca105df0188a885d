"""Control tokens on the page: what was asked for and what was measured, and what the labels were made of."""
