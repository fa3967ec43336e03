import {getWebGpuDevice} from '@litertjs/core';
import type {Generator} from './generator.js';
import {type Golden, selfTest} from './selfTest.js';

/**
 * The same generator on the GPU, or null where there is none or it draws other pictures.
 *
 * GPU kernels compute some models wrongly and report nothing; only golden.json shows it.
 */
export async function onWebGpuIfRight(
  generator: Generator,
  golden: Golden,
): Promise<Generator | null> {
  if (!getWebGpuDevice()) return null;
  try {
    const onGpu = await generator.on('webgpu');
    const isRight = onGpu.accelerator === 'webgpu' && (await selfTest(onGpu, golden)).passed;
    if (isRight) return onGpu;
    onGpu.close();
  } catch (error) {
    console.info('WebGPU is not used:', error);
  }
  return null;
}
