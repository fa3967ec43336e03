import {getWebGpuDevice} from '@litertjs/core';
import type {Generator} from './generator.js';
import {openRight} from './openRight.js';
import type {Golden} from './selfTest.js';

/**
 * A generator on the GPU, if it is right there. Open another on 'wasm' before.
 *
 * GPU kernels compute some models wrongly and report nothing; only golden.json shows it. LiteRT's
 * take float files whole, integer ones in part and less exactly: open generator_f16.tflite.
 *
 * @returns null where there is no GPU.
 * @throws Error if the GPU can't run the model, or draws other pictures than golden.json has.
 */
export async function openOnWebGpu(modelUrl: string, golden: Golden): Promise<Generator | null> {
  if (!getWebGpuDevice()) return null;
  const generator = await openRight([modelUrl], golden, {accelerator: 'webgpu'});
  if (generator.accelerator === 'webgpu') return generator;
  generator.close();
  throw new Error('the GPU lacks an operation of the model.');
}
