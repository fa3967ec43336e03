"""Evaluate: figures of a generator's images against real ones, and the choice among snapshots.

The stage itself is `pipeline.evaluate.stage.evaluate`; each figure has its own file.
"""

from pipeline.evaluate.feature_net import FeatureNet, Reading
from pipeline.evaluate.figures import judge
from pipeline.evaluate.reference import Reals, Reference

__all__ = ['FeatureNet', 'Reading', 'Reals', 'Reference', 'judge']
