"""The program as a user runs it: real processes, real files, exit codes."""

import gzip
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest

from mobile import gan_info
from pipeline import run_folder
from pipeline.config.flags import parse
from tests import frozen

TINY = (
  '--train_steps=6',
  '--snapshot_every_steps=3',
  '--log_every_steps=3',
  '--steps_per_loop=3',
  '--batch_size=16',
  '--num_eval_images=500',
  '--num_selection_images=200',
  '--num_int8_images=200',
  '--num_golden_samples=8',
  '--num_calibration_latents=20',
  '--precision=float32',
  '--xla=off',
  '--min_int8_psnr_db=10',
  '--min_int8_label_agreement=0',
  '--max_int8_frechet_increase=1',
)
STAGES = (
  'ingest',
  'train',
  'evaluate',
  'golden',
  'export_saved_model',
  'export_tflite',
  'validate',
  'push',
  'report',
)


def command(folder, *flags, program=('pipeline.run',)):
  return [
    *(sys.executable, '-m', *program),
    f'--run_dir={folder}/run',
    f'--serving_model_dir={folder}/serving',
    *TINY,
    *flags,
  ]


def run(folder, *flags, prefix=()):
  return subprocess.run(
    [*prefix, *command(folder, *flags)], capture_output=True, text=True, check=False, cwd=folder
  )


def one_line(done, exit_code, *parts):
  """Checks that a run failed as documented: one line on standard error, the exit code."""
  assert done.returncode == exit_code, done.stdout + done.stderr
  assert len(done.stderr.strip().splitlines()) == 1, done.stderr
  for part in parts:
    assert part in done.stderr


@pytest.fixture(scope='module')
def finished(tmp_path_factory):
  """A folder with a run that went through every stage."""
  folder = tmp_path_factory.mktemp('finished')
  done = run(folder)
  assert done.returncode == 0, done.stdout + done.stderr
  return folder, done


@pytest.fixture
def copy(finished, tmp_path):
  """A private copy of the finished run."""
  shutil.copytree(finished[0] / 'run', tmp_path / 'run')
  return tmp_path


def test_every_stage_leaves_what_the_contract_promises(finished):
  folder, done = finished
  for path in (
    'run.json',
    'replay.flags',
    'ingest/dataset.json',
    'train/metrics.jsonl',
    'train/model.json',
    'evaluate/metrics.json',
    'golden/golden.npz',
    'export_saved_model/saved_model.pb',
    'export_saved_model/assets.extra/tf_serving_warmup_requests',
    'export_tflite/generator.tflite',
    'validate/validation.json',
    'push/pushed.json',
    'push/bundle/README.md',
    'report/report.html',
    *(f'{stage}/MANIFEST.json' for stage in STAGES),
  ):
    assert (folder / 'run' / path).is_file(), path
  assert (folder / 'serving/digits/1/saved_model.pb').is_file()
  assert done.stderr == ''
  for text in ('Plan for', 'label_agreement', 'psnr_db', 'version 1', 'report.html', 'serve it'):
    assert text in done.stdout


def test_the_same_command_again_uses_the_cache_and_pushes_nothing(finished):
  folder, _ = finished
  done = run(folder)
  assert done.returncode == 0
  assert done.stdout.count(': cached') == len(STAGES)
  assert [path.name for path in (folder / 'serving/digits').glob('[0-9]*')] == ['1']


def test_dry_run_touches_nothing(tmp_path):
  done = run(tmp_path, '--dry_run')
  assert done.returncode == 0
  assert 'after ingest' in done.stdout
  assert not any(tmp_path.iterdir())


def test_replay_flags_are_the_same_run(finished):
  folder, _ = finished
  flagfile = f'--flagfile={folder}/run/replay.flags'
  done = subprocess.run(
    [sys.executable, '-m', 'pipeline.run', flagfile, '--dry_run'],
    capture_output=True,
    text=True,
    check=False,
    cwd=folder,
  )
  assert done.returncode == 0, done.stderr
  assert done.stdout.count('nothing changed') == len(STAGES)


def test_a_file_that_is_too_large_is_not_exported(copy):
  done = run(copy, '--stages=export_tflite', '--max_int8_megabytes=0.1')
  assert done.returncode == 5, done.stdout + done.stderr
  assert 'more than --max_int8_megabytes=0.1 (export_tflite)' in done.stderr


def test_the_licence_is_in_the_files(copy):
  done = run(copy, '--stages=export_tflite', '--generator_license=CC0-1.0')
  assert done.returncode == 0, done.stdout + done.stderr
  for path in (copy / 'run/export_tflite').glob('*.tflite'):
    assert gan_info.read(path.read_bytes()).license == 'CC0-1.0'


def test_a_failed_gate_pushes_nothing_says_why_and_still_reports(copy):
  done = run(copy, '--max_frechet_ratio=0.5')
  assert done.returncode == 5, done.stdout + done.stderr
  assert 'frechet_ratio' in done.stderr
  assert not (copy / 'serving').exists()
  assert 'frechet_ratio' in (copy / 'run/report/report.html').read_text()


