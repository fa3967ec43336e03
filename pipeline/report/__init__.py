"""The report of a run: one HTML file that needs no network."""

from pipeline.report.stage import report

__all__ = ['report']
