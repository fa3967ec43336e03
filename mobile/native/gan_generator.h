/* Images from a generator of the export_tflite stage, with nothing but LiteRT below.

     gan_generator* generator = gan_generator_open("generator.tflite", NULL);
     if (generator == NULL) { puts(gan_generator_last_error()); return 1; }
     gan_generator_info info = gan_generator_get_info(generator);
     ... latent: info.latent_size numbers drawn from the standard normal distribution
     ... pixels: info.height * info.width * info.channels bytes
     if (gan_generator_generate(generator, latent, 7, pixels) != 0) puts(gan_generator_last_error());
     gan_generator_close(generator);

   A generator serves one thread at a time; threads that work at once open one each. */

#ifndef GAN_GENERATOR_H
#define GAN_GENERATOR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct gan_generator gan_generator;

typedef struct gan_generator_info {
  int32_t latent_size;
  int32_t num_classes; /* 0: the model takes no label */
  int32_t height;
  int32_t width;
  int32_t channels; /* 1: grey; 3: red, green, blue */
} gan_generator_info;

typedef struct gan_generator_options {
  const char* expected_sha256; /* 64 hex digits, as in golden.json; NULL: the seal is checked */
  int32_t num_threads;         /* 0: LiteRT's choice; at most 256 */
} gan_generator_options;

/* Reads a .tflite file of the bundle; any of its kinds will do.

   The file is refused unless its SHA-256 is the expected one or, where none is expected, unless it
   ends in the digest that the export_tflite stage wrote there. Only the first is proof against
   somebody who changes the file on purpose.

   options: may be NULL.
   Returns NULL on error; gan_generator_last_error() says why. */
gan_generator* gan_generator_open(const char* model_path, const gan_generator_options* options);

/* Sizes of the latent and the image; all 0 for NULL. */
gan_generator_info gan_generator_get_info(const gan_generator* generator);

/* Makes one image.

   latent: latent_size numbers.
   label: 0 to num_classes - 1; ignored by a model that takes none.
   pixels: receives height * width * channels grey levels, row by row, channels together.
   Returns 0 on success. */
int gan_generator_generate(gan_generator* generator, const float* latent, int32_t label,
                           uint8_t* pixels);

/* Frees the generator; NULL is ignored. */
void gan_generator_close(gan_generator* generator);

/* The last error of this thread, one line that says what, where and how to mend; "" before any. */
const char* gan_generator_last_error(void);

#ifdef __cplusplus
}
#endif

#endif
