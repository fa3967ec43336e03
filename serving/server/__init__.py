"""A small model server with the protocols and flags of `tensorflow_model_server`.

For laptops, tests and continuous integration: it serves what the pipeline pushed where no Docker
runs. Production is TF Serving itself. Run it with `python -m serving.server`.

The way of a request: `rest_service` and `rest_api`, or `grpc_service` (a protocol each) ->
`inference` (which model and version, what is counted) -> `predict`, `classify`, `regress` or
`multi_inference` (the checks) -> `saved_model` or `tflite_model` (the mathematics), by way of
`batched` if requests are batched. `model_set` follows the configuration, `versions` loads and
unloads, `loading` makes a version ready.
"""
