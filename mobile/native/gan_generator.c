#include "gan_generator.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "last_error.h"
#include "litert.h"
#include "model_file.h"
#include "signature.h"

enum { SIGNATURE = 0, MAX_INPUTS = 2, MAX_THREADS = 256, INT8_OFFSET = 128, TOML_SIZE = 40 };

struct gan_generator {
  gan_model_file file; /* `model` reads from it */
  gan_signature signature;
  LiteRtEnvironment environment;
  LiteRtModel model;
  LiteRtCompiledModel compiled_model;
  LiteRtTensorBuffer inputs[MAX_INPUTS];
  LiteRtTensorBuffer pixels;
};

static size_t num_pixels(const gan_generator_info* info) {
  return (size_t)info->height * (size_t)info->width * (size_t)info->channels;
}

/* Opening: file, model, compiled model, buffers. Each step leaves what it made in the generator. */

/* Without options LiteRT looks for drivers of GPUs and NPUs, and writes about it. */
static int create_environment(LiteRtEnvironment* environment) {
  static const LiteRtEnvOption OPTIONS[] = {
      {LITERT_AUTO_REGISTER_ACCELERATORS, {LITERT_ANY_INT, LITERT_CPU}},
      {LITERT_MIN_LOGGER_SEVERITY, {LITERT_ANY_INT, LITERT_LOG_ERROR}},
  };
  return LiteRtCreateEnvironment(sizeof OPTIONS / sizeof *OPTIONS, OPTIONS, environment);
}

static int set_num_threads(LiteRtOptions options, int32_t num_threads) {
  /* LiteRT takes its CPU kernels' options as TOML. */
  char* toml = malloc(TOML_SIZE);
  if (toml == NULL) return -1;
  snprintf(toml, TOML_SIZE, "num_threads = %d\n", (int)num_threads);
  LiteRtOpaqueOptions cpu_options;
  if (LiteRtCreateOpaqueOptions("xnnpack", toml, free, &cpu_options)) {
    free(toml);
    return -1;
  }
  if (LiteRtAddOpaqueOptions(options, cpu_options) == 0) return 0; /* they are its own now */
  LiteRtDestroyOpaqueOptions(cpu_options);
  return -1;
}

static int compile(gan_generator* generator, int32_t num_threads) {
  LiteRtOptions options;
  if (LiteRtCreateOptions(&options)) return -1;
  int failed = LiteRtSetOptionsHardwareAccelerators(options, LITERT_CPU) ||
               (num_threads > 0 && set_num_threads(options, num_threads)) ||
               LiteRtCreateCompiledModel(generator->environment, generator->model, options,
                                         &generator->compiled_model);
  LiteRtDestroyOptions(options);
  return failed;
}

static int create_input(gan_generator* generator, size_t index,
                        const LiteRtRankedTensorType* type) {
  LiteRtTensorBufferRequirements requirements;
  return LiteRtGetCompiledModelInputBufferRequirements(generator->compiled_model, SIGNATURE, index,
                                                       &requirements) ||
         LiteRtCreateManagedTensorBufferFromRequirements(generator->environment, type, requirements,
                                                         &generator->inputs[index]);
}

static int create_buffers(gan_generator* generator) {
  const gan_signature* signature = &generator->signature;
  LiteRtTensorBufferRequirements requirements;
  if (create_input(generator, signature->latent_index, &signature->latent)) return -1;
  if (signature->info.num_classes > 0 &&
      create_input(generator, signature->label_index, &signature->label)) {
    return -1;
  }
  return LiteRtGetCompiledModelOutputBufferRequirements(generator->compiled_model, SIGNATURE, 0,
                                                        &requirements) ||
         LiteRtCreateManagedTensorBufferFromRequirements(generator->environment, &signature->pixels,
                                                         requirements, &generator->pixels);
}

static int load(gan_generator* generator, const char* path, const gan_generator_options* options) {
  gan_model_file* file = &generator->file;
  if (gan_read_model_file(path, options->expected_sha256, file)) return -1;
  if (create_environment(&generator->environment)) {
    return gan_fail("LiteRT could not start (gan_generator_open). Use LiteRT 2.3, and free some "
                    "memory.");
  }
  if (LiteRtCreateModelFromBuffer(generator->environment, file->bytes, file->num_bytes,
                                  &generator->model)) {
    return gan_fail("LiteRT does not take %s as a model (gan_generator_open). Use a file of the "
                    "export_tflite stage.", path);
  }
  if (gan_read_signature(generator->model, path, &generator->signature)) return -1;
  if (compile(generator, options->num_threads) || create_buffers(generator)) {
    return gan_fail("LiteRT cannot run %s (gan_generator_open). Use LiteRT 2.3 and a file of the "
                    "export_tflite stage.", path);
  }
  return 0;
}

