"""SIGTERM in stages that save nothing on the way: the process ends, the same command goes on."""

import signal
import subprocess
import sys

import pytest

from tests import frozen

STAGES = ('ingest', 'train', 'evaluate', 'golden', 'export_tflite', 'report')
INTERRUPTED = {  # and what does the work
  'ingest': 'pipeline.ingest.stage:_run',
  'evaluate': 'pipeline.evaluate.judging:_fitted',
  'export_tflite': 'pipeline.export_tflite:export_tflite',
}
SETTINGS = (
  f'--stages={",".join(STAGES)}',
  '--network=mlp',
  '--latent_size=8',
  '--image_size=8',
  '--r1_gamma=0',
  '--train_steps=3',
  '--snapshot_every_steps=3',
  '--batch_size=8',
  '--num_eval_images=100',
  '--num_selection_images=100',
  '--judge_fit_steps=60',
  '--num_golden_samples=4',
  '--num_calibration_latents=20',
  '--precision=float32',
  '--xla=off',
)


def start(folder, *program):
  return subprocess.Popen(
    [sys.executable, '-m', *program, f'--run_dir={folder}', *SETTINGS],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


@pytest.mark.slow
def test_a_stage_that_is_interrupted_is_done_again(tmp_path):
  folder = tmp_path / 'run'
  for stage, work in INTERRUPTED.items():
    process = start(folder, frozen.__name__, work, '1', '0.2')
    frozen.await_stop(process)
    frozen.send(process, signal.SIGTERM)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode == 42, stderr
    assert (
      stderr == 'Interrupted: stopped by SIGTERM. Finished stages are kept; the same command'
      ' goes on.\n'
    )
    done = STAGES[: STAGES.index(stage)]
    assert {path.name for path in folder.iterdir() if path.name in STAGES} == set(done)
  process = start(folder, 'pipeline.run')
  stdout, stderr = process.communicate(timeout=600)
  assert (process.returncode, stderr) == (0, '')
  assert stdout.count(': cached') == STAGES.index('export_tflite')
  for stage in STAGES:
    assert (folder / stage / 'MANIFEST.json').is_file()
  assert (folder / 'export_tflite/generator.tflite').is_file()
