"""Benchmarks of lm-eval: found and read without importing it, run by it over its own data or over local files.

This is the only door to ``lm_eval``. ``names`` finds a task's file, ``configs`` reads it, ``given`` finds its data,
``layouts`` turns files in original layouts into the columns that lm-eval's tasks read, ``info`` says what a task
measures and what enters a key, ``problems`` what is wrong with a declaration: none of these imports lm-eval or torch.
``running`` runs a task on a model that is loaded, ``items`` makes rows of what it logged.
"""
