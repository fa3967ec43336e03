/* open_each FOLDER NUM [SHA256]: opens FOLDER/0 to FOLDER/NUM-1 and makes an image with each that
   opens. Prints a line for each: "opened", or the error. */

#include <stdio.h>
#include <stdlib.h>

#include "gan_generator.h"

static const char* outcome(const char* path, const gan_generator_options* options) {
  static float latent[100000];
  static uint8_t pixels[1000000];
  gan_generator* generator = gan_generator_open(path, options);
  if (generator == NULL) return gan_generator_last_error();
  int failed = gan_generator_generate(generator, latent, 0, pixels);
  gan_generator_close(generator);
  return failed ? gan_generator_last_error() : "opened";
}

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  gan_generator_options options = {argc > 3 ? argv[3] : NULL, 0};
  for (int i = 0; i < atoi(argv[2]); i++) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%d", argv[1], i);
    puts(outcome(path, &options));
    fflush(stdout);
  }
  return 0;
}
