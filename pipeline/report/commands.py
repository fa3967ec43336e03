"""The commands that a reader may want next: serve, call, embed, replay."""

import dataclasses
import pathlib
import shlex

from pipeline.report import facts


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


def _serving(run: facts.Run) -> list[Command]:
  name = str(run.pushed['model_name'])
  base = pathlib.PurePath(str(run.pushed['path'])).parent
  mount = _quoted(base) if base.is_absolute() else f'"$PWD"/{_quoted(base)}'
  return [
    Command(
      title='Serve it with TensorFlow Serving',
      code=f'docker run --rm -p 8500:8500 -p 8501:8501 \\\n  -v {mount}:/models/{name} \\\n'
      f'  -e MODEL_NAME={name} tensorflow/serving',
    ),
    Command(
      title='Serve it without Docker',
      code='tensorflow_model_server --port=8500 --rest_api_port=8501 \\\n'
      f'  --model_name={name} --model_base_path={mount}',
    ),
    Command(title='Call it: a seed in, a PNG out', code=_call(run, name)),
  ]


def _call(run: facts.Run, name: str) -> str:
  label = ', "label": [0]' if run.class_names else ''
  body = f'{{"signature_name": "serving_default", "inputs": {{"seed": [7]{label}}}}}'
  save = (
    'import base64, json, sys; '
    'sys.stdout.buffer.write(base64.b64decode(json.load(sys.stdin)["outputs"][0]["b64"]))'
  )
  return (
    f"curl -s localhost:8501/v1/models/{name}:predict \\\n  -d '{body}' \\\n"
    f"  | python -c '{save}' > sample.png"
  )


def _embed(run: facts.Run) -> Command:
  path = _run_dir(run) / 'export_tflite/generator.tflite'
  label = ', label=np.array([0], np.int32)' if run.class_names else ''
  latent_size = int(run.model.get('latent_size') or run.setting('latent_size', '64'))
  return Command(
    title='Run the INT8 file in Python, as a phone does',
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
