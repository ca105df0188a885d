"""The kinds of charts, one to a file; ``leaven.report.figures`` says which are drawn."""