gan_generator* gan_generator_open(const char* model_path, const gan_generator_options* options) {
  static const gan_generator_options DEFAULTS = {NULL, 0};
  if (options == NULL) options = &DEFAULTS;
  if (model_path == NULL) {
    gan_fail("model_path is NULL (gan_generator_open). Pass the path of a .tflite file.");
    return NULL;
  }
  if (options->num_threads < 0 || options->num_threads > MAX_THREADS) {
    gan_fail("num_threads=%d is not within 0 to %d (gan_generator_open). Pass 0 for LiteRT's "
             "choice.", (int)options->num_threads, MAX_THREADS);
    return NULL;
  }
  gan_generator* generator = calloc(1, sizeof *generator);
  if (generator == NULL) {
    gan_fail("no memory for a generator (gan_generator_open). Free some memory.");
  } else if (load(generator, model_path, options)) {
    gan_generator_close(generator);
    generator = NULL;
  }
  return generator;
}

gan_generator_info gan_generator_get_info(const gan_generator* generator) {
  gan_generator_info none = {0, 0, 0, 0, 0};
  return generator == NULL ? none : generator->signature.info;
}

/* Generating: latent and label into their buffers, run, pixels out of theirs. */

static void code_latent(const gan_signature* signature, const float* latent, void* coded) {
  size_t size = (size_t)signature->info.latent_size;
  if (signature->latent.element_type == LITERT_FLOAT32) {
    memcpy(coded, latent, size * sizeof *latent);
    return;
  }
  const LiteRtQuantizationPerTensor* coding = &signature->latent_coding;
  for (size_t i = 0; i < size; i++) {
    float code = rintf(latent[i] / coding->scale) + (float)coding->zero_point;
    ((int8_t*)coded)[i] = (int8_t)fmaxf(INT8_MIN, fminf(INT8_MAX, code));
  }
}

static void decode_pixels(const gan_signature* signature, const void* coded, uint8_t* pixels) {
  size_t size = num_pixels(&signature->info);
  memcpy(pixels, coded, size);
  if (signature->pixels.element_type == LITERT_UINT8) return;
  for (size_t i = 0; i < size; i++) pixels[i] = (uint8_t)(pixels[i] + INT8_OFFSET);
}

static int write_inputs(gan_generator* generator, const float* latent, int32_t label) {
  const gan_signature* signature = &generator->signature;
  LiteRtTensorBuffer buffer = generator->inputs[signature->latent_index];
  void* address;
  if (LiteRtLockTensorBuffer(buffer, &address, LITERT_LOCK_WRITE)) return -1;
  code_latent(signature, latent, address);
  if (LiteRtUnlockTensorBuffer(buffer)) return -1;
  if (signature->info.num_classes == 0) return 0;
  buffer = generator->inputs[signature->label_index];
  if (LiteRtLockTensorBuffer(buffer, &address, LITERT_LOCK_WRITE)) return -1;
  memcpy(address, &label, sizeof label);
  return LiteRtUnlockTensorBuffer(buffer);
}

static int read_pixels(gan_generator* generator, uint8_t* pixels) {
  void* address;
  if (LiteRtLockTensorBuffer(generator->pixels, &address, LITERT_LOCK_READ)) return -1;
  decode_pixels(&generator->signature, address, pixels);
  return LiteRtUnlockTensorBuffer(generator->pixels);
}

int gan_generator_generate(gan_generator* generator, const float* latent, int32_t label,
                           uint8_t* pixels) {
  if (generator == NULL || latent == NULL || pixels == NULL) {
    return gan_fail("%s is NULL (gan_generator_generate). Pass an open generator, a latent and room "
                    "for the pixels.",
                    generator == NULL ? "generator" : latent == NULL ? "latent" : "pixels");
  }
  int32_t num_classes = generator->signature.info.num_classes;
  if (num_classes > 0 && (label < 0 || label >= num_classes)) {
    return gan_fail("label=%d is none of the %d classes (gan_generator_generate). Pass 0 to %d.",
                    (int)label, (int)num_classes, (int)num_classes - 1);
  }
  size_t num_inputs = num_classes > 0 ? 2 : 1;
  if (write_inputs(generator, latent, label) ||
      LiteRtRunCompiledModel(generator->compiled_model, SIGNATURE, num_inputs, generator->inputs, 1,
                             &generator->pixels) ||
      read_pixels(generator, pixels)) {
    return gan_fail("LiteRT could not run the model (gan_generator_generate). Close the generator "
                    "and open it again.");
  }
  return 0;
}

void gan_generator_close(gan_generator* generator) {
  if (generator == NULL) return;
  for (int i = 0; i < MAX_INPUTS; i++) {
    if (generator->inputs[i] != NULL) LiteRtDestroyTensorBuffer(generator->inputs[i]);
  }
  if (generator->pixels != NULL) LiteRtDestroyTensorBuffer(generator->pixels);
  if (generator->compiled_model != NULL) LiteRtDestroyCompiledModel(generator->compiled_model);
  if (generator->model != NULL) LiteRtDestroyModel(generator->model);
  if (generator->environment != NULL) LiteRtDestroyEnvironment(generator->environment);
  free(generator->file.bytes);
  free(generator);
}
