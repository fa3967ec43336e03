import {Generator, type OpenOptions} from './generator.js';
import {type Golden, selfTest} from './selfTest.js';

/**
 * The first of some files that draws golden.json's pictures in this browser.
 *
 * Name generator.tflite, then generator_f16.tflite: some processors compute the first one wrongly
 * and report nothing.
 *
 * @throws Error if none does, with what was found of each, or one can't be opened.
 */
export async function openRight(
  modelUrls: readonly (string | URL)[],
  golden: Golden,
  options: OpenOptions = {},
): Promise<Generator> {
  const reasons: string[] = [];
  for (const url of modelUrls) {
    const generator = await Generator.open(url, options);
    const {passed, message} = await selfTest(generator, golden).catch(error => {
      generator.close();
      throw error;
    });
    if (passed) return generator;
    generator.close();
    reasons.push(message);
  }
  throw new Error(reasons.join(' '));
}
