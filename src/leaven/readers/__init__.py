"""Results of other tools -> the long table of measurements: lm-eval, Inspect, CSV and Parquet, runs of Leaven."""

from leaven.readers.brought import Brought, Document
from leaven.readers.read import READ, read

__all__ = ["READ", "Brought", "Document", "read"]
