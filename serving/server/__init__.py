"""A small model server with the protocols and flags of `tensorflow_model_server`.

For laptops, tests and continuous integration: it serves what the pipeline pushed where no Docker
runs. Production is TF Serving itself. Run it with `python -m serving.server`.

The way of a request: `rest_service` or `grpc_service` (a protocol each) -> `models` (which model
and version) -> `predict` (the checks) -> `servable` (TensorFlow). `versions` loads and unloads.
"""
