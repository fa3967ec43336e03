/**
 * Latents from seeds, bit for bit those of the server and of Python (pipeline/latents.py).
 *
 * A seed's words and a coordinate's number are mixed by an integer hash; the top 12 bits choose
 * one of 4,096 quantiles of the standard normal distribution from a table.
 */

import {UPPER_QUANTILES} from './quantiles.js';

const GOLDEN_RATIO = 0x9e3779b9; // 2^32 / phi: an odd stride that spreads counters over all 32 bits
const TABLE_SHIFT = 32 - 12;

const upper = new Float32Array(
  Uint8Array.from(atob(UPPER_QUANTILES), character => character.charCodeAt(0)).buffer,
);

/**
 * The latent that a seed stands for.
 *
 * @param seed any 64-bit integer; signed and unsigned forms are the same seed.
 * @returns standard normal numbers in 4,096 steps, `latentSize` of them.
 */
export function latentFromSeed(seed: bigint, latentSize: number): Float32Array {
  const bits = BigInt.asUintN(64, seed);
  const low = Number(bits & 0xffffffffn);
  const high = Number(bits >> 32n);
  const key = mix(low + mix(high + GOLDEN_RATIO));
  const secondKey = mix(high + mix(low + key));
  return Float32Array.from({length: latentSize}, (_, i) => {
    const counter = Math.imul(i + 1, GOLDEN_RATIO);
    return quantile(mix(mix(counter + key) + secondKey) >>> TABLE_SHIFT);
  });
}

/** A bijection of 32-bit words: "lowbias32", Wellons 2018, nullprogram.com/blog/2018/07/31. */
function mix(word: number): number {
  let x = word | 0; // sums of two words are exact before this takes their low 32 bits
  x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
  x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
  return x ^ (x >>> 16);
}

/** The table is symmetric about zero, so its upper half says all. */
function quantile(index: number): number {
  const half = upper.length;
  return index < half ? -(upper[half - 1 - index] as number) : (upper[index - half] as number);
}
