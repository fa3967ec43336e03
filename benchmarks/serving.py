"""Prints how fast the embedded server is beside the SavedModel called in this process.

  python -m benchmarks.serving --model_dir=serving_models/digits

The newest version in --model_dir is served by a process of its own; requests are sent from this
one, by turns with direct calls. On two cores client and server share them. Latencies are medians.
"""

import argparse
import asyncio
import json
import os
import pathlib
import statistics
import tempfile
import time
from collections.abc import Callable

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import numpy as np
import tensorflow as tf

from serving import push, server_process
from serving.client import AsyncClient, Client, benchmark
from serving.server import json_predict, json_text

_LABEL, _FULL_BATCH, _CLIENTS, _BATCH = 7, 64, 32, 16
_BATCHING = """
max_batch_size { value: 64 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 2 }
"""
_JSON_ROWS = 1000


def main() -> None:
  """Measures and prints."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--model_dir', type=pathlib.Path, default='serving_models/digits')
  parser.add_argument('--requests', type=int, default=300, help='Of one client.')
  parser.add_argument('--soak', type=int, default=100_000, help='Requests for the memory growth.')
  options = parser.parse_args()
  folder = options.model_dir.resolve()
  _, path = list(push.versions(folder).items())[-1]
  model = tf.saved_model.load(str(path))
  print('| what | measured | beside | to reach |\n|---|---|---|---|')
  _print_json_rate(model)
  with server_process.running(folder, '') as server:
    _print_latency(model, folder.name, server, options.requests)
  with tempfile.NamedTemporaryFile('w') as parameters:
    parameters.write(_BATCHING)
    parameters.flush()
    flags = ('--enable_batching', f'--batching_parameters_file={parameters.name}')
    with server_process.running(folder, '', *flags) as server:
      _print_throughput(model, folder.name, server)
      _print_memory(folder.name, server, options.soak)


def _print_json_rate(model: tf.Module) -> None:
  """Parsing a large request, beside what json and NumPy alone need."""
  signature = model.signatures['from_latent']
  latent_size = signature.structured_input_signature[1]['latent'].shape[1]
  latents = np.random.default_rng(0).standard_normal([_JSON_ROWS, latent_size])
  text = json.dumps({'inputs': {'latent': latents.tolist()}}).encode()
  definition = tf.compat.v1.MetaGraphDef().signature_def['from_latent']
  definition.inputs['latent'].dtype = tf.float32.as_datatype_enum
  ours = _median_s(lambda: json_predict.inputs_of(json_text.parse_object(text), definition))
  bare = _median_s(lambda: np.array(json.loads(text)['inputs']['latent'], np.float32))
  _row('JSON request of 1,000 latents', f'{bare / ours:.2f} x', 'json and NumPy', '0.5 x')


def _print_latency(model: tf.Module, name: str, server: server_process.Server, number: int) -> None:
  """One client, one image, beside the call itself."""
  call = model.signatures['serving_default']
  seed, label = tf.constant([1], tf.int64), tf.constant([_LABEL], tf.int64)
  with (
    Client(server.grpc_address, model_name=name) as grpc,
    Client(server.rest_address, model_name=name, protocol='rest') as rest,
  ):
    runs = {
      'bare': lambda: call(seed=seed, label=label)['image_bytes'].numpy(),
      'gRPC': lambda: grpc.generate([1], labels=_LABEL),
      'REST': lambda: rest.generate([1], labels=_LABEL),
    }
    times: dict[str, list[float]] = {key: [] for key in runs}
    for turn in range(number + 10):
      for key, run in runs.items():
        seconds = _seconds(run)
        if turn >= 10:
          times[key].append(seconds)
  bare_ms = 1e3 * statistics.median(times['bare'])
  for key, to_reach in (('gRPC', 1), ('REST', 2)):
    extra_ms = 1e3 * statistics.median(times[key]) - bare_ms
    p99_ms = 1e3 * np.percentile(times[key], 99)
    measured = f'+{extra_ms:.2f} ms (p99 {p99_ms:.1f} ms)'
    _row(f'{key}, one client', measured, f'the call, {bare_ms:.2f} ms', f'+{to_reach} ms')


def _print_throughput(model: tf.Module, name: str, server: server_process.Server) -> None:
  """Many clients with batching, beside full batches in this process."""
  call = model.signatures['serving_default']
  seeds = tf.range(_FULL_BATCH, dtype=tf.int64)
  labels = tf.fill([_FULL_BATCH], tf.constant(_LABEL, tf.int64))
  bare = _FULL_BATCH / _median_s(lambda: call(seed=seeds, label=labels)['image_bytes'].numpy(), 50)
  result = asyncio.run(_load(name, server, 2000))
  rate = result.num_images / result.duration_s
  p99_ms = 1e3 * np.percentile(result.latencies_s, 99)
  _row(
    f'{_CLIENTS} clients, {_BATCH} images a request, batching',
    f'{rate / bare:.2f} x ({rate:,.0f} images/s, p99 {p99_ms:.0f} ms)',
    f'full batches, {bare:,.0f} images/s',
    '0.85 x',
  )


def _print_memory(name: str, server: server_process.Server, number: int) -> None:
  """Resident memory of the server after a tenth of the requests and after all."""
  asyncio.run(_load(name, server, number // 10, batch_size=1))
  before = _resident_mib(server.process_id)
  asyncio.run(_load(name, server, number - number // 10, batch_size=1))
  grown = _resident_mib(server.process_id) - before
  _row(f'memory over {number:,} requests', f'+{grown:.0f} MiB', f'{before:.0f} MiB', 'no growth')


async def _load(
  name: str, server: server_process.Server, number: int, batch_size: int = _BATCH
) -> benchmark.Result:
  async with AsyncClient(server.grpc_address, model_name=name, timeout_s=120) as client:
    return await benchmark.measure(
      client, label=_LABEL, num_requests=number, batch_size=batch_size, concurrency=_CLIENTS
    )


def _resident_mib(process_id: int) -> float:
  status = pathlib.Path(f'/proc/{process_id}/status').read_text(encoding='ascii')
  (line,) = (line for line in status.splitlines() if line.startswith('VmRSS:'))
  return int(line.split()[1]) / 1024


def _median_s(run: Callable[[], object], number: int = 20) -> float:
  run()
  return statistics.median(_seconds(run) for _ in range(number))


def _seconds(run: Callable[[], object]) -> float:
  start_s = time.perf_counter()
  run()
  return time.perf_counter() - start_s


def _row(*cells: str) -> None:
  print(f'| {" | ".join(cells)} |', flush=True)


if __name__ == '__main__':
  main()
