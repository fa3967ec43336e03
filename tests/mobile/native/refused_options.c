/* refused_options MODEL: LiteRT refuses the options, so the generator is refused and frees them. */

#include <stdio.h>

#include "gan_generator.h"
#include "litert.h"

/* Stands before the one in LiteRT's library. */
LiteRtStatus LiteRtAddOpaqueOptions(LiteRtOptions owner, LiteRtOpaqueOptions options) {
  (void)owner;
  (void)options;
  return 1;
}

int main(int argc, char** argv) {
  gan_generator_options options = {NULL, 2};
  if (argc != 2 || gan_generator_open(argv[1], &options) != NULL) return 1;
  puts(gan_generator_last_error());
  return 0;
}
