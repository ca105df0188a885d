"""What people say of a sample of the answers, and the effect that it corrects: ``audit``, ``weighted``."""
