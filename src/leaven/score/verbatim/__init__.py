"""Text that stands word for word in other text: an index over a corpus, and the longest spans of answers in it.

The index is a suffix array over bytes (libdivsufsort, by pydivsufsort), in shards of bounded size, mapped from the disk
by queries. No span crosses the border of a row: a byte that no text holds stands between rows.
"""
