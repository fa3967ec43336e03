import os
import pickle

import numpy as np
import pytest

from pipeline import errors
from pipeline.config.ingest import IngestConfig
from pipeline.ingest import image_folder
from tests.pipeline.ingest.files import random_images, write_image

_IMAGES = random_images(8)


def _config(folder):
  return IngestConfig(dataset='image_folder', data_dir=str(folder), image_size=8)


def _fill(folder, *names):
  for name, image in zip(names, _IMAGES, strict=False):
    write_image(folder / name, image)


def _decode(folder, split='train'):
  blocks = image_folder.open_source(_config(folder)).splits[split]
  (block,) = pickle.loads(pickle.dumps(blocks))
  return block.decode(8, 1)


def test_a_class_for_each_subfolder(tmp_path):
  _fill(tmp_path, 'cat/a.png', 'dog/b.PNG', 'dog/deep/c.png', 'cat/d.png')
  (tmp_path / 'cat' / 'notes.txt').write_text('passed over')
  (tmp_path / 'cat' / '._a.png').write_text('hidden')
  assert image_folder.open_source(_config(tmp_path)).class_names == ('cat', 'dog')
  decoded = _decode(tmp_path)
  assert decoded.keys == ('cat/a.png', 'cat/d.png', 'dog/b.PNG', 'dog/deep/c.png')
  assert decoded.labels.tolist() == [0, 0, 1, 1]
  np.testing.assert_array_equal(decoded.images[..., 0], _IMAGES[[0, 3, 1, 2]])
  assert decoded.bad == ()


def test_no_subfolder_is_unlabelled(tmp_path):
  _fill(tmp_path, 'a.png', 'b.png')
  assert image_folder.open_source(_config(tmp_path)).class_names == ()
  assert _decode(tmp_path).labels is None


def test_split_folders(tmp_path):
  _fill(tmp_path, 'train/cat/a.png', 'train/dog/b.png', 'test/dog/c.png')
  source = image_folder.open_source(_config(tmp_path))
  assert source.class_names == ('cat', 'dog')
  assert _decode(tmp_path, 'test').labels.tolist() == [1]
  assert _decode(tmp_path, 'test').keys == ('test/dog/c.png',)


def test_split_folders_without_classes(tmp_path):
  _fill(tmp_path, 'train/a.png', 'test/b.png')
  source = image_folder.open_source(_config(tmp_path))
  assert source.class_names == ()
  assert set(source.splits) == {'train', 'test'}


def test_a_class_may_be_called_train(tmp_path):
  _fill(tmp_path, 'train/a.png', 'plane/b.png')
  assert image_folder.open_source(_config(tmp_path)).class_names == ('plane', 'train')


@pytest.mark.parametrize('names', [('Train', 'Test'), ('TRAIN', 'test')])
def test_split_folders_in_capitals(tmp_path, names):
  train, test = names
  _fill(tmp_path, f'{train}/cat/a.png', f'{train}/dog/b.png', f'{test}/dog/c.png')
  assert image_folder.open_source(_config(tmp_path)).class_names == ('cat', 'dog')
  assert _decode(tmp_path, 'test').keys == (f'{test}/dog/c.png',)


def test_one_class_however_its_accents_are_stored(tmp_path):
  whole, pieces = 'caf\u00e9', 'cafe\u0301'  # Linux, macOS
  _fill(tmp_path, f'train/{whole}/a.png', f'train/{pieces}/b.png', f'test/{pieces}/c.png')
  assert image_folder.open_source(_config(tmp_path)).class_names == (whole,)
  assert _decode(tmp_path).labels.tolist() == [0, 0]


def test_what_an_archiver_adds_is_passed_over(tmp_path):
  _fill(tmp_path, 'train/cat/a.png', 'train/cat/__MACOSX/b.png', '__MACOSX/train/cat/c.png')
  assert image_folder.open_source(_config(tmp_path)).class_names == ('cat',)
  assert _decode(tmp_path).keys == ('train/cat/a.png',)


def test_control_characters_in_names_are_escaped(tmp_path):
  _fill(tmp_path, 'new\nline \x1b[31m/a.png')
  assert image_folder.open_source(_config(tmp_path)).class_names == ('new\\nline \\x1b[31m',)


def test_mixed_sizes_are_resized(tmp_path):
  write_image(tmp_path / 'a.png', np.full((40, 30), 9, np.uint8))
  write_image(tmp_path / 'b.png', np.full((5, 7, 3), 9, np.uint8))
  decoded = _decode(tmp_path)
  assert decoded.images.shape == (2, 8, 8, 1)
  assert (decoded.images == 9).all()


def test_many_files_come_in_blocks(tmp_path):
  _fill(tmp_path, 'a.png')
  for i in range(130):
    os.link(tmp_path / 'a.png', tmp_path / f'{i:03d}.png')
  blocks = image_folder.open_source(_config(tmp_path)).splits['train']
  assert [block.num_records for block in blocks] == [64, 64, 3]


