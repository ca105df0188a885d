"""Statistics that count training runs: pure functions from measurements to comparisons. Knows no study and no model.

Read in this order: ``table`` (rows -> arms x items x seeds), ``effects`` (what is estimated), ``inference`` (how sure),
``dose`` (sweeps), ``families`` (many tests at once), ``compare`` (all of it). What is claimed: docs/statistics.md.
"""
