"""The report of a run: one self-contained HTML page that shows how well an embedding works at every scale."""

from dyml.report.report import write_report
from dyml.report.teaser import teaser

__all__ = ["teaser", "write_report"]
