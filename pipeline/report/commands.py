"""The commands that a reader may want next: serve, call, embed, replay."""

import dataclasses
import pathlib
import shlex

from mobile import model_files
from pipeline import next_steps
from pipeline.report import facts, numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Command:
  """A command with its purpose."""

  title: str
  code: str


def commands(run: facts.Run) -> list[Command]:
  """What can be done with the run as it stands."""
  found = _serving(run) if run.pushed else []
  if 'export_tflite' in run.folders:
    found.append(_embed(run))
  run_dir = _run_dir(run)
  return [
    *found,
    Command(
      title='Replay the run',
      code=f'python -m pipeline.run --flagfile={_quoted(run_dir / "replay.flags")}',
    ),
    Command(
      title='Look at the training in TensorBoard',
      code=f'tensorboard --logdir={_quoted(run_dir / "train/tensorboard")}',
    ),
  ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bundle:
  """The folder for apps."""

  path: str  # as typed
  num_files: int
  size: str


def bundle(run: facts.Run) -> Bundle | None:
  """The folder for apps that the push left; None if it left none."""
  files = run.manifests.get('push', {}).get('files', ())
  sizes = [int(entry['bytes']) for entry in files if str(entry['path']).startswith('bundle/')]
  if not sizes:
    return None
  return Bundle(
    path=str(_run_dir(run) / 'push/bundle'),
    num_files=len(sizes),
    size=numbers.size(sum(sizes)),
  )


def _serving(run: facts.Run) -> list[Command]:
  name = str(run.pushed['model_name'])
  base = next_steps.as_typed(str(pathlib.PurePath(str(run.pushed['path'])).parent))
  return [
    Command(title='Serve it on this machine', code=next_steps.serve_here(name, base)),
    Command(
      title='Serve it with TensorFlow Serving', code=next_steps.serve_with_docker(name, base)
    ),
    Command(
      title='Call it: a seed in, a PNG out',
      code=next_steps.call(name, len(run.class_names)),
    ),
  ]


def _embed(run: facts.Run) -> Command:
  path = _run_dir(run) / 'export_tflite' / model_files.MAIN
  label = ', label=np.array([0], np.int32)' if run.class_names else ''
  latent_size = int(run.model.get('latent_size') or run.setting('latent_size', '64'))
  return Command(
    title=f'Run {model_files.MAIN} in Python, as a phone does',
    code=(
      'import numpy as np\nfrom ai_edge_litert.interpreter import Interpreter\n\n'
      f"generate = Interpreter({str(path)!r}).get_signature_runner('generate')\n"
      f'latent = np.random.default_rng(7).standard_normal((1, {latent_size}), np.float32)\n'
      f"pixels = generate(latent=latent{label})['pixels']"
    ),
  )


def _run_dir(run: facts.Run) -> pathlib.PurePath:
  """The run folder as its user named it."""
  named = run.setting('run_dir')
  folder = next(iter(run.folders.values()), pathlib.Path('run/stage')).parent
  return pathlib.PurePath(named or folder)


def _quoted(path: pathlib.PurePath) -> str:
  return shlex.quote(str(path))
