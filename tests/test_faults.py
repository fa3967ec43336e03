"""Disks and folders that fail while training writes: one clear line, and nothing is lost."""

import subprocess
import time

import pytest
import tensorflow as tf

from tests.test_run import command, one_line

FLAGS = (
  '--stages=ingest,train',
  '--image_size=8',
  '--network=mlp',
  '--r1_gamma=0',
  '--train_steps=600',
  '--checkpoint_every_s=0',
)
TRAIN = 'run/.train.partial'


def await_third_checkpoint(process, folder):
  """Or a later one: the second counts for sure when the third is there; the first is of step 0."""
  deadline_s = time.monotonic() + 120
  while all(int(path.stem.partition('-')[2]) < 3 for path in folder.glob('ckpt-*.index')):
    assert process.poll() is None, process.communicate()
    assert time.monotonic() < deadline_s
    time.sleep(0.01)


@pytest.mark.slow
def test_a_disk_that_fills_up_while_training(tmp_path):
  script = r"""
    mount -t tmpfs -o size=64m none "$0"
    "$@" & process=$!
    cd "$0"
    until ls run/.train.partial/checkpoints 2> /dev/null | grep -Eq '^ckpt-([3-9]|..+)\.index$'; do
      kill -0 $process || exit 1
      sleep 0.01
    done
    cat /dev/zero > "$0"/filler 2> /dev/null
    wait $process; echo "exit code $?"
    rm "$0"/filler
    "$@" --checkpoint_every_s=60
  """
  disk = tmp_path / 'disk'
  disk.mkdir()
  done = subprocess.run(
    [
      *('unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script, disk),
      *command(tmp_path, *FLAGS, f'--run_dir={disk}/run'),
    ],
    capture_output=True,
    text=True,
    check=False,
    timeout=300,
  )
  assert 'exit code 6' in done.stdout, done.stderr
  one_line(done, 0, 'StorageError', 'the same command')
  assert 'goes on from step' in done.stdout  # the last good checkpoint was readable
  assert 'can not be read' not in done.stdout


@pytest.mark.slow
def test_a_run_folder_that_is_removed_while_training(tmp_path):
  process = subprocess.Popen(
    command(tmp_path, *FLAGS, '--train_steps=100000', '--checkpoint_every_s=3'),
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  await_third_checkpoint(process, tmp_path / TRAIN / 'checkpoints')
  (tmp_path / 'run').rename(tmp_path / 'gone')  # in an instant, so that what was there can be read
  stdout, stderr = process.communicate(timeout=120)
  done = subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)
  one_line(done, 6, f'{TRAIN} was removed or replaced', 'the same command')
  assert not (tmp_path / 'run').exists()
  saved = tf.train.load_checkpoint(str(tmp_path / 'gone/.train.partial/checkpoints'))
  assert saved.get_tensor('step/.ATTRIBUTES/VARIABLE_VALUE') > 0
