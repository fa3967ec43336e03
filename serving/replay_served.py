"""Replays golden samples through a server, asked over gRPC and over REST.

`python -m serving.replay_served --saved_model_dir=DIR --golden=golden.npz --out=out.npz` serves DIR
as version 1 of a model, by TensorFlow Serving where it is installed. It compares nothing.
"""

import argparse
import pathlib
import shutil
import signal
import tempfile
from types import FrameType
from typing import Any

import numpy as np

from serving import server_process
from serving.client import Client
from serving.replay import anomaly_samples

_MODEL = 'candidate'
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def replay(saved_model_dir: pathlib.Path, golden: pathlib.Path, binary: str = '') -> dict[str, Any]:
  """Asks for golden samples in one batch.

  Args:
    saved_model_dir: exported by `serving.export`.
    golden: npz with seeds [N], latents [N, Z] and, for a conditional model, labels [N].
    binary: the server's program; see `server_process.running`.

  Returns:
    grpc_images, rest_images: float32 [N, H, W, C] in [0, 1], from the golden latents.
    grpc_pixels, rest_pixels: uint8 [N, H, W, C], decoded from the PNGs of the seeds.
    grpc_anomaly_scores, grpc_reconstructions and the same of rest: as in `replay`.

  Raises:
    ServerProcessError: the server does not come up.
    ClientError: it does not answer.
  """
  with np.load(golden, allow_pickle=False) as arrays:
    samples = {name: arrays[name] for name in ('seeds', 'latents', 'labels') if name in arrays}
  images = anomaly_samples(saved_model_dir)
  if images is not None:
    samples['anomaly_samples'] = images
  with tempfile.TemporaryDirectory() as folder:
    model_dir = pathlib.Path(folder).resolve() / _MODEL
    shutil.copytree(saved_model_dir, model_dir / '1')
    with server_process.running(model_dir, binary) as server:
      return {
        **_answers('grpc', server.grpc_address, samples),
        **_answers('rest', server.rest_address, samples),
      }


def _answers(protocol: str, address: str, samples: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
  seeds, labels = samples['seeds'], samples.get('labels')
  with Client(
    address, model_name=_MODEL, protocol=protocol, timeout_s=120, max_batch_size=len(seeds)
  ) as client:
    pictures = client.generate(seeds, labels=labels)
    images = client.images_from_latents(samples['latents'], labels=labels)
    judged = {}
    if 'anomaly_samples' in samples:
      scores, reconstructions = client.anomaly(samples['anomaly_samples'])
      judged = {'anomaly_scores': scores, 'reconstructions': reconstructions}
  pixels = np.stack([np.asarray(picture, np.uint8) for picture in pictures])
  answers = {'images': images, 'pixels': pixels.reshape(images.shape)} | judged
  return {f'{protocol}_{name}': array for name, array in answers.items()}


def _stop(number: int, _: FrameType | None) -> None:
  """Ends the program, and so its server, as an error does; no second signal cuts that short."""
  for each in _SIGNALS:
    signal.signal(each, signal.SIG_IGN)
  raise SystemExit(128 + number)


def main() -> None:
  """Command line."""
  for number in _SIGNALS:
    signal.signal(number, _stop)
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  for name in ('saved_model_dir', 'golden', 'out'):
    parser.add_argument(f'--{name}', type=pathlib.Path, required=True)
  parser.add_argument('--model_server_binary', default='')
  arguments = parser.parse_args()
  answers = replay(arguments.saved_model_dir, arguments.golden, arguments.model_server_binary)
  np.savez(arguments.out, **answers)


if __name__ == '__main__':
  main()
