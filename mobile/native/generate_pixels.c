/* generate_pixels MODEL LATENTS PIXELS [LABELS]

   LATENTS: float32 [N, Z]; LABELS: int32 [N], left out for a model that takes none;
   PIXELS is written: uint8 [N, H, W, C]. All are raw, row by row, in the machine's byte order. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gan_generator.h"

static int fail(const char* message) {
  fprintf(stderr, "generate_pixels: %s\n", message);
  return 1;
}

static int fail_at(const char* file, const char* message) {
  fprintf(stderr, "generate_pixels: %s: %s\n", file, message);
  return 1;
}

/* Reads the next latent and its label. Returns 1, or 0 at the end, or -1 after an error. */
static int read_inputs(FILE* latents, FILE* labels, float* latent, size_t latent_size,
                       int32_t* label) {
  size_t size = fread(latent, 1, latent_size * sizeof *latent, latents);
  if (ferror(latents)) return -fail_at("LATENTS", strerror(errno));
  size_t num_labels = labels == NULL ? size > 0 : fread(label, sizeof *label, 1, labels);
  if (labels != NULL && ferror(labels)) return -fail_at("LABELS", strerror(errno));
  if (size > 0 && size < latent_size * sizeof *latent) {
    return -fail("LATENTS ends within a latent. Pass float32 [N, Z], whole.");
  }
  if (size > 0 && num_labels == 0) {
    return -fail("there are fewer labels than latents. Pass one for each.");
  }
  if (size == 0 && num_labels > 0) {
    return -fail("there are more labels than latents. Pass one for each.");
  }
  return size > 0;
}

static FILE* opened(const char* path, const char* mode) {
  FILE* stream = fopen(path, mode);
  if (stream == NULL) fail_at(path, strerror(errno));
  return stream;
}

static int closed(FILE* stream) { return stream == NULL || fclose(stream) == 0; }

static int generate_all(gan_generator* generator, FILE* latents, FILE* labels, const char* path) {
  gan_generator_info info = gan_generator_get_info(generator);
  size_t latent_size = (size_t)info.latent_size;
  size_t num_pixels = (size_t)info.height * (size_t)info.width * (size_t)info.channels;
  if (info.num_classes > 0 && labels == NULL) return fail("the model takes labels. Pass LABELS.");
  float* latent = calloc(latent_size, sizeof *latent);
  uint8_t* pixels = calloc(num_pixels, 1);
  int32_t label = 0;
  int more = latent == NULL || pixels == NULL
                 ? -fail("no memory for an image.")
                 : read_inputs(latents, labels, latent, latent_size, &label);
  /* Only now, for this empties an earlier result. */
  FILE* images = more < 0 ? NULL : opened(path, "wb");
  if (images == NULL) more = -1;
  while (more > 0) {
    if (gan_generator_generate(generator, latent, label, pixels)) {
      more = -fail(gan_generator_last_error());
    } else if (fwrite(pixels, 1, num_pixels, images) != num_pixels) {
      more = -fail_at("PIXELS", strerror(errno));
    } else {
      more = read_inputs(latents, labels, latent, latent_size, &label);
    }
  }
  free(latent);
  free(pixels);
  if (!closed(images) && more == 0) more = -fail_at("PIXELS", strerror(errno));
  return more < 0;
}

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return fail("usage: generate_pixels MODEL LATENTS PIXELS [LABELS]");
  gan_generator* generator = gan_generator_open(argv[1], NULL);
  if (generator == NULL) return fail(gan_generator_last_error());
  FILE* latents = opened(argv[2], "rb");
  FILE* labels = argc == 5 ? opened(argv[4], "rb") : NULL;
  int failed = latents == NULL || (argc == 5 && labels == NULL) ||
               generate_all(generator, latents, labels, argv[3]);
  gan_generator_close(generator);
  closed(latents);
  closed(labels);
  return failed;
}
