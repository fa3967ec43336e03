#include "model_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "last_error.h"
#include "sha256.h"

/* contents | mark | SHA-256 of contents; see mobile/seal.py. */
static const char MARK[] = "SHA-256:";
enum { MARK_SIZE = sizeof MARK - 1, SEAL_SIZE = MARK_SIZE + GAN_SHA256_SIZE, HEX_SIZE = 64 };
static const long MAX_SIZE = 1L << 30; /* offsets in a model have 32 bits */

static int read_bytes(FILE* stream, const char* path, gan_model_file* file) {
  long size = fseek(stream, 0, SEEK_END) == 0 ? ftell(stream) : -1;
  if (size <= 0 || size > MAX_SIZE) {
    return gan_fail("%s is empty, too large or no file (gan_generator_open). Pass a .tflite file "
                    "of the export_tflite stage.", path);
  }
  rewind(stream);
  file->bytes = malloc((size_t)size);
  if (file->bytes == NULL) {
    return gan_fail("no memory for the %ld bytes of %s (gan_generator_open). Free some memory, or "
                    "choose a smaller file of the bundle.", size, path);
  }
  file->num_bytes = fread(file->bytes, 1, (size_t)size, stream);
  if (file->num_bytes == (size_t)size) return 0;
  return gan_fail("%s could not be read to its end: %s (gan_generator_open). Copy the file again.",
                  path, ferror(stream) ? strerror(errno) : "it ends early");
}

static int check_seal(const char* path, const gan_model_file* file) {
  if (file->num_bytes < SEAL_SIZE) {
    return gan_fail("%s has only %zu bytes (gan_generator_open). Copy the file again.", path,
                    file->num_bytes);
  }
  size_t contents_size = file->num_bytes - SEAL_SIZE;
  const uint8_t* seal = file->bytes + contents_size;
  if (memcmp(seal, MARK, MARK_SIZE) != 0) {
    return gan_fail("%s does not end in its own digest: it is cut short, or not of the "
                    "export_tflite stage (gan_generator_open). Copy the file again, or give its "
                    "SHA-256 as expected_sha256.", path);
  }
  uint8_t digest[GAN_SHA256_SIZE];
  gan_sha256(file->bytes, contents_size, digest);
  if (memcmp(seal + MARK_SIZE, digest, sizeof digest) == 0) return 0;
  return gan_fail("%s is damaged: its digest is not the one at its end (gan_generator_open). Copy "
                  "the file again.", path);
}

static int check_expected(const char* path, const gan_model_file* file, const char* expected) {
  if (strspn(expected, "0123456789abcdefABCDEF") != HEX_SIZE || expected[HEX_SIZE] != '\0') {
    return gan_fail("expected_sha256 '%s' is not 64 hex digits (gan_generator_open). Take it "
                    "from golden.json or sha256sum.", expected);
  }
  uint8_t digest[GAN_SHA256_SIZE];
  gan_sha256(file->bytes, file->num_bytes, digest);
  for (int i = 0; i < GAN_SHA256_SIZE; i++) {
    char byte[3] = {expected[2 * i], expected[2 * i + 1], '\0'};
    if (strtoul(byte, NULL, 16) == digest[i]) continue;
    return gan_fail("%s has not the expected SHA-256 %s (gan_generator_open). Copy the file again, "
                    "or take the digest of this version's golden.json.", path, expected);
  }
  return 0;
}

int gan_read_model_file(const char* path, const char* expected_sha256, gan_model_file* file) {
  FILE* stream = fopen(path, "rb");
  if (stream == NULL) {
    return gan_fail("%s could not be opened: %s (gan_generator_open). Pass a .tflite file of the "
                    "export_tflite stage.", path, strerror(errno));
  }
  int failed = read_bytes(stream, path, file);
  fclose(stream);
  if (failed) return failed;
  return expected_sha256 == NULL ? check_seal(path, file)
                                 : check_expected(path, file, expected_sha256);
}
