"""The exponential moving average of the generator."""

import tensorflow as tf

_RAMP = 0.05  # half-life at most this share of the images seen, so that early averages forget


def ema_decay(images_seen: tf.Tensor, batch_size: int, halflife_images: float) -> tf.Tensor:
  """Share of the old average that one step keeps.

  Source: Karras et al. 2020, arXiv:1912.04958, and the ramp of arXiv:2006.06676.

  Args:
    images_seen: scalar float32, images so far.
    batch_size: images in this step.
    halflife_images: images in which the weight of an old generator halves; 0 keeps nothing.

  Returns:
    Scalar float32 in [0, 1).
  """
  halflife = tf.minimum(float(halflife_images), images_seen * _RAMP)
  return tf.math.divide_no_nan(halflife, halflife) * 0.5 ** (
    batch_size / tf.maximum(halflife, 1e-8)
  )


def update_average(
  average: list[tf.Variable], current: list[tf.Variable], decay: tf.Tensor
) -> None:
  """Moves every variable of the average towards the current one, moving statistics included.

  Call it in a cross-replica context: both lists hold mirrored variables.
  """
  for mean, value in zip(average, current, strict=True):
    if value.dtype.is_floating:
      mean.assign(mean + (1 - decay) * (tf.convert_to_tensor(value) - mean))
    else:
      mean.assign(value)