def test_bad_files_come_with_their_reason(tmp_path):
  folder, outside = tmp_path / 'data', tmp_path / 'outside.png'
  _fill(folder, 'good.png')
  write_image(outside, _IMAGES[0])
  (folder / 'text.png').write_text('words')
  (folder / 'empty.png').touch()
  (folder / 'leaves.png').symlink_to(outside)
  (folder / 'dangling.png').symlink_to(folder / 'none')
  (folder / 'circle.png').symlink_to('circle.png')
  os.mkfifo(folder / 'pipe.png')
  (folder / 'stays.png').symlink_to('good.png')
  decoded = _decode(folder)
  assert decoded.keys == ('good.png', 'stays.png')
  reasons = {record.key: record.reason for record in decoded.bad}
  assert reasons == {
    'text.png': 'not a PNG or JPEG image',
    'empty.png': 'the file is empty',
    'leaves.png': 'a link that leaves the folder is not followed',
    'dangling.png': 'unreadable: No such file or directory',
    'circle.png': 'unreadable: Too many levels of symbolic links',
    'pipe.png': 'not a regular file',
  }
  payloads = {record.key: record.payload for record in decoded.bad}
  assert payloads['text.png'] == b'words'
  assert payloads['leaves.png'] == b''
  assert image_folder.source_digest(_config(folder))  # neither waits at the pipe nor fails


def test_a_file_without_permission(tmp_path):
  _fill(tmp_path, 'a.png', 'b.png')
  (tmp_path / 'b.png').chmod(0)
  if os.access(tmp_path / 'b.png', os.R_OK):
    pytest.skip('the superuser may read every file')
  assert [r.reason for r in _decode(tmp_path).bad] == ['unreadable: Permission denied']


def test_large_bad_files_are_not_kept(tmp_path):
  (tmp_path / 'big.png').write_bytes(bytes(100_000))
  assert [len(record.payload) for record in _decode(tmp_path).bad] == [0]


def test_digest_follows_names_and_contents(tmp_path):
  _fill(tmp_path, 'cat/a.png', 'cat/z.png', 'dog/b.png')
  digests = {image_folder.source_digest(_config(tmp_path))}
  assert image_folder.open_source(_config(tmp_path)).fingerprint in digests
  (tmp_path / 'cat' / 'a.png').rename(tmp_path / 'dog' / 'a.png')
  digests.add(image_folder.source_digest(_config(tmp_path)))
  write_image(tmp_path / 'dog' / 'a.png', _IMAGES[7])
  digests.add(image_folder.source_digest(_config(tmp_path)))
  assert len(digests) == 3


def _link_folder(folder):
  _fill(folder, 'cat/a.png')
  (folder / 'dog').symlink_to(folder / 'cat')


def _link_split(folder):
  _fill(folder, 'train/cat/a.png')
  (folder / 'test').symlink_to('train')


def _leave_a_class_unread(folder):
  _fill(folder, 'cat/a.png')
  (folder / 'dog').mkdir()
  (folder / 'dog' / 'a.webp').touch()


@pytest.mark.parametrize(
  ('fill', 'message'),
  [
    (lambda f: None, 'holds no images'),
    (lambda f: (f / 'cat').mkdir(), 'holds no images'),
    (lambda f: (f / 'notes.txt').touch(), 'holds no images'),
    (lambda f: _fill(f, 'train/cat/a.png') or (f / 'test').mkdir(), 'test .* holds no images'),
    (lambda f: _fill(f, 'a.png', 'cat/b.png'), 'images beside class folders'),
    (lambda f: _fill(f, 'train/cat/a.png', 'test/cow/b.png'), "class 'cow' is in test/ and not"),
    (lambda f: _fill(f, 'train/cat/a.png', 'test/b.png'), 'Give both the same class folders'),
    (lambda f: _fill(f, 'train/a.png', 'val/b.png'), "train/ beside 'val'"),
    (lambda f: _fill(f, 'train/a.png', 'test/b.png', 'c.png'), "train/ beside 'c.png'"),
    (lambda f: _fill(f, 'train/a.png', 'Train/b.png'), "train/ beside '[Tt]rain'"),
    (_link_folder, 'dog is a link to a folder'),
    (_link_split, 'test is a link to a folder'),
    (_leave_a_class_unread, 'a.webp is not read, nor is any picture of its class'),
  ],
)
def test_bad_input_is_one_clear_line(tmp_path, fill, message):
  fill(tmp_path)
  with pytest.raises(errors.DataError, match=message) as caught:
    image_folder.open_source(_config(tmp_path))
  assert '\n' not in str(caught.value)


def test_missing_folder(tmp_path):
  for call in (image_folder.open_source, image_folder.source_digest):
    with pytest.raises(errors.DataError, match='none is not a folder'):
      call(_config(tmp_path / 'none'))
