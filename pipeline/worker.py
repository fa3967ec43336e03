"""What a worker other than the chief does of the line: it takes part in training.

It reads what the chief has ingested and the chief's last checkpoint. All that it writes itself goes
to a folder of its own that is thrown away.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence

from pipeline import native_log
from pipeline.console import Console
from pipeline.stages import Line, Stage
from pipeline.train import cluster, peers

_NEEDED = ('checkpoints', 'rollbacks.jsonl')  # of the chief's folder, to go on where it does


def role() -> cluster.Member | None:
  """This process's place in a cluster, if it is a worker other than the chief.

  Raises:
    ConfigError: TF_CONFIG says nothing that can be used.
  """
  member = cluster.from_environment(os.environ)
  return None if member is None or member.is_chief else member


def take_part(
  member: cluster.Member, line: Line, selected: Sequence[Stage], console: Console
) -> None:
  """Trains with the chief, if training is selected and not done.

  Raises:
    ConfigError: the chief has other settings.
    TrainingError: the chief, or another worker, is not there any more.
  """
  stage = next((stage for stage in selected if stage.name == 'train'), None)
  if not stage:
    console.log(f'{member.name()} takes part in training only')
    return
  config = line.run.train
  console.heading(f'{stage.name}: {member.name()} waits for {member.name(0)}')
  with peers.joined(member, config.cluster_wait_s, lambda: line.is_done(stage)) as others:
    if others is None:
      console.log(f'{line.folder / stage.name} is done')
      return
    with _scratch(others) as folder:
      inputs, partial = line.under_way(stage)
      for name in _NEEDED:
        _copy(partial / name, folder / name)
      from pipeline.train import stage as training  # imports TensorFlow

      training.take_part(others, config, inputs, folder)
  console.log('done')


@contextlib.contextmanager
def _scratch(others: peers.Peers) -> Iterator[pathlib.Path]:
  prefix = f'forgeline-worker-{others.member.index}-'
  with tempfile.TemporaryDirectory(prefix=prefix) as name:
    folder = pathlib.Path(name)
    with native_log.redirected(folder / 'native.log'):
      yield folder


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
  if source.is_dir():
    shutil.copytree(source, target)
  elif source.is_file():
    shutil.copy(source, target)
