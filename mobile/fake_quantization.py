"""A generator that computes in float32 but rounds as its INT8 file will.

Kernels are rounded for each output channel, symmetrically, what layers make in one range each: as
the converter does. So the weights that are trained here are converted like any others, and no graph
with rounding operations has to pass through the converter, which takes none for a dense layer's
channels (TensorFlow 2.21: "'tfl.transpose' op has mismatched quantized axes") or for a one-hot
encoding.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras

from mobile import folding, tanh_range
from mobile.model_optimization import tfmot

L = tf_keras.layers
Ranges = Mapping[str, tuple[float, float]]  # of what a layer makes, by its name

_TANH = (-1.0, 127 / 128)  # what 8 bits of scale 1/128 about zero hold
_BATCH_SIZE = 50


def measure(model: tf_keras.Model, inputs: Sequence[np.ndarray]) -> Ranges:
  """The range of what each layer makes of `inputs`; it always holds zero."""
  layers = [layer for layer in model.layers if not isinstance(layer, L.InputLayer)]
  taps = tf.function(tf_keras.Model(model.inputs, [layer.output for layer in layers]))
  low, high = np.zeros(len(layers)), np.zeros(len(layers))
  for start in range(0, len(inputs[0]), _BATCH_SIZE):
    outputs = taps([tf.constant(array[start : start + _BATCH_SIZE]) for array in inputs])
    low = np.minimum(low, [output.numpy().min() for output in outputs])
    high = np.maximum(high, [output.numpy().max() for output in outputs])
  ranges = zip(low.tolist(), high.tolist(), strict=True)
  found = {layer.name: pair for layer, pair in zip(layers, ranges, strict=True)}
  return found | _before_tanh(model, found) | dict.fromkeys(model.output_names, _TANH)


def _before_tanh(model: tf_keras.Model, ranges: Ranges) -> dict[str, tuple[float, float]]:
  """Narrowed as `mobile.tanh_range` does it in the file."""
  layer, found = model.get_layer(model.output_names[0]), []
  while not isinstance(layer, folding.LINEAR):
    layer = layer.inbound_nodes[-1].inbound_layers
    if isinstance(layer, list) or layer.name not in ranges:
      return {}
    found.append(layer.name)
    if ranges[layer.name] != ranges[found[0]]:  # what read it does more than move it
      return {}
  low, high = ranges[layer.name]
  scale = tanh_range.SCALE
  return dict.fromkeys(found, (-128 * scale, 127 * scale)) if high - low > 255 * scale else {}


def fake_quantized(model: tf_keras.Model, ranges: Ranges) -> tf_keras.Model:
  """A copy that rounds; call it with `training=True`, which makes kernels' ranges follow them.

  Args:
    model: folded (`mobile.folding`), ends in tanh.
    ranges: of `measure`.

  Returns:
    The same inputs and outputs; each layer is wrapped under its own name.
  """

  def wrap(layer: tf_keras.layers.Layer) -> tf_keras.layers.Layer:
    if isinstance(layer, L.InputLayer):
      return layer
    copy = folding.built_copy(layer)
    rounds = Rounding(None if _fuses(layer) else ranges[layer.name])
    return tfmot.quantization.keras.QuantizeWrapperV2(copy, rounds, name=layer.name)

  return tf_keras.models.clone_model(model, clone_function=wrap)


class Rounding(tfmot.quantization.keras.QuantizeConfig):
  """Rounds a layer's kernel, and what it makes."""

  def __init__(self, output_range: tuple[float, float] | None) -> None:
    """Without a range, what the layer makes is left as it is."""
    self._output_range = output_range

  def get_weights_and_quantizers(
    self, layer: tf_keras.layers.Layer
  ) -> list[tuple[tf.Variable, Any]]:
    """The kernel, if there is one."""
    if not isinstance(layer, folding.LINEAR):
      return []
    transposed = isinstance(layer, L.Conv2DTranspose)
    return [(layer.kernel, _TransposedKernel() if transposed else _Kernel())]

  def set_quantize_weights(
    self, layer: tf_keras.layers.Layer, quantize_weights: list[tf.Tensor]
  ) -> None:
    """Makes the layer compute with the rounded kernel."""
    for kernel in quantize_weights:
      layer.kernel = kernel

  def get_activations_and_quantizers(self, layer: tf_keras.layers.Layer) -> list[Any]:
    """None: what a layer makes is rounded as a whole."""
    return []

  def set_quantize_activations(
    self, layer: tf_keras.layers.Layer, quantize_activations: list[Any]
  ) -> None:
    """Has nothing to do; AutoGraph can't read a body that is a docstring alone."""
    return

  def get_output_quantizers(self, layer: tf_keras.layers.Layer) -> list[Any]:
    """Rounding in the range that was measured."""
    if self._output_range is None:
      return []
    low, high = self._output_range
    quantizers = tfmot.quantization.keras.quantizers
    return [quantizers.FixedQuantizer(num_bits=8, init_min=low, init_max=high, narrow_range=False)]

  def get_config(self) -> dict[str, Any]:
    """Arguments that rebuild it."""
    return {'output_range': self._output_range}


class _Kernel(tfmot.quantization.keras.quantizers.LastValueQuantizer):
  """Rounds [..., C] for each of the C channels to -127..127 steps of its own size."""

  def __init__(self) -> None:
    super().__init__(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)

  def build(
    self, tensor_shape: Sequence[int], name: str, layer: tf_keras.layers.Layer
  ) -> dict[str, tf.Variable]:
    """A range for each channel."""
    return {
      f'{end}_var': layer.add_weight(
        f'{name}_{end}', [tensor_shape[-1]], initializer='zeros', trainable=False
      )
      for end in ('min', 'max')
    }


class _TransposedKernel(_Kernel):
  """The same for [k, k, C', C], whose output channels come last but one."""

  def build(
    self, tensor_shape: Sequence[int], name: str, layer: tf_keras.layers.Layer
  ) -> dict[str, tf.Variable]:
    """A range for each channel."""
    return super().build(tensor_shape[:-1], name, layer)

  def __call__(
    self, inputs: tf.Tensor, training: bool, weights: dict[str, tf.Variable], **kwargs: Any
  ) -> tf.Tensor:
    """Rounds `inputs`."""
    turned = tf.transpose(inputs, [0, 1, 3, 2])
    return tf.transpose(super().__call__(turned, training, weights, **kwargs), [0, 1, 3, 2])


def _fuses(layer: tf_keras.layers.Layer) -> bool:
  """Whether the converter makes one operation of this layer and the ReLU that reads it."""
  readers = folding.consumers(layer)
  is_linear = isinstance(layer, folding.LINEAR) or _passes_on(layer)
  if not is_linear or len(readers) != 1:
    return False
  return isinstance(readers[0], L.ReLU) or (_passes_on(readers[0]) and _fuses(readers[0]))


def _passes_on(layer: tf_keras.layers.Layer) -> bool:
  return isinstance(layer, L.Activation) and layer.activation is tf_keras.activations.linear
