"""Statistics that count training runs: pure functions from measurements to comparisons. Knows no study and no model.

Read in this order: ``table`` (rows -> arms x items x seeds), ``effects`` (what is estimated), ``inference`` (how sure),
``families`` (many tests at once), ``compare`` (every arm, every sweep), ``analyse`` (all of it, from ``questions``).

Each of its folders answers one further question: ``differences`` (of what else is the difference made), ``doses``,
``groups``, ``people`` (labels by hand) and ``planning`` (before a study). ``claims``, ``coherence`` and
``evaluators`` judge what was declared.

What is claimed, and its simulated error: docs/statistics.md.
"""
