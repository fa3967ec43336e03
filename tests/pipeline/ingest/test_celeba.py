import numpy as np
import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import celeba, image_folder
from tests.pipeline.ingest.files import encode_image, random_images, write_image

_FACE = np.random.default_rng(0).integers(0, 256, (218, 178, 3), np.uint8)


def _config(folder):
  return IngestConfig(dataset='celeba', data_dir=str(folder), image_size=64, num_channels=3)


def _fill(folder, count=3):
  folder.mkdir(parents=True, exist_ok=True)
  for i in range(1, count + 1):
    face = np.roll(_FACE, i, axis=0)
    (folder / f'{i:06d}.jpg').write_bytes(encode_image(face, 'JPEG', quality=95))


@pytest.mark.parametrize('where', ['.', 'img_align_celeba', 'img_align_celeba/img_align_celeba'])
def test_finds_the_pictures(tmp_path, where):
  _fill(tmp_path / where)
  source = celeba.open_source(_config(tmp_path))
  assert (source.name, source.class_names, list(source.splits)) == ('celeba', (), ['train'])
  assert source.fingerprint == celeba.source_digest(_config(tmp_path))
  (block,) = source.splits['train']
  decoded = block.decode(64, 3)
  assert decoded.keys == ('000001.jpg', '000002.jpg', '000003.jpg')
  assert decoded.images.shape == (3, 64, 64, 3)
  assert decoded.labels is None


def test_takes_the_centre_square(tmp_path):
  tmp_path.joinpath('img_align_celeba_png').mkdir()
  write_image(tmp_path / 'img_align_celeba_png' / '000001.png', _FACE)
  (block,) = celeba.open_source(_config(tmp_path)).splits['train']
  np.testing.assert_array_equal(block.decode(178, 3).images[0], _FACE[20:198])
  assert block.decode(28, 1).images.shape == (1, 28, 28, 1)


def test_a_damaged_picture_is_quarantined_under_its_dataset(tmp_path):
  _fill(tmp_path)
  (tmp_path / '000002.jpg').write_bytes(b'words')
  (block,) = celeba.open_source(_config(tmp_path)).splits['train']
  (bad,) = block.decode(64, 3).bad
  assert (bad.key, bad.source, bad.reason) == ('000002.jpg', 'celeba', 'not a PNG or JPEG image')


def test_digest_follows_the_content(tmp_path):
  _fill(tmp_path)
  before = celeba.source_digest(_config(tmp_path))
  face = bytearray((tmp_path / '000001.jpg').read_bytes())
  face[-3] ^= 1
  (tmp_path / '000001.jpg').write_bytes(face)
  assert celeba.source_digest(_config(tmp_path)) != before


@pytest.mark.parametrize(
  ('fill', 'message'),
  [
    (lambda f: None, 'holds no images'),
    (lambda f: (f / 'img_align_celeba').mkdir(), 'holds no images'),
    (lambda f: (f / 'img_align_celeba.zip').touch(), 'Unpack it there'),
    (lambda f: _fill(f / 'cat'), 'Choose --dataset=image_folder'),
    (lambda f: (_fill(f / 'train'), _fill(f / 'test')), 'lie side by side'),
  ],
)
def test_bad_input_is_one_clear_line(tmp_path, fill, message):
  fill(tmp_path)
  with pytest.raises(errors.DataError, match=message) as caught:
    celeba.open_source(_config(tmp_path))
  assert '\n' not in str(caught.value)
  assert str(tmp_path) in str(caught.value)


def test_missing_folder(tmp_path):
  for call in (celeba.open_source, celeba.source_digest):
    with pytest.raises(errors.DataError, match='none is not a folder'):
      call(_config(tmp_path / 'none'))


def test_image_folder_keeps_its_own_name(tmp_path):
  for i, image in enumerate(random_images(2)):
    write_image(tmp_path / f'{i}.png', image)
  asked = IngestConfig(dataset='image_folder', data_dir=str(tmp_path))
  assert image_folder.open_source(asked).name == 'image_folder'
