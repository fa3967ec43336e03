import dataclasses

import numpy as np
import pytest

from serving.client import errors
from serving.client.messages import MetadataRequest, Prediction, PredictRequest
from tests.serving.client.driver import Driver, metadata

REFUSED = errors.InvalidRequestError('label is outside the 3 classes. Send labels from 0 to 2.')


def images(batch: int = 1, version: int | None = 1) -> Prediction:
  return Prediction(version=version, outputs={'images': np.zeros([batch, 2, 2, 1], np.float32)})


class Asker(Driver):
  """Asks for images of latents, again and again with one client."""

  def ask(self, *answers, latent_size: int = 8, labels=0, batch: int = 1, **arguments):
    if not hasattr(self, '_calls'):
      self._calls = self.calls(**arguments)
    self.requests.clear()
    latents = np.zeros([batch, latent_size])
    call = self._calls.images_from_latents(latents, labels=labels)
    return self.run(call, *answers)

  def asked(self) -> list[type]:
    return [type(request) for request in self.requests]


def test_metadata_is_fetched_once():
  asker = Asker()
  asker.ask(metadata(), images())
  assert asker.asked() == [MetadataRequest, PredictRequest]
  asker.ask(images())
  assert asker.asked() == [PredictRequest]


def test_another_version_that_answers_is_looked_at():
  asker = Asker()
  asker.ask(metadata(), images())
  asker.ask(images(version=2))
  asker.ask(metadata(2), images(version=2))
  assert asker.asked() == [MetadataRequest, PredictRequest]


def test_what_the_known_version_would_not_take_a_newer_one_may():
  asker = Asker()
  asker.ask(metadata(), images(version=None))
  asker.ask(metadata(2, latent_size=16), images(version=None), latent_size=16)
  assert asker.asked() == [MetadataRequest, PredictRequest]


@pytest.mark.parametrize('kind', [errors.NotFoundError, errors.InvalidRequestError])
def test_what_the_server_refuses_is_asked_again_of_what_it_has_now(kind):
  asker = Asker()
  asker.ask(metadata(), images())
  asker.ask(kind('gone'), metadata(2), images(version=2))
  with pytest.raises(kind, match='gone'):
    asker.ask(kind('gone'), metadata(2), kind('gone'))


def test_labels_are_known_after_one_was_refused():
  asker = Asker()
  with pytest.raises(errors.LabelError, match=r'label=7, but model digits version 1 .*0\.\.2'):
    asker.ask(metadata(), REFUSED, labels=[1, 7], batch=2)
  with pytest.raises(errors.LabelError, match=r'label=3, .*0\.\.2'):
    asker.ask(metadata(), labels=3)
  assert asker.asked() == [MetadataRequest]
  asker.ask(metadata(2), images(version=2), labels=3)  # another version may have more classes


def test_conditional_and_unconditional_models():
  with pytest.raises(errors.LabelError, match='needs a label'):
    Asker().ask(metadata(), labels=None)
  with pytest.raises(errors.LabelError, match=r'labels=0, but model digits .* takes none'):
    Asker().ask(metadata(conditional=False))
  asker = Asker()
  asker.ask(metadata(conditional=False), images(), labels=None)
  assert set(asker.requests[-1].inputs) == {'latent'}


def test_rows_and_labels_are_split_alike():
  asker = Asker()
  answers = [metadata(), images(2), images(2), images(1)]
  result = asker.ask(*answers, labels=[0, 1, 2, 3, 4], batch=5, max_batch_size=2)
  assert result.shape == (5, 2, 2, 1)
  labels = [request.inputs['label'].tolist() for request in asker.requests[1:]]
  assert labels == [[0, 1], [2, 3], [4]]


def test_model_without_the_signature():
  driver = Driver([metadata()])
  with pytest.raises(errors.NotFoundError, match=r'no signature serving_default.*only from_'):
    driver.run(driver.calls().generate([1], labels=0))


def test_signature_that_takes_something_else():
  answer = metadata(conditional=False)
  signature = answer.signatures['from_latent']
  inputs = {'noise': signature.inputs['latent']}
  renamed = dataclasses.replace(signature, inputs=inputs)
  foreign = dataclasses.replace(answer, signatures={'from_latent': renamed})
  with pytest.raises(errors.NotFoundError, match='no signature from_latent with an input latent'):
    Asker().ask(foreign, labels=None)


@pytest.mark.parametrize(
  'outputs',
  [
    {},
    {'pictures': np.zeros([1, 2, 2, 1], np.float32)},
    {'images': np.zeros([2, 2, 2, 1], np.float32)},
    {'images': np.zeros([1, 3, 2, 1], np.float32)},
    {'images': np.zeros([1, 2, 2], np.float32)},
    {'images': np.zeros([1, 2, 2, 1], np.int64)},
  ],
)
def test_answers_that_are_not_what_was_promised(outputs):
  with pytest.raises(errors.ResponseError, match='promises images'):
    Asker().ask(metadata(), Prediction(version=1, outputs=outputs))