@pytest.mark.parametrize(
  'damaged',
  [
    'ingest/train-00000-of-00004.tfrecord',
    'train/checkpoints/checkpoint',
    'golden/MANIFEST.json',
  ],
)
def test_a_damaged_artifact_is_named_and_nothing_is_lost(copy, damaged):
  path = copy / 'run' / damaged
  path.write_bytes(path.read_bytes()[:-9])
  before = sorted(p for p in (copy / 'run').rglob('*') if p.is_file())
  one_line(run(copy), 7, damaged)
  after = {p for p in (copy / 'run').rglob('*') if p.is_file()}
  assert set(before) <= after


def test_another_configuration_is_refused_and_nothing_is_lost(copy):
  one_line(run(copy, '--batch_size=32'), 2, '--batch_size=16 there, 32 now', 'rerun')
  assert (copy / 'run/train/model.json').is_file()


def test_settings_errors(tmp_path):
  one_line(run(tmp_path, '--no_such_flag'), 2, 'no_such_flag')


def test_a_batch_larger_than_the_data(tmp_path):
  done = run(tmp_path, '--batch_size=6000', '--stages=ingest,train')
  one_line(done, 3, '--batch_size=6000', '5000')


def test_storage_errors(tmp_path):
  (tmp_path / 'run').write_text('a file')
  one_line(run(tmp_path), 6, 'is a file')
  one_line(run(tmp_path, '--run_dir=/proc/forgeline'), 6, '/proc/forgeline', 'can not be made')


def test_a_full_disk_is_one_line_and_keeps_finished_stages(tmp_path):
  script = 'mount -t tmpfs -o size=1500k none "$0" && "$@"; code=$?; ls "$0"/run; exit $code'
  disk = tmp_path / 'disk'
  disk.mkdir()
  arguments = command(tmp_path, f'--run_dir={disk}/run')
  done = subprocess.run(
    ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script, disk, *arguments],
    capture_output=True,
    text=True,
    check=False,
  )
  one_line(done, 6, 'No space left on device')


def test_a_run_that_is_refused_leaves_the_other_ones_settings_alone(tmp_path):
  folder = tmp_path / 'run'
  with run_folder.held(folder):
    run_folder.record(folder, parse([])[0])
    before = {path: path.read_text() for path in folder.iterdir()}
    one_line(run(tmp_path, '--seed=5'), 6, 'is in use by another run')
    assert {path: path.read_text() for path in folder.iterdir()} == before


def idx(array):
  return struct.pack(f'>HBB{array.ndim}I', 0, 8, array.ndim, *array.shape) + array.tobytes()


def idx_folder(folder, images=30, labels=30, classes=10):
  folder.mkdir()
  pixels = np.random.default_rng(0).integers(0, 256, [images, 28, 28], np.uint8)
  (folder / 'train-images-idx3-ubyte').write_bytes(idx(pixels))
  digits = (np.arange(labels) % classes).astype(np.uint8)
  (folder / 'train-labels-idx1-ubyte.gz').write_bytes(gzip.compress(idx(digits)))
  return folder


@pytest.mark.parametrize(
  ('break_it', 'part'),
  [
    (lambda d: shutil.rmtree(d), 'data'),
    (lambda d: (d / 'train-images-idx3-ubyte').unlink(), 'train-images-idx3-ubyte'),
    (lambda d: (d / 'train-images-idx3-ubyte').write_bytes(b''), 'train-images-idx3-ubyte'),
    (lambda d: truncate(d / 'train-images-idx3-ubyte'), 'train-images-idx3-ubyte'),
    (lambda d: truncate(d / 'train-labels-idx1-ubyte.gz'), 'train-labels-idx1-ubyte.gz'),
  ],
  ids=['missing', 'no images', 'empty', 'truncated', 'truncated gzip'],
)
def test_bad_idx_is_one_clear_line(tmp_path, break_it, part):
  folder = idx_folder(tmp_path / 'data')
  break_it(folder)
  one_line(run(tmp_path, '--dataset=idx', f'--data_dir={folder}', '--stages=ingest'), 3, part)


def truncate(path):
  path.write_bytes(path.read_bytes()[:-7])


def test_idx_counts_that_disagree(tmp_path):
  folder = idx_folder(tmp_path / 'data', images=30, labels=29)
  one_line(run(tmp_path, '--dataset=idx', f'--data_dir={folder}', '--stages=ingest'), 3, '30', '29')


def test_an_image_folder_without_images(tmp_path):
  (tmp_path / 'data').mkdir()
  one_line(run(tmp_path, '--dataset=image_folder', '--data_dir=data', '--stages=ingest'), 3, 'data')


