"""A corpus: documents, sentence by sentence, by stated and counted rules.

``chosen`` says which documents are taken, ``splitting`` makes sentences of them, ``rules`` says which of these are
left out and why, ``shards`` does it for one part of the documents and keeps the result, ``making`` for all of them,
in several processes, and ``duplicates`` finds what was said before. ``settings`` is what a study declares.
"""
