"""Shards to a trained generator."""
