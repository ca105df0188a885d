"""The page's section on ways of aligning: what each arm is, what it cost, and what to be careful of."""
