import {getWebGpuDevice} from '@litertjs/core';
import {type Generator, type Golden, openOnWebGpu, type SelfTestResult} from '../index.js';
import {byId, messageOf, showError} from './elements.js';
import type {Painter} from './painter.js';

const TIMED_PICTURES = 4;

/** Where the GPU is right: lets the user choose, and begins with the quicker one that is right. */
export async function offerWebGpu(
  painter: Painter,
  golden: Golden,
  wasmResult: SelfTestResult,
): Promise<void> {
  const wasm = painter.generator;
  try {
    const webgpu = await openOnWebGpu('model/generator_f16.tflite', golden);
    if (!webgpu) return;
    const isQuicker = (await durationMs(webgpu, painter)) < (await durationMs(wasm, painter));
    offer('wasm', wasm, painter);
    offer('webgpu', webgpu, painter);
    byId('processor').hidden = false;
    watch(webgpu, wasm, painter);
    if (isQuicker || !wasmResult.passed) button('webgpu').click();
    if (wasmResult.passed) return;
    byId('model-note').textContent = `WebAssembly is wrong here: ${wasmResult.message}`;
    byId('test').click(); // shows WebGPU's result in place of it
  } catch (error) {
    byId('gpu-note').textContent = `WebGPU is not used: ${messageOf(error)}`;
  }
}

/** Before the form hears of a choice and paints. */
function offer(processor: string, generator: Generator, painter: Painter): void {
  button(processor).addEventListener('input', () => {
    painter.generator = generator;
  });
}

/** Goes back to WebAssembly when the GPU fails: its driver may end at any time. */
function watch(webgpu: Generator, wasm: Generator, painter: Painter): void {
  const fallBack = (reason: string) => {
    byId('gpu-note').textContent = `WebGPU is not used until the page is loaded again: ${reason}`;
    if (button('webgpu').disabled) return; // a picture failed before its device was known as lost
    painter.generator = wasm;
    button('wasm').checked = true;
    if (document.activeElement === button('webgpu')) button('wasm').focus();
    button('webgpu').disabled = true;
    painter.paint().catch(showError);
  };
  painter.onFailure = error => {
    if (painter.generator !== webgpu) throw error;
    fallBack(messageOf(error));
  };
  getWebGpuDevice()?.lost.then(({message}) => fallBack(message || 'its device is lost.'));
}

function button(processor: string): HTMLInputElement {
  return byId('processor').querySelector(`[value=${processor}]`) as HTMLInputElement;
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
