/* A model file in memory, whole and unchanged. */

#ifndef GAN_MODEL_FILE_H
#define GAN_MODEL_FILE_H

#include <stddef.h>
#include <stdint.h>

typedef struct gan_model_file {
  uint8_t* bytes; /* from malloc */
  size_t num_bytes;
} gan_model_file;

/* Reads and checks a file. LiteRT crashes on some damaged models, so it must see no other file, and
   the very bytes that were checked.

   expected_sha256: 64 hex digits, or NULL for the seal at the end of the file (mobile/seal.py).
   Returns 0 on success. The caller frees `bytes`, in either case. */
int gan_read_model_file(const char* path, const char* expected_sha256, gan_model_file* file);

#endif
