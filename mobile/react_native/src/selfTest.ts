/** Does this phone draw the pictures that the model drew when it was exported? */

import type {Generator} from './generator';

declare function atob(base64: string): string; // of React Native 0.74 and newer

/** golden.json of a bundle; mobile/self_test.py describes it. */
export interface Golden {
  readonly latents: string;
  readonly labels?: readonly number[];
  readonly models: Readonly<
    Record<string, {readonly pixels: string; readonly max_level_difference: number}>
  >;
}

/**
 * Makes golden.json's pictures and compares them.
 *
 * @param file of the generator: 'generator.tflite'. Where it fails, take generator_f16.tflite.
 * @returns whether all are right, to the byte for integer models.
 * @throws Error if golden.json is of another bundle.
 */
export function selfTest(generator: Generator, golden: Golden, file: string): boolean {
  const expected = golden.models[file];
  const latents = new Float32Array(bytesOf(golden.latents).buffer);
  const count = latents.length / generator.latentSize;
  if (!expected || !Number.isInteger(count) || count < 1) {
    throw new Error(`golden.json is not that of ${file} (selfTest). Copy both from one bundle.`);
  }
  const made = Array.from({length: count}, (_, i) => {
    const latent = latents.slice(i * generator.latentSize, (i + 1) * generator.latentSize);
    return [...generator.generate(latent, golden.labels?.[i]).pixels];
  }).flat();
  const wanted = bytesOf(expected.pixels);
  const most = expected.max_level_difference;
  return (
    made.length === wanted.length &&
    made.every((level, i) => Math.abs(level - (wanted[i] ?? 0)) <= most)
  );
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
