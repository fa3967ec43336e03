from pipeline.ingest import mnist


def test_pins_the_published_sizes():
  sizes = {name: pin.num_bytes for name, pin in mnist.PUBLISHED.files.items()}
  assert sizes == {
    'train-images-idx3-ubyte.gz': 16 + 60_000 * 28 * 28,
    'train-labels-idx1-ubyte.gz': 8 + 60_000,
    't10k-images-idx3-ubyte.gz': 16 + 10_000 * 28 * 28,
    't10k-labels-idx1-ubyte.gz': 8 + 10_000,
  }
  assert all(pin.unpacked for pin in mnist.PUBLISHED.files.values())
  assert all(mirror.startswith('https://') for mirror in mnist.PUBLISHED.mirrors)
