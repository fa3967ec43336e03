"""Quantisation-aware fine-tuning: weights that lose less when they are rounded to 8 bits.

Source: Jacob et al. 2018, arXiv:1712.05877, with the float32 generator as the teacher.
"""

import tf_keras

from mobile import fake_quantization, folding
from mobile.calibration import Calibration
from mobile.distillation import Tuning


def tuned(tuning: Tuning, calibration: Calibration) -> tf_keras.Model:
  """A float32 generator for the INT8 converter.

  Args:
    tuning: its teacher, which ends in tanh, is what is tuned.
    calibration: the samples that the converter will get.

  Returns:
    A generator of the same inputs and outputs, batch normalisation folded, weights tuned.
  """
  model = folding.folded(tuning.teacher)
  ranges = fake_quantization.measure(model, calibration.inputs)
  student = fake_quantization.fake_quantized(model, ranges)
  tuning.teach(student)
  for wrapper in student.layers:
    if wrapper.trainable_weights:
      weights = [variable.numpy() for variable in wrapper.trainable_weights]
      model.get_layer(wrapper.name).set_weights(weights)
  return model
