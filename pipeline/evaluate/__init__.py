"""Evaluate: figures of a generator's images against real ones, and the choice among snapshots.

The stage itself is `pipeline.evaluate.stage.evaluate`; each figure has its own file.
"""
