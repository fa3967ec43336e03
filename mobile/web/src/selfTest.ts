/** Does this browser draw the pictures that the model drew when it was exported? */

import type {Generator} from './generator.js';

/** golden.json of a bundle; mobile/self_test.py describes it. */
export interface Golden {
  readonly latents: string;
  readonly labels?: readonly number[];
  readonly models: Readonly<Record<string, Expected>>;
}

interface Expected {
  readonly sha256: string;
  readonly pixels: string;
  readonly max_level_difference: number;
}

export interface SelfTestResult {
  readonly passed: boolean;
  /** One line that says what was found. */
  readonly message: string;
}

/** Makes golden.json's pictures and compares them, to the byte for integer models. */
export async function selfTest(generator: Generator, golden: Golden): Promise<SelfTestResult> {
  const expected = golden.models[generator.fileName];
  if (!expected) return failure(`golden.json says nothing of ${generator.fileName}.`);
  if (await isOther(generator, expected)) {
    return failure(`${generator.fileName} is not the file that golden.json was made for.`);
  }
  const differences = await levelDifferences(generator, golden, bytesOf(expected.pixels));
  const wrong = differences.filter(difference => difference > expected.max_level_difference);
  const number = differences.length;
  if (wrong.length || !number) {
    const most = Math.max(0, ...wrong);
    return failure(
      `${wrong.length} of ${number} pictures of ${generator.fileName} are wrong,` +
        ` by up to ${most} grey levels.`,
    );
  }
  const exactly = expected.max_level_difference ? 'within one grey level' : 'to the byte';
  return {passed: true, message: `${number} of ${number} pictures are right ${exactly}.`};
}

/** The largest difference in each picture, in grey levels. */
async function levelDifferences(
  generator: Generator,
  golden: Golden,
  expected: Uint8Array,
): Promise<number[]> {
  const latents = new Float32Array(bytesOf(golden.latents).buffer);
  const {latentSize, height, width, channels} = generator.info;
  const size = height * width * channels;
  const differences = [];
  for (let i = 0; i < latents.length / latentSize; i++) {
    const latent = latents.slice(i * latentSize, (i + 1) * latentSize);
    const pixels = await generator.generate(latent, golden.labels?.[i]);
    const wanted = expected.subarray(i * size, (i + 1) * size);
    differences.push(pixels.reduce((most, x, j) => Math.max(most, apart(x, wanted[j])), 0));
  }
  return differences;
}

function apart(level: number, wanted: number | undefined): number {
  return Math.abs(level - (wanted ?? Number.POSITIVE_INFINITY));
}

/** Browsers have SHA-256 only for pages from https or localhost; elsewhere the pixels decide. */
async function isOther(generator: Generator, expected: Expected): Promise<boolean> {
  if (!isSecureContext) return false;
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', generator.modelBytes));
  const hex = Array.from(digest, byte => byte.toString(16).padStart(2, '0')).join('');
  return hex !== expected.sha256;
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), character => character.charCodeAt(0));
}

function failure(message: string): SelfTestResult {
  return {passed: false, message};
}
