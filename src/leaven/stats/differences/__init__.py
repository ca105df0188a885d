"""Beside an arm's difference: its other sizes, where its variance comes from, and what one checkpoint can tell.

``sizes`` (ratio, odds ratio, shift by ``walsh``, superiority by ``placements``), ``split`` (seed, item, sampling),
``bootstrap`` (from ten seeds), ``items`` (tests for these models alone).
"""
