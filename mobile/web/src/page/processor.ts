import {type Generator, type Golden, openOnWebGpu} from '../index.js';
import {byId, messageOf} from './elements.js';
import type {Painter} from './painter.js';

const TIMED_PICTURES = 4;

/** Where the GPU is right: lets the user choose, and begins with the quicker of the two. */
export async function offerWebGpu(painter: Painter, golden: Golden): Promise<void> {
  const wasm = painter.generator;
  try {
    const webgpu = await openOnWebGpu('model/generator_f16.tflite', golden);
    if (!webgpu) return;
    const isQuicker = (await durationMs(webgpu, painter)) < (await durationMs(wasm, painter));
    offer({wasm, webgpu}, isQuicker ? 'webgpu' : 'wasm', painter);
  } catch (error) {
    byId('gpu-note').textContent = `WebGPU is not used: ${messageOf(error)}`;
  }
}

function offer(generators: Record<string, Generator>, initially: string, painter: Painter): void {
  const buttons = byId('processor').querySelectorAll('input');
  for (const button of buttons) {
    // Before the form hears of it and paints.
    button.addEventListener('input', () => {
      painter.generator = generators[button.value] as Generator;
    });
    if (button.value === initially) button.click();
  }
  byId('processor').hidden = false;
}

/** Of some pictures after a first one, which may compile shaders. */
async function durationMs(generator: Generator, painter: Painter): Promise<number> {
  return painter.inTurn(async () => {
    await generator.generate(0n);
    const startMs = performance.now();
    for (let seed = 0n; seed < TIMED_PICTURES; seed++) await generator.generate(seed);
    return performance.now() - startMs;
  });
}
