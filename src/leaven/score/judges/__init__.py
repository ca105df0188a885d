"""Who ranks answers: what each judge asks, and how what it says is read."""
