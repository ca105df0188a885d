"""Results in the store -> the long table, and everything that the report shows. Reads what is there."""

from leaven.gather.asked import questions
from leaven.gather.classified import predictions
from leaven.gather.derived import thin
from leaven.gather.findable import power
from leaven.gather.findings import findings, metrics
from leaven.gather.measurements import measurements, values_beside
from leaven.gather.records import ledgers

__all__ = [
    "findings", "ledgers", "measurements", "metrics", "power", "predictions", "questions", "thin", "values_beside",
]  # fmt: skip
