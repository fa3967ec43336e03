"""The settings of the validate stage."""

import dataclasses

from pipeline.config.settings import Checked, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ValidateConfig(Checked):
  """How the exported models are compared with the golden samples."""

  num_int8_images: int = setting(2_000, 'Images behind the INT8 Frechet distance.', min=100)
  min_anomaly_auroc: float = setting(
    0.0,
    'Least area under the ROC curve of the signature anomaly, from the images of classes that are'
    ' not --normal_classes. 0 is off.',
    min=0,
    max=1,
  )
  model_server_binary: str = setting(
    '',
    'Program that serves the SavedModel while it is asked for golden samples over gRPC and REST;'
    ' empty is tensorflow_model_server on the PATH, else Docker if it has tensorflow/serving, else'
    ' the embedded server.',
  )
