/* refused_environment MODEL: LiteRT makes no environment, so the generator is refused. */

#include <stdio.h>

#include "gan_generator.h"
#include "litert.h"

/* Stands before the one in LiteRT's library. */
LiteRtStatus LiteRtCreateEnvironment(int num_options, const LiteRtEnvOption* options,
                                     LiteRtEnvironment* environment) {
  (void)num_options;
  (void)options;
  (void)environment;
  return 1;
}

int main(int argc, char** argv) {
  if (argc != 2 || gan_generator_open(argv[1], NULL) != NULL) return 1;
  puts(gan_generator_last_error());
  return 0;
}
