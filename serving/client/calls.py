"""The calls of a client, as generators of what to send: see `effects`.

Legend: B batch, H height, W width, C channels, Z latent.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import PIL.Image

from serving.client import checks, waiting
from serving.client.checks import Labels
from serving.client.effects import Call
from serving.client.errors import InvalidRequestError, ShapeError
from serving.client.messages import Arrays, Metadata, ModelSpec, StatusRequest, VersionStatus
from serving.client.predictions import Predictor, Question
from serving.client.retries import Exchanger, Retry

Seeds = Sequence[int] | np.ndarray
Images = Sequence[PIL.Image.Image] | np.ndarray


class Anomalies(NamedTuple):
  """What a model that knows normal images alone says of some."""

  scores: np.ndarray  # float32 [B]; the larger, the less normal
  reconstructions: np.ndarray  # float32 [B, H, W, C] in [0, 1]: the nearest that it draws


class Calls:
  """What `Client` and `AsyncClient` offer."""

  def __init__(
    self,
    *,
    address: str,
    spec: ModelSpec,
    timeout_s: float,
    retry: Retry,
    max_batch_size: int,
    random_seed: int | None,
    clock: Callable[[], float] = time.monotonic,
  ) -> None:
    self._spec, self._timeout_s, self._rng = spec, timeout_s, random.Random(random_seed)
    self._exchanger = Exchanger(address=address, retry=retry, rng=self._rng, clock=clock)
    self._predictor = Predictor(self._exchanger, max_batch_size)

  def generate(
    self,
    seeds: Seeds | None = None,
    *,
    count: int | None = None,
    labels: Labels | None = None,
    version: int | None = None,
    version_label: str | None = None,
    timeout_s: float | None = None,
  ) -> Call[list[PIL.Image.Image]]:
    """Pictures.

    Args:
      seeds: one for each picture; a seed and a label always give the same picture.
      count: instead of seeds: as many pictures, of seeds that are drawn.
      labels: one for each picture or one for all, for a conditional model.
      version: of the model, instead of the client's.
      version_label: the same by a label.
      timeout_s: for the whole call, instead of the client's.

    Raises:
      ClientError: see `errors`.
    """
    if (seeds is None) == (count is None) or (count is not None and count < 1):
      raise ShapeError(f'seeds={seeds!r}, count={count}. Pass seeds, or a count of 1 or more.')
    if seeds is None:
      seeds = [self._rng.getrandbits(63) for _ in range(count or 0)]
    question = Question(
      signature='serving_default',
      input='seed',
      outputs=('image_bytes',),
      rows=checks.seeds(seeds),
      labels=labels,
    )
    answer = yield from self._ask(question, version, version_label, timeout_s)
    return [checks.picture(png) for png in answer['image_bytes']]

  def images_from_latents(
    self,
    latents: np.ndarray,
    *,
    labels: Labels | None = None,
    version: int | None = None,
    version_label: str | None = None,
    timeout_s: float | None = None,
  ) -> Call[np.ndarray]:
    """Images float32 [B, H, W, C] in [0, 1] of latents [B, Z]; the rest as in `generate`."""
    question = Question(
      signature='from_latent',
      input='latent',
      outputs=('images',),
      rows=checks.latents(latents),
      labels=labels,
    )
    answer = yield from self._ask(question, version, version_label, timeout_s)
    return answer['images']

  def score(
    self,
    images: Images,
    *,
    labels: Labels | None = None,
    version: int | None = None,
    version_label: str | None = None,
    timeout_s: float | None = None,
  ) -> Call[np.ndarray]:
    """The discriminator's logits, float32 [B]; the rest as in `generate`.

    Args:
      images: pictures, or [B, H, W, C]: uint8, or floats in [0, 1].
    """
    question = Question(
      signature='score',
      input='images',
      outputs=('score',),
      rows=checks.images(images),
      labels=labels,
    )
    answer = yield from self._ask(question, version, version_label, timeout_s)
    return answer['score']

  def anomaly(
    self,
    images: Images,
    *,
    version: int | None = None,
    version_label: str | None = None,
    timeout_s: float | None = None,
  ) -> Call[Anomalies]:
    """How far images are from normal ones; `images` as in `score`, the rest as in `generate`."""
    question = Question(
      signature='anomaly',
      input='images',
      outputs=('anomaly_score', 'reconstruction'),
      rows=checks.images(images),
      labels=None,
    )
    answer = yield from self._ask(question, version, version_label, timeout_s)
    return Anomalies(answer['anomaly_score'], answer['reconstruction'])

  def metadata(
    self,
    *,
    version: int | None = None,
    version_label: str | None = None,
    timeout_s: float | None = None,
  ) -> Call[Metadata]:
    """The version that answers, and its signatures."""
    spec = self._asked(version, version_label)
    return (yield from self._predictor.metadata(spec, self._deadline_s(timeout_s)))

  def status(
    self, *, version: int | None = None, timeout_s: float | None = None
  ) -> Call[tuple[VersionStatus, ...]]:
    """The states of all versions that the server knows, newest first, or of one."""
    request = StatusRequest(spec=self._asked(version, None))
    return (yield from self._exchanger.exchange(request, self._deadline_s(timeout_s)))

  def wait_until_available(
    self, timeout_s: float, *, version: int | None = None, version_label: str | None = None
  ) -> Call[None]:
    """Returns when the server answers requests for the model.

    Raises:
      DeadlineError: it does not within `timeout_s`.
      ServerError: the version that was asked for could not be loaded.
    """
    spec = self._asked(version, version_label)
    yield from waiting.wait_until_available(self._exchanger, spec, timeout_s)

  def _ask(
    self,
    question: Question,
    version: int | None,
    version_label: str | None,
    timeout_s: float | None,
  ) -> Call[Arrays]:
    spec = self._asked(version, version_label)
    return self._predictor.predict(question, spec, self._deadline_s(timeout_s))

  def _asked(self, version: int | None, version_label: str | None) -> ModelSpec:
    if version is None and version_label is None:
      return self._spec
    return model_spec(self._spec.name, version, version_label)

  def _deadline_s(self, timeout_s: float | None) -> float:
    return self._exchanger.clock() + (self._timeout_s if timeout_s is None else timeout_s)


def model_spec(name: str, version: int | None, version_label: str | None) -> ModelSpec:
  """What is asked for.

  Raises:
    InvalidRequestError: no name, both a version and a label, or a version beyond 64 bits.
  """
  both = version is not None and version_label is not None
  if not name or both or not -(2**63) <= (version or 0) < 2**63:
    raise InvalidRequestError(
      f'model_name={name!r}, version={version}, version_label={version_label!r}.'
      ' Pass a name, and at most one of version, of 64 bits, and version_label.'
    )
  return ModelSpec(name=name, version=version, version_label=version_label)
