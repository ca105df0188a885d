"""Statistics that count training runs: pure functions from measurements to comparisons. Knows no study and no model.

Read in this order: ``table`` (rows -> arms x items x seeds), ``effects`` (what is estimated), ``inference`` (how sure),
``families`` (many tests at once), ``compare`` (every arm, every sweep), ``analyse`` (all of it, from ``questions``).

- Beside a difference: ``sizes`` (with ``walsh``, ``placements``), ``split``, ``bootstrap``, ``items``.
- Doses: ``dose`` (trends), ``curve`` (with ``line``, ``regression``, ``region``, ``reached``, ``ed50``, ``tolerated``),
  ``grid``, ``surface``.
- Doubt: ``heterogeneity`` (with ``grouped``), ``evaluators``, ``coherence``, ``claims``, ``audit`` (with ``weighted``).
- Before a study: ``power`` (with ``design``, ``rise``, ``power_words``).

What is claimed, and its simulated error: docs/statistics.md.
"""
