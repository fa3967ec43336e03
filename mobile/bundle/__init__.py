"""The folder that an app developer drops in: model files, golden samples, a page that tells all."""

from mobile.bundle.assembly import FACTS, BundleError, assemble

__all__ = ['FACTS', 'BundleError', 'assemble']
