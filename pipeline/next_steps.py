"""The commands that serve a pushed model and call it, as the terminal and the report show them."""

import pathlib
import shlex

from serving import docker

_SAVE = (
  'import base64, json, sys; '
  'sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["outputs"][0]["b64"]))'
)


def as_typed(path: str) -> str:
  """The path relative to the current directory, if it is below it."""
  here = f'{pathlib.Path.cwd()}/'
  return path.removeprefix(here)


def serve_here(model_name: str, base: str, python: str = 'python') -> str:
  """Starts the embedded server on this machine.

  Args:
    model_name: name of the model on the server.
    base: folder of its versions.
    python: interpreter that forgeline is installed in.
  """
  return (
    f'{shlex.quote(python)} -m serving.server --port=8500 --rest_api_port=8501'
    f' --model_name={model_name} --model_base_path={shlex.quote(base)}'
  )


def serve_with_docker(model_name: str, base: str) -> str:
  """Starts TensorFlow Serving in its official container; `base` as in `serve_here`."""
  mount = shlex.quote(base) if base.startswith('/') else f'"$PWD"/{shlex.quote(base)}'
  return (
    'docker run --rm -p 127.0.0.1:8500:8500 -p 127.0.0.1:8501:8501'
    f' -v {mount}:/models/{model_name} -e MODEL_NAME={model_name} {docker.IMAGE}'
  )


def call(model_name: str, num_classes: int, python: str = 'python') -> str:
  """Asks the server for one picture, of the last class if there are classes."""
  label = f', "label": [{num_classes - 1}]' if num_classes else ''
  body = f'{{"inputs": {{"seed": [7]{label}}}}}'
  return (
    f"curl -s localhost:8501/v1/models/{model_name}:predict -d '{body}'"
    f" | {shlex.quote(python)} -c '{_SAVE}' > sample.png"
  )
