"""TensorFlow Serving in its official container, where a Docker engine has the image."""

import pathlib
import shutil
import subprocess

IMAGE = 'tensorflow/serving:2.19.0'
PROGRAM = 'docker'


def has_image() -> bool:
  """Whether a Docker engine runs here and has the image; it is not fetched for this."""
  if not shutil.which(PROGRAM):
    return False
  inspect = [PROGRAM, 'image', 'inspect', IMAGE]
  return subprocess.run(inspect, capture_output=True, check=False).returncode == 0


def command(container: str, model_dir: pathlib.Path, program: str) -> list[str]:
  """Runs a program of the image on this machine's network, with a model where it is here."""
  init = '--init'  # as process 1 of its container the server would not see SIGTERM
  run = [PROGRAM, 'run', '--rm', init, f'--name={container}', '--network=host']
  return [*run, f'--volume={model_dir}:{model_dir}:ro', f'--entrypoint={program}', IMAGE]


def remove(container: str) -> None:
  """Ends a container, if it is still there."""
  remove = [PROGRAM, 'rm', '--force', container]
  subprocess.run(remove, capture_output=True, check=False)
