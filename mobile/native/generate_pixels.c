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

static int generate_all(gan_generator* generator, FILE* latents, FILE* labels, FILE* images) {
  gan_generator_info info = gan_generator_get_info(generator);
  size_t latent_size = (size_t)info.latent_size;
  size_t num_pixels = (size_t)info.height * (size_t)info.width * (size_t)info.channels;
  if (info.num_classes > 0 && labels == NULL) return fail("the model takes labels. Pass LABELS.");
  float* latent = calloc(latent_size, sizeof *latent);
  uint8_t* pixels = calloc(num_pixels, 1);
  int32_t label = 0;
  int failed = latent == NULL || pixels == NULL ? fail("no memory for an image.") : 0;
  while (!failed && fread(latent, sizeof *latent, latent_size, latents) == latent_size) {
    if (labels != NULL && fread(&label, sizeof label, 1, labels) != 1) {
      failed = fail("there are fewer labels than latents. Pass one for each.");
    } else if (gan_generator_generate(generator, latent, label, pixels)) {
      failed = fail(gan_generator_last_error());
    } else if (fwrite(pixels, 1, num_pixels, images) != num_pixels) {
      failed = fail(strerror(errno));
    }
  }
  free(latent);
  free(pixels);
  return failed;
}

static FILE* opened(const char* path, const char* mode) {
  FILE* stream = fopen(path, mode);
  if (stream == NULL) fprintf(stderr, "generate_pixels: %s: %s\n", path, strerror(errno));
  return stream;
}

static int closed(FILE* stream) { return stream == NULL || fclose(stream) == 0; }

int main(int argc, char** argv) {
  if (argc != 4 && argc != 5) return fail("usage: generate_pixels MODEL LATENTS PIXELS [LABELS]");
  gan_generator* generator = gan_generator_open(argv[1], NULL);
  if (generator == NULL) return fail(gan_generator_last_error());
  FILE* latents = opened(argv[2], "rb");
  FILE* images = opened(argv[3], "wb");
  FILE* labels = argc == 5 ? opened(argv[4], "rb") : NULL;
  int failed = latents == NULL || images == NULL || (argc == 5 && labels == NULL);
  if (!failed) failed = generate_all(generator, latents, labels, images);
  gan_generator_close(generator);
  closed(latents);
  closed(labels);
  return !closed(images) || failed;
}
