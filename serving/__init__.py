"""Generator to SavedModel, server and client."""
