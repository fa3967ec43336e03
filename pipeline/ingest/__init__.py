"""Ingest: from source images to verified TFRecord shards.

The stage itself is `pipeline.ingest.stage.ingest`. Apache Beam takes seconds to import, so only a
stage that runs imports it.
"""

from pipeline.ingest.sources import open_source, source_digest

__all__ = ['open_source', 'source_digest']
