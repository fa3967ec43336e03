"""Prints how fast the embedded server is beside the SavedModel called in this process.

  python -m benchmarks.serving --model_dir=serving_models/digits

The newest version in --model_dir is served by a process of its own; requests are sent from this
one, 100 after each other by turns with as many direct calls. Requests are prepared, answers left
undecoded, and REST is spoken through the standard library, because it is the server that is
measured; still, on two cores client and server share them. Latencies are medians.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from typing import Any

os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')

import aiohttp
import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

from serving import push, server_process
from serving.server import json_predict, json_text

_PREDICT, _TIMEOUT_S = '/tensorflow.serving.PredictionService/Predict', 120
_LABEL, _FULL_BATCH, _CLIENTS, _BATCH = 7, 64, 32, 16
_BATCHING = """
max_batch_size { value: 64 }
batch_timeout_micros { value: 2000 }
max_enqueued_batches { value: 1000 }
num_batch_threads { value: 2 }
"""
_JSON_ROWS, _REQUESTS, _IMPORTS = 1000, 2000, 5
_IN_A_ROW = 100  # calls of one kind, before those of the next


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
  _print_import()
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


def _print_import() -> None:
  """The client's import, and that of the library that it needs most, each in a new process."""
  seconds: dict[str, list[float]] = {'serving.client': [], 'grpc': []}
  for _ in range(_IMPORTS):
    for module, times in seconds.items():
      program = (
        f'import time; s = time.perf_counter(); import {module}; print(time.perf_counter() - s)'
      )
      times.append(float(subprocess.check_output([sys.executable, '-c', program], text=True)))
  client_s, grpc_s = map(statistics.median, seconds.values())
  _row('import serving.client', f'{client_s:.2f} s', f'import grpc, {grpc_s:.2f} s', '1 s')


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
  call, inputs = _direct(model, 1)
  connection = http.client.HTTPConnection(server.rest_address, timeout=_TIMEOUT_S)
  with (
    grpc.insecure_channel(server.grpc_address) as channel,
    contextlib.closing(connection),
  ):
    predict, message = channel.unary_unary(_PREDICT), _message(name, 1)
    path, body = f'/v1/models/{name}:predict', _body(1)
    runs = {
      'bare': lambda: call(**inputs)['image_bytes'].numpy(),
      'gRPC': lambda: predict(message, timeout=_TIMEOUT_S),
      'REST': lambda: _post(connection, path, body),
    }
    times = _by_turns(runs, number)
  bare_ms = 1e3 * statistics.median(times['bare'])
  for key, to_reach in (('gRPC', 1), ('REST', 2)):
    extra_ms = 1e3 * statistics.median(times[key]) - bare_ms
    p99_ms = 1e3 * np.percentile(times[key], 99)
    measured = f'+{extra_ms:.2f} ms (p99 {p99_ms:.1f} ms)'
    _row(f'{key}, one client', measured, f'the call, {bare_ms:.2f} ms', f'+{to_reach} ms')


def _print_throughput(model: tf.Module, name: str, server: server_process.Server) -> None:
  """Many clients with batching, beside full batches in this process."""
  call, inputs = _direct(model, _FULL_BATCH)
  bare = _FULL_BATCH / _median_s(lambda: call(**inputs)['image_bytes'].numpy(), 50)
  for protocol, load, num_images, to_reach in (
    ('gRPC', _load_grpc, _BATCH, '0.85 x'),
    ('gRPC', _load_grpc, 1, ''),
    ('REST', _load_rest, _BATCH, ''),
    ('REST', _load_rest, 1, ''),
  ):
    start_s = time.perf_counter()
    latencies_s = asyncio.run(load(name, server, _REQUESTS, num_images))
    rate = _REQUESTS * num_images / (time.perf_counter() - start_s)
    p99_ms = 1e3 * np.percentile(latencies_s, 99)
    _row(
      f'{protocol}, {_CLIENTS} clients, batching, images a request: {num_images}',
      f'{rate / bare:.2f} x ({rate:,.0f} images/s, p99 {p99_ms:.0f} ms)',
      f'full batches, {bare:,.0f} images/s',
      to_reach,
    )


def _print_memory(name: str, server: server_process.Server, number: int) -> None:
  """Resident memory of the server after a tenth of the requests and after all."""
  asyncio.run(_load_grpc(name, server, number // 10, 1))
  before = _resident_mib(server.process_id)
  asyncio.run(_load_grpc(name, server, number - number // 10, 1))
  grown = _resident_mib(server.process_id) - before
  _row(f'memory over {number:,} requests', f'+{grown:.0f} MiB', f'{before:.0f} MiB', 'no growth')


async def _load_grpc(
  name: str, server: server_process.Server, number: int, num_images: int
) -> list[float]:
  message = _message(name, num_images)
  async with grpc.aio.insecure_channel(server.grpc_address) as channel:
    predict = channel.unary_unary(_PREDICT)
    return await _load(lambda: predict(message, timeout=_TIMEOUT_S), number)


async def _load_rest(
  name: str, server: server_process.Server, number: int, num_images: int
) -> list[float]:
  url, body = f'http://{server.rest_address}/v1/models/{name}:predict', _body(num_images)
  timeout = aiohttp.ClientTimeout(_TIMEOUT_S)
  async with aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as http:

    async def post() -> None:
      async with http.post(url, data=body) as reply:
        await reply.read()

    return await _load(post, number)


async def _load(send: Callable[[], Awaitable[Any]], number: int) -> list[float]:
  """Seconds that each request took; 32 at a time."""
  waiting, latencies_s = iter(range(number)), []

  async def ask() -> None:
    for _ in waiting:
      start_s = time.perf_counter()
      await send()
      latencies_s.append(time.perf_counter() - start_s)

  await asyncio.gather(*(ask() for _ in range(_CLIENTS)))
  return latencies_s


def _direct(model: tf.Module, num_images: int) -> tuple[Callable[..., Any], dict[str, tf.Tensor]]:
  """The signature and its inputs."""
  seed = tf.range(num_images, dtype=tf.int64)
  label = tf.fill([num_images], tf.constant(_LABEL, tf.int64))
  return model.signatures['serving_default'], {'seed': seed, 'label': label}


def _message(name: str, num_images: int) -> bytes:
  request = predict_pb2.PredictRequest()
  request.model_spec.name = name
  for key, values in _inputs(num_images).items():
    request.inputs[key].CopyFrom(tf.make_tensor_proto(values, tf.int64))
  return request.SerializeToString()


def _body(num_images: int) -> bytes:
  return json.dumps({'inputs': _inputs(num_images)}).encode()


def _inputs(num_images: int) -> dict[str, list[int]]:
  return {'seed': list(range(num_images)), 'label': [_LABEL] * num_images}


def _post(connection: http.client.HTTPConnection, path: str, body: bytes) -> None:
  connection.request('POST', path, body)
  with connection.getresponse() as reply:
    text = reply.read()
  if reply.status != http.HTTPStatus.OK:
    raise RuntimeError(f'{path}: {reply.status} {text!r}')


def _by_turns(runs: dict[str, Callable[[], object]], number: int) -> dict[str, list[float]]:
  """Seconds of each call, in blocks; the first block, and the first call of each, warm up."""
  times: dict[str, list[float]] = {key: [] for key in runs}
  for block in range(1 + math.ceil(number / _IN_A_ROW)):
    for key, run in runs.items():
      seconds = [_seconds(run) for _ in range(1 + _IN_A_ROW)]
      times[key] += seconds[1:] if block else []
  return times


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
