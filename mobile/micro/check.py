"""Compares TFLite Micro's pictures with LiteRT's, on the golden latents of a bundle.

The files end in tanh of an int8 value, so a pixel has at most 256 levels of its own, which lie
several grey levels apart where tanh is steep. Kernels that round otherwise differ by one of them
now and then. That is the step counted here, beside the grey levels that one sees.

Legend: N pictures, Z latent size, H height, W width, C channels.
"""

import dataclasses
import pathlib
import subprocess
import tempfile
from collections.abc import Mapping

import numpy as np
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from mobile import flatbuffer, int8, model_files, self_test
from mobile.self_test import SelfTest

_PLAYER = pathlib.Path(__file__).with_name('player.py')
_MEND = 'Pass a bundle of --quantization=ptq or qat.'


class MicroError(Exception):
  """The model could not be run; the message is one line."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Distance:
  """Of TFLite Micro's pictures from others."""

  steps: int  # at most, in levels that the model has
  levels: int  # at most, in grey levels
  share: float  # of pixels that differ


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
  """What TFLite Micro made of a bundle's integer file."""

  arena_bytes: int  # the smallest that works
  operations: tuple[str, ...]  # that the model needs, in order of first use
  from_litert: Distance  # from what LiteRT's own kernels make
  from_golden: Distance  # from golden.json, which XNNPACK's kernels made


def check(bundle: pathlib.Path, python: pathlib.Path) -> Result:
  """Runs golden.json's latents through the bundle's integer file.

  Args:
    bundle: folder with generator_i8.tflite and golden.json.
    python: interpreter of an environment with tflite-micro.

  Raises:
    MicroError: a file is missing or damaged, or TFLite Micro can't run the model.
  """
  golden, model = _read(bundle)
  inputs = _inputs(golden, model)
  played = _play(bundle / model_files.I8, inputs, python)
  pixels = played['pixels'].astype(int)
  expected = golden.models[model_files.I8].pixels.astype(int) - int8.GREY_OFFSET
  own_levels = _own_levels(model)
  return Result(
    arena_bytes=int(played['arena_bytes']),
    operations=_operations(model),
    from_litert=_distance(own_levels, pixels, _by_litert(model, inputs)),
    from_golden=_distance(own_levels, pixels, expected),
  )


def _read(bundle: pathlib.Path) -> tuple[SelfTest, bytes]:
  """golden.json, and the contents of the integer file that it tells of."""
  try:
    golden = SelfTest.read(bundle / self_test.FILE)
    model = (bundle / model_files.I8).read_bytes()
    if model_files.I8 not in golden.models:
      raise ValueError(f'{self_test.FILE} tells nothing of {model_files.I8}')
    golden.models[model_files.I8].check(model_files.I8, model)
  except OSError as error:
    raise MicroError(f'{error.filename}: {error.strerror} (micro). {_MEND}') from error
  except ValueError as error:
    raise MicroError(f'{bundle}: {error} (micro). {_MEND}') from error
  return golden, model


def _inputs(golden: SelfTest, model: bytes) -> dict[str, np.ndarray]:
  """int8 [N, Z] latents, and int32 [N] labels if there are any."""
  tensors = flatbuffer.signature_tensors(flatbuffer.parse(model))
  latents = int8.coded(golden.latents, *flatbuffer.quantisation(tensors['latent']))
  return {'latents': latents} | ({} if golden.labels is None else {'labels': golden.labels})


def _play(
  model: pathlib.Path, inputs: Mapping[str, np.ndarray], python: pathlib.Path
) -> dict[str, np.ndarray]:
  """What the player writes."""
  with tempfile.TemporaryDirectory() as folder:
    files = [pathlib.Path(folder) / name for name in ('inputs.npz', 'outputs.npz')]
    np.savez(files[0], **inputs)  # type: ignore[arg-type]
    ended = subprocess.run(
      [python, _PLAYER, model, *files], capture_output=True, text=True, check=False
    )
    if ended.returncode:
      lines = [line for line in ended.stderr.splitlines() if line.strip()] or ['it said nothing']
      said = next((line for line in lines if "Didn't find op" in line), lines[-1])
      raise MicroError(f'TFLite Micro can not run {model}: {said} (micro)')
    with np.load(files[1]) as outputs:
      return dict(outputs)


def _by_litert(model: bytes, inputs: Mapping[str, np.ndarray]) -> np.ndarray:
  """Pixels by LiteRT's own kernels, whose rounding TFLite Micro shares: int [N, H, W, C]."""
  # LiteRT 2.3's BUILTIN_REF has no DEPTH_TO_SPACE for int8.
  plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
  interpreter = Interpreter(model_content=model, experimental_op_resolver_type=plain)
  generate = interpreter.get_signature_runner(model_files.SIGNATURE)
  pictures = []
  for i in range(len(inputs['latents'])):
    row = {name.removesuffix('s'): values[i : i + 1] for name, values in inputs.items()}
    pictures.append(generate(**row)['pixels'])
  return np.concatenate(pictures).astype(int)


def _own_levels(model: bytes) -> np.ndarray:
  """The int8 values, in order, that tanh of an int8 value can have."""
  parsed = flatbuffer.parse(model)
  graph = parsed.subgraphs[0]
  tanh = next(o for o in graph.operators if flatbuffer.operation_name(parsed, o) == 'TANH')
  scale, zero_point = flatbuffer.quantisation(graph.tensors[tanh.inputs[0]])
  values = np.tanh(scale * (np.arange(-128, 128) - zero_point))
  return np.unique(np.clip(np.round(values * 128), -128, 127))


def _distance(own_levels: np.ndarray, pixels: np.ndarray, expected: np.ndarray) -> Distance:
  """A step is from one of the model's levels to the next."""
  places = [np.searchsorted(own_levels, each) for each in (pixels, expected)]
  return Distance(
    steps=int(np.abs(places[0] - places[1]).max()),
    levels=int(np.abs(pixels - expected).max()),
    share=float((pixels != expected).mean()),
  )


def _operations(model: bytes) -> tuple[str, ...]:
  parsed = flatbuffer.parse(model)
  names = [flatbuffer.operation_name(parsed, o) for o in parsed.subgraphs[0].operators]
  return tuple(dict.fromkeys(names))
