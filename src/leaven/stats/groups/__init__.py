"""Do arms differ by group at all: the one test (``heterogeneity``, on ``grouped`` cubes) before any group is named."""
