"""Results in the store -> the long table, and everything that the report shows. Reads what is there."""

from leaven.gather.findings import findings
from leaven.gather.measurements import measurements, values_beside

__all__ = ["findings", "measurements", "values_beside"]
