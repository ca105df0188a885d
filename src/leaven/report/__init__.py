"""The report: findings in, one self-contained HTML page out."""
