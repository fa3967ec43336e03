/* SHA-256 (FIPS 180-4). */

#ifndef GAN_SHA256_H
#define GAN_SHA256_H

#include <stddef.h>
#include <stdint.h>

enum { GAN_SHA256_SIZE = 32 };

void gan_sha256(const uint8_t* bytes, size_t num_bytes, uint8_t digest[GAN_SHA256_SIZE]);

#endif
