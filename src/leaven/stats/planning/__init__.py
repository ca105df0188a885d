"""Before a study: what its ``design`` can find (``power``, ``rise`` for a sweep), told in words (``power_words``)."""
