"""Both clients over both protocols against a server in another process."""

import asyncio
import concurrent.futures
import re
from collections.abc import Callable

import numpy as np
import PIL.Image
import pytest
import tensorflow as tf

from serving.client import (
  AsyncClient,
  Client,
  DeadlineError,
  InvalidRequestError,
  LabelError,
  NotFoundError,
  ResponseError,
  ServerUnavailableError,
  ShapeError,
  VersionStatus,
)
from serving.client.retries import Retry
from serving.server.ports import free_ports
from tests.serving.server import live

SEEDS, LABELS = [5, -3, 2**40], [0, 1, 2]


def arrays(pictures: list[PIL.Image.Image]) -> np.ndarray:
  return np.stack([np.asarray(picture) for picture in pictures])[..., np.newaxis]


def address(server: live.Server, protocol: str) -> str:
  return f'127.0.0.1:{server.grpc_port if protocol == "grpc" else server.rest_port}'


def test_pictures_are_those_of_the_model(client, signatures):
  pictures = client.generate(SEEDS, labels=LABELS)
  assert all(isinstance(picture, PIL.Image.Image) for picture in pictures)
  pngs = signatures['serving_default'](
    seed=tf.constant(SEEDS, tf.int64), label=tf.constant(LABELS, tf.int64)
  )['image_bytes']
  expected = np.stack([tf.io.decode_png(png).numpy() for png in pngs])
  np.testing.assert_array_equal(arrays(pictures), expected)


def test_one_label_for_all_and_labels_as_an_array(client):
  one = client.generate(SEEDS, labels=2)
  each = client.generate(np.array(SEEDS), labels=np.array([2, 2, 2], np.int32))
  np.testing.assert_array_equal(arrays(one), arrays(each))


def test_count_draws_other_seeds_each_time(make_client: Callable):
  client = make_client(random_seed=1)
  first, second = (arrays(client.generate(count=2, labels=0)) for _ in range(2))
  assert (first[0] != first[1]).any()
  assert (first != second).any()
  again = make_client(random_seed=1).generate(count=2, labels=0)
  np.testing.assert_array_equal(first, arrays(again))


def test_images_from_latents(client, signatures):
  latents = np.random.default_rng(0).standard_normal([3, 8])
  images = client.images_from_latents(latents, labels=LABELS)
  expected = signatures['from_latent'](
    latent=tf.constant(latents, tf.float32), label=tf.constant(LABELS, tf.int64)
  )['images']
  assert images.dtype == np.float32
  np.testing.assert_allclose(images, expected, atol=1e-6)


def test_many_images_are_asked_for_in_several_requests(make_client: Callable):
  latents = np.random.default_rng(0).standard_normal([5, 8])
  labels = [0, 1, 2, 1, 0]
  whole = make_client().images_from_latents(latents, labels=labels)
  parts = make_client(max_batch_size=2).images_from_latents(latents, labels=labels)
  np.testing.assert_allclose(parts, whole, atol=1e-6)


@pytest.mark.parametrize('protocol', ['grpc', 'rest'])
def test_threads_share_a_client(protocol: str, server: live.Server):
  with (
    Client(address(server, protocol), model_name=live.NAME, protocol=protocol) as client,
    concurrent.futures.ThreadPoolExecutor(8) as pool,
  ):
    asked = [pool.submit(client.generate, [seed], labels=1) for seed in range(32)]
    found = [arrays(future.result(60))[0] for future in asked]
    for seed in (0, 31):
      np.testing.assert_array_equal(found[seed], arrays(client.generate([seed], labels=1))[0])


@pytest.mark.parametrize('protocol', ['grpc', 'rest'])
def test_many_calls_in_one_event_loop(protocol: str, server: live.Server):
  async def ask() -> list[list[PIL.Image.Image]]:
    async with AsyncClient(
      address(server, protocol), model_name=live.NAME, protocol=protocol
    ) as client:
      return await asyncio.gather(*(client.generate([seed], labels=1) for seed in range(32)))

  found = asyncio.run(ask())
  assert len({arrays(pictures).tobytes() for pictures in found}) == 32


def test_a_model_that_judges_nothing_says_so(client):
  with pytest.raises(NotFoundError, match='has no signature anomaly with an input images'):
    client.anomaly(np.zeros([1, 8, 8, 1]))


def test_score_takes_pictures_pixels_and_floats(client, signatures):
  pictures = client.generate(SEEDS, labels=LABELS)
  expected = signatures['score'](
    images=tf.constant(arrays(pictures) / 255, tf.float32), label=tf.constant(LABELS, tf.int64)
  )['score']
  for images in (pictures, arrays(pictures), arrays(pictures) / 255):
    score = client.score(images, labels=LABELS)
    assert (score.shape, score.dtype) == ((3,), np.float32)
    np.testing.assert_allclose(score, expected, atol=1e-5)


