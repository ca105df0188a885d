"""What a dose does: the trend, the curve through the runs, the dose that is tolerated, two doses at once.

``dose`` (sweeps and their trends) first; then ``curve`` (with ``line``, ``regression``, ``region``), what is read from
it (``reached``, ``ed50``, ``tolerated``), ``grid`` and ``surface``.
"""
