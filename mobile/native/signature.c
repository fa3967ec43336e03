#include "signature.h"

#include <stdlib.h>
#include <string.h>

#include "last_error.h"

enum { MAX_ELEMENTS = 1 << 28 };

static int is_shaped(const LiteRtRankedTensorType* type, unsigned int rank) {
  const LiteRtLayout* layout = &type->layout;
  if (layout->rank != rank || layout->dimensions[0] != 1) return 0;
  int32_t elements = 1;
  for (unsigned int i = 0; i < rank; i++) {
    int32_t size = layout->dimensions[i];
    if (size < 1 || size > MAX_ELEMENTS / elements) return 0;
    elements *= size;
  }
  return 1;
}

static int is_latent(LiteRtTensor tensor, gan_signature* signature) {
  if (LiteRtGetRankedTensorType(tensor, &signature->latent) || !is_shaped(&signature->latent, 2)) {
    return 0;
  }
  signature->info.latent_size = signature->latent.layout.dimensions[1];
  if (signature->latent.element_type == LITERT_FLOAT32) return 1;
  return signature->latent.element_type == LITERT_INT8 &&
         !LiteRtGetPerTensorQuantization(tensor, &signature->latent_coding);
}

static int is_label(LiteRtTensor tensor, gan_signature* signature) {
  return !LiteRtGetRankedTensorType(tensor, &signature->label) && is_shaped(&signature->label, 1) &&
         signature->label.element_type == LITERT_INT32;
}

static int are_pixels(LiteRtTensor tensor, gan_signature* signature) {
  if (LiteRtGetRankedTensorType(tensor, &signature->pixels) || !is_shaped(&signature->pixels, 4)) {
    return 0;
  }
  const int32_t* shape = signature->pixels.layout.dimensions;
  signature->info.height = shape[1];
  signature->info.width = shape[2];
  signature->info.channels = shape[3];
  int type = signature->pixels.element_type;
  return type == LITERT_UINT8 || type == LITERT_INT8;
}

/* Inputs come in any order; their names tell them apart. */
static int read_inputs(LiteRtSignature litert_signature, size_t num_inputs,
                       gan_signature* signature) {
  int num_latents = 0, num_labels = 0;
  for (size_t i = 0; i < num_inputs; i++) {
    const char* name;
    LiteRtTensor tensor;
    if (LiteRtGetSignatureInputName(litert_signature, i, &name) ||
        LiteRtGetSignatureInputTensorByIndex(litert_signature, i, &tensor)) {
      return -1;
    }
    if (strcmp(name, "latent") == 0 && is_latent(tensor, signature)) {
      signature->latent_index = i;
      num_latents++;
    } else if (strcmp(name, "label") == 0 && is_label(tensor, signature)) {
      signature->label_index = i;
      num_labels++;
    }
  }
  /* A file may repeat a name. */
  int are_known = (size_t)(num_latents + num_labels) == num_inputs;
  return num_latents == 1 && num_labels <= 1 && are_known ? 0 : -1;
}

static int read_tensors(LiteRtModel model, gan_signature* signature, size_t* num_inputs) {
  LiteRtSignature litert_signature;
  LiteRtTensor pixels;
  size_t num_signatures, num_outputs;
  if (LiteRtGetNumModelSignatures(model, &num_signatures) || num_signatures != 1 ||
      LiteRtGetModelSignature(model, 0, &litert_signature) ||
      LiteRtGetNumSignatureInputs(litert_signature, num_inputs) ||
      LiteRtGetNumSignatureOutputs(litert_signature, &num_outputs) || num_outputs != 1 ||
      LiteRtGetSignatureOutputTensorByIndex(litert_signature, 0, &pixels)) {
    return -1;
  }
  if (!are_pixels(pixels, signature)) return -1;
  return read_inputs(litert_signature, *num_inputs, signature);
}

/* The number after "num_classes": in GAN_INFO; 0 if there is none. Quotes within JSON strings are
   escaped, so the key is found nowhere else. */
static int32_t num_classes(LiteRtModel model) {
  static const char KEY[] = "\"num_classes\":";
  const void* bytes;
  size_t num_bytes;
  if (LiteRtGetModelMetadata(model, "GAN_INFO", &bytes, &num_bytes)) return 0;
  char* text = calloc(num_bytes + 1, 1);
  if (text == NULL) return 0;
  memcpy(text, bytes, num_bytes);
  const char* found = strstr(text, KEY);
  long number = found == NULL ? 0 : strtol(found + sizeof KEY - 1, NULL, 10);
  free(text);
  return number > 0 && number <= INT32_MAX ? (int32_t)number : 0;
}

int gan_read_signature(LiteRtModel model, const char* path, gan_signature* signature) {
  size_t num_inputs;
  if (read_tensors(model, signature, &num_inputs)) {
    return gan_fail("%s does not take latent (and label) and make pixels alone "
                    "(gan_generator_open). Use a file of the export_tflite stage.", path);
  }
  if (num_inputs == 1) return 0;
  signature->info.num_classes = num_classes(model);
  if (signature->info.num_classes > 0) return 0;
  return gan_fail("%s takes a label, but its GAN_INFO names no classes (gan_generator_open). Use a "
                  "file of the export_tflite stage.", path);
}
