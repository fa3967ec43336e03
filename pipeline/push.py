"""The push stage: validated models become the next version on the server and a bundle for apps."""

import contextlib
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

import mobile.bundle
from pipeline import artifacts, comparison, errors
from pipeline.config.push import PushConfig
from pipeline.console import Console
from serving import push as serving_push

BUNDLE = 'bundle'  # folder in the artifact


def push(
  config: PushConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: Console,
) -> None:
  """Publishes the SavedModel, puts the bundle for apps together and writes pushed.json.

  Args:
    config: where to, under which name.
    inputs: artifacts evaluate, validate, export_saved_model and export_tflite.
    output: existing folder.
    console: shows where the model went.

  Raises:
    ValidationError: the generator or an export failed; nothing was pushed.
    StorageError: the serving folder can't be written.
  """
  _refuse_failures(inputs)
  if config.mobile_bundle:
    _bundle(inputs, output / BUNDLE, console)
  base = pathlib.Path(config.serving_model_dir).expanduser()
  with _storage_errors(base):
    if config.keep_versions:  # before: a failure afterwards would publish again at each retry
      serving_push.check_labels(base / config.model_name)
    version, path = serving_push.publish(inputs['export_saved_model'], base, config.model_name)
    removed = serving_push.prune(path.parent, config.keep_versions) if config.keep_versions else []
  facts = {
    'model_name': config.model_name,
    'version': version,
    'path': str(path.resolve()),
    # Of what was copied: a push by another process may have removed the copy since.
    'files': {
      entry['path']: entry['sha256'] for entry in artifacts.list_files(inputs['export_saved_model'])
    },
  }
  (output / 'pushed.json').write_text(json.dumps(facts, indent=2) + '\n', encoding='utf-8')
  console.log(f'pushed {path} (version {version})')
  if removed:
    console.log(
      f'removed versions {", ".join(map(str, removed))}: --keep_versions is {config.keep_versions}'
    )


def _bundle(inputs: Mapping[str, pathlib.Path], folder: pathlib.Path, console: Console) -> None:
  """The folder for apps, beside pushed.json."""
  validation = inputs['validate'] / 'validation.json'
  try:
    mobile.bundle.assemble(inputs['export_tflite'], validation, folder)
  except mobile.bundle.BundleError as error:
    raise errors.ArtifactError(str(error)) from error
  console.log(f'{folder.name}/ for apps: start with its README.md')


@contextlib.contextmanager
def _storage_errors(base: pathlib.Path) -> Iterator[None]:
  try:
    yield
  except OSError as error:
    raise errors.StorageError(
      f'{error.filename or base}: {error.strerror} (push). Earlier versions are untouched. Free'
      ' some space, or choose a writable folder with --serving_model_dir.'
    ) from error
  except ValueError as error:  # of labels, by hand
    raise errors.StorageError(f'{error} (push)') from error


def _refuse_failures(inputs: Mapping[str, pathlib.Path]) -> None:
  found = failures(inputs)
  if found:
    raise errors.ValidationError(
      f'Not pushed: {"; ".join(found)}. Compare the pictures in {inputs["validate"]}, then train'
      ' longer or change the tolerance that you can do without.'
    )


def failures(inputs: Mapping[str, pathlib.Path]) -> list[str]:
  """What the gate and the validation found, a phrase each; none for a generator that passed.

  Args:
    inputs: artifacts evaluate and validate.
  """
  metrics = json.loads((inputs['evaluate'] / 'metrics.json').read_text(encoding='utf-8'))
  validation = json.loads((inputs['validate'] / 'validation.json').read_text(encoding='utf-8'))
  found = [_gate_failure(row) for row in metrics['gate'] if not row['passed']]
  return found + comparison.failures(validation)


def _gate_failure(row: Mapping[str, Any]) -> str:
  sign = '<' if row['direction'] == 'min' else '>'
  return f'{row["figure"]} {row["value"]:.4g} {sign} {row["limit"]:.4g} (gate)'
