"""The train stage: it puts the parts together; a controller owns cadence, the loop the steps."""

import contextlib
import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from pipeline import artifacts, dataset, memory
from pipeline.config.train import PRECISIONS, TrainConfig
from pipeline.console import Console
from pipeline.train import cluster, compilation, devices, numerics, precision, together
from pipeline.train.agreement import Agreement, lost_worker_named
from pipeline.train.batches import Batches
from pipeline.train.choices import Choices
from pipeline.train.cluster import Member
from pipeline.train.collapse import CollapseGuard
from pipeline.train.controller import Controller, wait_share
from pipeline.train.diversity import Diversity
from pipeline.train.loop import TrainLoop
from pipeline.train.peers import Peers, gathered
from pipeline.train.spec import model_spec
from pipeline.train.state import Checkpoints, TrainState

_NUM_BESIDE = 1000  # real images that may be drawn


def train(
  config: TrainConfig, inputs: Mapping[str, pathlib.Path], output: pathlib.Path, console: Console
) -> None:
  """Trains the pair; goes on from the checkpoint in `output` if there is one.

  As the chief of a cluster, if TF_CONFIG names one.

  Raises:
    ConfigError: settings that the data or the devices can't serve.
    TrainingError: a loss that is not finite, a generator that has collapsed, or a worker that is
      lost.
    Interrupted: a signal arrived; the state is saved.
  """
  member = cluster.from_environment(os.environ)
  if not member:
    _train(config, inputs, output, console, None)
    return
  console.log(f'{member.name()} waits for the others')
  with gathered(member, config.cluster_wait_s) as peers:
    take_part(peers, config, inputs, output)


def take_part(
  peers: Peers, config: TrainConfig, inputs: Mapping[str, pathlib.Path], output: pathlib.Path
) -> None:
  """Trains in step with the other workers; each leaves the whole result in a folder of its own."""
  together.run(peers, _train_as_member, (config, inputs, output, peers.member))


def _train_as_member(
  config: TrainConfig, inputs: Mapping[str, pathlib.Path], output: pathlib.Path, member: Member
) -> None:
  with lost_worker_named(member):
    _train(config, inputs, output, Console(), member)


def _train(
  config: TrainConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: Console,
  member: Member | None,
) -> None:
  with numerics.checked() if config.debug_numerics else contextlib.nullcontext():
    _fit(config, inputs, output, console, member)


def _fit(
  config: TrainConfig,
  inputs: Mapping[str, pathlib.Path],
  output: pathlib.Path,
  console: Console,
  member: Member | None,
) -> None:
  if config.deterministic:
    tf.config.experimental.enable_op_determinism()
  strategy = devices.strategy(config, member)
  agreement = Agreement(strategy, member)
  batches = Batches.load(config, strategy, member, inputs['ingest'])
  info = dataset.load_info(inputs['ingest'])
  spec = model_spec(config, info)
  spec.save(output / 'model.json')
  choices = Choices(output / 'checkpoints' / 'choices.json')
  policy, policy_reason = choices.make('precision', lambda: precision.choose(config.precision))
  policy = PRECISIONS[agreement.chiefs(PRECISIONS.index(policy))]
  console.log(f'precision {policy}: {policy_reason}')
  with strategy.scope():
    state = TrainState.create(spec, config, policy)
  checkpoints = Checkpoints(state, output / 'checkpoints', console)
  is_restored = checkpoints.restore()
  agreement.check_same_step(state.steps_done)
  if agreement.any(not is_restored):
    if config.on_collapse == 'rollback':
      checkpoints.save_healthy()
    checkpoints.save()  # there is always one to go back to
  else:
    console.log(f'goes on from step {state.steps_done}')
  replicas = strategy.num_replicas_in_sync
  xla, xla_reason = choices.make('xla', lambda: compilation.choose(spec, config, policy, replicas))
  xla = bool(agreement.chiefs(xla))
  console.log(f'XLA {"on" if xla else "off"}: {xla_reason}')
  console.log(f'{config.network} on {batches}')
  loop = TrainLoop(state, config, strategy, xla)
  beside = batches.images[:_NUM_BESIDE] if config.sample_beside_real else None
  diversity = Diversity(spec, state.average, batches.images, batches.labels, info.num_classes)
  guard = CollapseGuard(config, diversity, state.best_ratios, checkpoints, agreement, console)
  controller = Controller(
    config, spec, state, checkpoints, loop, guard, agreement, output, console, beside
  )
  controller.run(batches)
  facts = {
    'precision': policy,
    'precision_reason': policy_reason,
    'xla': xla,
    'xla_reason': xla_reason,
    'num_replicas': replicas,
    'device_names': [device.name for device in tf.config.list_logical_devices()],
  }
  _write_facts(output / 'training.json', config, state, facts)


def _write_facts(
  path: pathlib.Path, config: TrainConfig, state: TrainState, facts: dict[str, Any]
) -> None:
  facts |= {
    'steps': state.steps_done,
    'images_seen': state.steps_done * config.images_per_step,
    'seconds': round(state.seconds_done, 3),
    'input_wait_share': wait_share(config, state.seconds_waited, state.seconds_done),
    'peak_memory_mib': memory.peak_mib(),
  }
  artifacts.write_text(path, json.dumps(facts, indent=2) + '\n')
