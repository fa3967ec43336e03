/* What a model takes and makes, read from the model itself. */

#ifndef GAN_SIGNATURE_H
#define GAN_SIGNATURE_H

#include "gan_generator.h"
#include "litert.h"

/* Of the signature `generate`: latent [1, Z] (, label int32 [1]) -> pixels [1, H, W, C]. */
typedef struct gan_signature {
  gan_generator_info info;
  LiteRtRankedTensorType latent; /* float32, or int8 = round(latent / scale) + zero_point */
  LiteRtRankedTensorType label;
  LiteRtRankedTensorType pixels; /* uint8 grey levels, or int8 = grey level - 128 */
  LiteRtQuantizationPerTensor latent_coding;
  size_t latent_index; /* among the inputs */
  size_t label_index;
} gan_signature;

/* Returns 0 on success. */
int gan_read_signature(LiteRtModel model, const char* path, gan_signature* signature);

#endif
