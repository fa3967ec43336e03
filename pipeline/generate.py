"""Makes images with the generator that a run chose.

  python -m pipeline.generate --run_dir=runs/quickstart --labels=7 --count=16 --out=sevens.png
  python -m pipeline.generate --run_dir=runs/quickstart --labels=3,8 --count=500 --out=more_digits/

A name that ends in .png gets one picture, a row for each label; one that ends in .npz the arrays
images, labels and seeds; a folder gets one PNG each under <class>/<seed>.png, which
--dataset=image_folder reads. Exit codes are those of pipeline.run.
"""

import argparse
import math
import os
import pathlib
import re
import sys
from collections.abc import Sequence

import numpy as np

from pipeline import errors, native_log
from pipeline.artifacts import storage_errors

_MAX_COUNT, _COLUMNS = 1_000_000, 10


def main(argv: Sequence[str] | None = None) -> int:
  """Makes and writes; returns the exit code."""
  parser = argparse.ArgumentParser(
    'pipeline.generate', description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
  )
  parser.add_argument('--run_dir', type=pathlib.Path, required=True, help='Folder of the run.')
  parser.add_argument('--out', required=True, help='A .png or .npz file, or a folder.')
  parser.add_argument(
    '--labels', default='', help='Classes by number or name, such as 7 or 0,3 or cat; empty is all.'
  )
  parser.add_argument('--count', type=int, default=10, help='Images of each class.')
  parser.add_argument('--seed', type=int, default=0, help='Of the first image; the next has +1.')
  parser.add_argument(
    '--truncation',
    type=float,
    default=1.0,
    help='Factor on the latents: below 1, images are more typical and less varied.',
  )
  options = parser.parse_args(argv)
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  os.environ.setdefault('TF_USE_LEGACY_KERAS', '1')  # else it imports Keras 3 as well
  try:
    with storage_errors(pathlib.Path(options.out)):
      _generate(options)
  except errors.ForgelineError as error:
    print(f'{type(error).__name__}: {error}', file=sys.stderr)
    return error.exit_code
  return 0


def _generate(options: argparse.Namespace) -> None:
  # Here, so that --help and a wrong flag answer at once; no log level keeps these imports quiet.
  with native_log.redirected(pathlib.Path(os.devnull)):
    import tensorflow as tf

    from pipeline import chosen, generator, latents

  if not 1 <= options.count <= _MAX_COUNT:
    raise errors.ConfigError(
      f'--count={options.count} (pipeline.generate). Choose 1 to {_MAX_COUNT:,}.'
    )
  if not math.isfinite(options.truncation):
    raise errors.ConfigError(
      f'--truncation={options.truncation} (pipeline.generate) is not a finite number. Give one.'
    )
  if pathlib.Path(options.out).suffix not in ('.png', '.npz', ''):
    raise errors.ConfigError(
      f'--out={options.out} (pipeline.generate) is neither .png nor .npz nor a folder.'
      ' Choose one of them.'
    )
  inputs = {stage: options.run_dir / stage for stage in ('train', 'evaluate')}
  for folder in inputs.values():
    if not folder.is_dir():
      raise errors.ConfigError(
        f'{folder} (pipeline.generate) does not exist. Name a run that got as far as evaluate'
        ' with --run_dir.'
      )
  source = chosen.load_generator(inputs)
  names = source.spec.class_names or ('images',)
  labels = np.repeat(_classes(options.labels, names, source.spec.is_conditional), options.count)
  if not -(2**63) <= options.seed <= 2**63 - len(labels):
    raise errors.ConfigError(
      f'--seed={options.seed} (pipeline.generate) has more than 64 bits, or its images would have.'
      ' Choose another.'
    )
  seeds = options.seed + np.arange(len(labels), dtype=np.int64)
  z = latents.latents_from_seeds(tf.constant(seeds), source.spec.latent_size).numpy()
  pixels = generator.to_pixels(source.images(z * np.float32(options.truncation), labels))
  _write(options.out, pixels, labels, seeds, names, options.count)
  print(f'{len(pixels):,} images of {", ".join(names[k] for k in np.unique(labels))}:', options.out)


def _classes(text: str, names: Sequence[str], is_conditional: bool) -> list[int]:
  """The classes that --labels names, by number or by name."""
  if not text:
    return list(range(len(names)))
  if not is_conditional:
    raise errors.ConfigError(
      f'--labels={text} (pipeline.generate): this generator was trained without labels.'
      ' Leave it out, or train with --conditioning.'
    )
  known = {str(number): number for number in range(len(names))}
  known |= {name: number for number, name in enumerate(names)}
  for word in text.split(','):
    if word not in known:
      raise errors.ConfigError(
        f'--labels={text} (pipeline.generate): {word!r} is no class.'
        f' Choose of {", ".join(names)}, or numbers below {len(names)}.'
      )
  return [known[word] for word in text.split(',')]


def _write(
  out: str,
  pixels: np.ndarray,
  labels: np.ndarray,
  seeds: np.ndarray,
  names: Sequence[str],
  count: int,
) -> None:
  """Writes the images as the name of the file or folder asks."""
  import PIL.Image

  from pipeline import pictures

  path = pathlib.Path(out)
  path.parent.mkdir(parents=True, exist_ok=True)
  if path.suffix == '.png':
    pictures.save_grid(path, pixels, count if count <= 4 * _COLUMNS else _COLUMNS)
  elif path.suffix == '.npz':
    np.savez_compressed(path, images=pixels, labels=labels, seeds=seeds)
  else:
    for image, label, seed in zip(pixels, labels, seeds, strict=True):
      # A name from model.json must not lead out of the folder.
      is_plain = re.fullmatch(r'\w[\w .-]*', names[label])
      folder = path / (names[label] if is_plain else str(label))
      folder.mkdir(parents=True, exist_ok=True)
      PIL.Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(
        folder / f'{seed}.png'
      )


if __name__ == '__main__':
  sys.exit(main())
