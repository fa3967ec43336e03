"""Generator to a quantised TFLite bundle."""
