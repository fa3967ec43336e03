/* Names as in FIPS 180-4, https://doi.org/10.6028/NIST.FIPS.180-4: H hash value, W message schedule,
   K constants, a to h working variables. */

#include "sha256.h"

#include <string.h>

enum { BLOCK = 64, LENGTH = 8 };

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotr(uint32_t x, int n) { return x >> n | x << (32 - n); }

/* Section 6.2.2, step 1: the message schedule. */
static void schedule(const uint8_t* block, uint32_t W[64]) {
  for (int t = 0; t < 16; t++, block += 4) {
    W[t] = (uint32_t)block[0] << 24 | (uint32_t)block[1] << 16 | (uint32_t)block[2] << 8 | block[3];
  }
  for (int t = 16; t < 64; t++) {
    uint32_t s0 = rotr(W[t - 15], 7) ^ rotr(W[t - 15], 18) ^ W[t - 15] >> 3;
    uint32_t s1 = rotr(W[t - 2], 17) ^ rotr(W[t - 2], 19) ^ W[t - 2] >> 10;
    W[t] = s1 + W[t - 7] + s0 + W[t - 16];
  }
}

/* Section 6.2.2, steps 2 to 4. */
static void add_block(uint32_t H[8], const uint8_t* block) {
  uint32_t W[64], v[8]; /* v: a, b, c, d, e, f, g, h */
  schedule(block, W);
  memcpy(v, H, sizeof v);
  for (int t = 0; t < 64; t++) {
    uint32_t a = v[0], e = v[4];
    uint32_t choice = (e & v[5]) ^ (~e & v[6]);
    uint32_t majority = (a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]);
    uint32_t T1 = v[7] + (rotr(e, 6) ^ rotr(e, 11) ^ rotr(e, 25)) + choice + K[t] + W[t];
    uint32_t T2 = (rotr(a, 2) ^ rotr(a, 13) ^ rotr(a, 22)) + majority;
    memmove(v + 1, v, 7 * sizeof v[0]);
    v[4] += T1;
    v[0] = T1 + T2;
  }
  for (int i = 0; i < 8; i++) H[i] += v[i];
}

void gan_sha256(const uint8_t* bytes, size_t num_bytes, uint8_t digest[GAN_SHA256_SIZE]) {
  uint32_t H[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                   0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  size_t whole = num_bytes - num_bytes % BLOCK, rest = num_bytes - whole;
  for (size_t i = 0; i < whole; i += BLOCK) add_block(H, bytes + i);
  /* Section 5.1.1: a one, zeros, and the length in bits at the end of a block. */
  uint8_t padded[2 * BLOCK] = {0};
  memcpy(padded, bytes + whole, rest);
  padded[rest] = 0x80;
  size_t end = rest + 1 + LENGTH <= BLOCK ? BLOCK : 2 * BLOCK;
  uint64_t num_bits = (uint64_t)num_bytes * 8;
  for (size_t i = 0; i < LENGTH; i++) padded[end - 1 - i] = (uint8_t)(num_bits >> 8 * i);
  for (size_t i = 0; i < end; i += BLOCK) add_block(H, padded + i);
  for (int i = 0; i < GAN_SHA256_SIZE; i++) digest[i] = (uint8_t)(H[i / 4] >> (24 - 8 * (i % 4)));
}