def test_metadata_tells_the_signatures(client):
  metadata = client.metadata()
  assert metadata.version == 1
  assert {'serving_default', 'from_latent', 'score'} <= set(metadata.signatures)
  signature = metadata.signatures['from_latent']
  shapes = {name: (spec.dtype, spec.shape) for name, spec in signature.inputs.items()}
  assert shapes == {'latent': ('DT_FLOAT', (-1, 8)), 'label': ('DT_INT64', (-1,))}
  assert signature.outputs['images'].shape == (-1, 8, 8, 1)


def test_status_and_wait(client):
  client.wait_until_available(60)
  client.wait_until_available(60, version=1)
  assert client.status() == (VersionStatus(version=1, state='AVAILABLE'),)
  assert client.status(version=1) == client.status()


def test_version_of_the_client_and_of_the_call(make_client: Callable):
  assert make_client(version=1).generate([1], labels=0)
  client = make_client(version=7)
  assert client.generate([1], labels=0, version=1)
  with pytest.raises(NotFoundError, match=r'Specific\(digits, 7\)'):
    client.generate([1], labels=0)
  with pytest.raises(NotFoundError, match='version 7'):
    client.status()


@pytest.mark.parametrize(
  ('arguments', 'kind', 'message'),
  [
    ({'count': 1}, LabelError, r'model digits version 1 \(127.*needs a label'),
    ({'count': 1, 'labels': 3}, LabelError, r'label=3, but model digits .*labels 0\.\.2\.'),
    ({'count': 2, 'labels': [1, 9]}, LabelError, r'label=9, but model digits .*labels 0\.\.2\.'),
    ({'count': 1, 'labels': -1}, LabelError, 'label=-1, but model digits'),
    ({'count': 1, 'labels': 0, 'version': 9}, NotFoundError, 'NOT_FOUND.*status()'),
    ({'count': 1, 'labels': 0, 'version_label': 'x'}, NotFoundError, 'version label: x'),
    ({'count': 1, 'labels': 0, 'timeout_s': 1e-6}, DeadlineError, 'longer timeout_s'),
    ({'count': 1, 'version': 1, 'version_label': 'x'}, InvalidRequestError, 'at most one'),
  ],
)
def test_errors_say_what_where_and_how_to_mend(client, arguments, kind, message: str):
  client.generate(count=1, labels=0)  # what is remembered does not change the error
  for _ in range(2):
    with pytest.raises(kind, match=message) as caught:
      client.generate(**arguments)
    assert '\n' not in str(caught.value)


def test_shapes_are_checked(client):
  with pytest.raises(ShapeError, match=r'latent has the shape \[2, 9\], but .* takes \[any, 8\]'):
    client.images_from_latents(np.zeros([2, 9]), labels=0)
  with pytest.raises(ShapeError, match=r'images has the shape \[2, 9, 9, 1\]'):
    client.score(np.zeros([2, 9, 9, 1]), labels=0)


def test_unknown_model(make_client: Callable):
  client = make_client(model_name='nobody')
  for call in (client.status, client.metadata):
    with pytest.raises(NotFoundError, match='nobody'):
      call()


def test_nobody_listens(make_client: Callable):
  address = f'127.0.0.1:{free_ports(1)[0]}'
  client = make_client(address, retry=Retry(max_attempts=2))
  message = rf'{re.escape(address)}: UNAVAILABLE: .*(refused|attempts failed).* Check the'
  with pytest.raises(ServerUnavailableError, match=message):
    client.generate(count=1, labels=0)
  # Asks once: what is left of the time for the last of several may be too short for an answer.
  client = make_client(address, retry=Retry(initial_pause_s=60, max_pause_s=60))
  with pytest.raises(DeadlineError, match=r'not available within 30 s.*UNAVAILABLE'):
    client.wait_until_available(30)


def test_the_port_of_the_other_protocol(make_client: Callable):
  client = make_client(make_client.other_address, retry=Retry(max_attempts=1))
  with pytest.raises((ServerUnavailableError, ResponseError), match='the port of the protocol'):
    client.status()


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'protocol': 'http'}, 'grpc, rest'),
    ({'model_name': ''}, 'Pass a name'),
    ({'version': 1, 'version_label': 'x'}, 'at most one'),
    ({'timeout_s': 0}, 'above 0'),
    ({'max_batch_size': 0}, 'above 0'),
  ],
)
def test_clients_that_can_not_be(make_client: Callable, arguments, message: str):
  with pytest.raises(InvalidRequestError, match=message):
    make_client(**arguments)
