import hashlib
import pathlib

import pytest

from mobile import convert, flatbuffer, gan_info, seal


@pytest.mark.parametrize('name', convert.FILES.values())
def test_files_end_in_the_digest_of_all_before_it(bundle: pathlib.Path, name: str):
  model = (bundle / name).read_bytes()
  contents, mark, digest = model[:-40], model[-40:-32], model[-32:]
  assert (mark, digest) == (b'SHA-256:', hashlib.sha256(contents).digest())


def test_a_file_that_is_packed_again_has_one_seal(bundle: pathlib.Path):
  model = (bundle / 'generator.tflite').read_bytes()
  again = flatbuffer.pack(flatbuffer.parse(model))
  assert again.count(b'SHA-256:') == 1
  assert gan_info.read(again) == gan_info.read(model)


def test_the_seal_of_nothing():
  assert seal.sealed(b'').hex() == (
    b'SHA-256:'.hex() + 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  )