def test_a_text_file_called_png_is_too_much_for_a_small_folder(tmp_path):
  (tmp_path / 'data/a').mkdir(parents=True)
  (tmp_path / 'data/a/x.png').write_text('not a picture')
  flags = ('--dataset=image_folder', '--data_dir=data', '--stages=ingest')
  one_line(run(tmp_path, *flags), 3, 'x.png')


TRAINING = ('--deterministic', '--train_steps=60', '--stages=ingest,train')


def start_training(folder, *place, flags=()):
  """Starts a longer run; returns the process when it has stopped itself at a place."""
  process = subprocess.Popen(
    command(folder, *TRAINING, *flags, program=(frozen.__name__, *place)),
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  frozen.await_stop(process)
  return process


def final_weights(folder):
  with np.load(folder / 'run/train/snapshots/step-000060.npz') as arrays:
    return {name: arrays[name] for name in arrays.files}


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
  folder = tmp_path_factory.mktemp('uninterrupted')
  done = run(folder, *TRAINING)
  assert done.returncode == 0, done.stderr
  return final_weights(folder)


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_stopped_and_resumed_equals_uninterrupted(tmp_path, uninterrupted, number):
  place = ('pipeline.train.records:Records.figures', '3', '0')  # two are there, with checkpoints
  process = start_training(tmp_path, *place, flags=['--checkpoint_every_s=0'])
  frozen.send(process, number)
  _, stderr = process.communicate(timeout=300)
  assert process.returncode == (-number if number == signal.SIGKILL else 42), stderr
  assert not (tmp_path / 'run/train').exists()
  done = run(tmp_path, *TRAINING)
  assert done.returncode == 0, done.stderr
  step = int(re.search(r'goes on from step (\d+)', done.stdout)[1])
  assert step > 0
  if number != signal.SIGKILL:
    assert f'stopped at step {step} of 60; the state is saved and the same command' in stderr
  for name, value in final_weights(tmp_path).items():
    np.testing.assert_array_equal(value, uninterrupted[name], err_msg=name)


@pytest.mark.slow
def test_stopped_while_it_compiles(tmp_path, uninterrupted):
  process = start_training(tmp_path, 'pipeline.train.loop:TrainLoop.run', '1', '0.2')
  frozen.send(process, signal.SIGTERM)
  _, stderr = process.communicate(timeout=300)
  assert process.returncode == 42, stderr
  assert stderr.count('\n') == 1
  assert 'ame command goes on' in stderr
  done = run(tmp_path, *TRAINING)
  assert done.returncode == 0, done.stderr
  for name, value in final_weights(tmp_path).items():
    np.testing.assert_array_equal(value, uninterrupted[name], err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize(
  'flags',
  [
    ('--num_devices=2', '--precision=mixed_bfloat16'),
    ('--precision=mixed_float16',),
    ('--precision=auto', '--xla=auto'),
    ('--xla=on', '--r1_gamma=0'),
    ('--loss=relativistic', '--r2_gamma=1', '--penalty_every_steps=1'),
    ('--network=dcgan', '--loss=non_saturating', '--latent_size=100'),
    ('--learning_rate_decay=exponential', '--ema_halflife_images=0'),
  ],
  ids=' '.join,
)
def test_every_way_to_train_leaves_a_finite_generator(tmp_path, flags):
  done = run(tmp_path, '--stages=ingest,train', *flags)
  assert done.returncode == 0, done.stderr
  with np.load(tmp_path / 'run/train/snapshots/step-000006.npz') as weights:
    assert all(np.isfinite(weights[name]).all() for name in weights.files)


@pytest.mark.slow
def test_a_generator_without_labels_goes_through_every_stage(tmp_path):
  done = run(tmp_path, '--network=dcgan', '--loss=non_saturating', '--r1_gamma=0')
  assert done.returncode == 0, done.stdout + done.stderr
  assert 'label_agreement@' not in done.stdout
  assert (tmp_path / 'serving/digits/1/saved_model.pb').is_file()


@pytest.mark.slow
def test_colour_images_of_a_folder_go_through_every_stage(tmp_path):
  rng = np.random.default_rng(0)
  for name, level in (('dark', 40), ('light', 200)):
    (tmp_path / 'data' / name).mkdir(parents=True)
    for i in range(60):
      pixels = rng.integers(level - 30, level + 30, [20 + i % 7, 24, 3]).astype(np.uint8)
      PIL.Image.fromarray(pixels).save(tmp_path / 'data' / name / f'{i}.png')
  flags = ('--dataset=image_folder', '--data_dir=data', '--image_size=16', '--num_channels=3')
  done = run(tmp_path, *flags, '--num_eval_images=100', '--num_selection_images=100')
  assert done.returncode == 0, done.stdout + done.stderr


def test_paths_in_the_run_folder_are_relative(finished):
  """A run folder can be moved: no artifact but the push names an absolute path."""
  folder, _ = finished
  for path in (folder / 'run').rglob('*.json'):
    if path.name not in ('pushed.json', 'run.json', 'MANIFEST.json'):
      assert str(pathlib.Path(folder)) not in path.read_text(), path
