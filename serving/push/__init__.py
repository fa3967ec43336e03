"""Versions of a model in the folder that TF Serving watches: push, labels, way back.

`python -m serving.push --help` is the command for people.
"""

from serving.push.publishing import publish, versions
from serving.push.retention import check_labels, prune

__all__ = ['check_labels', 'prune', 'publish', 'versions']
