/** What the page says, and where. */

import type {Generator, SelfTestResult} from '../index.js';

export function byId(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}

export function showFacts(generator: Generator, isOffline = false): void {
  const {width, height} = generator.info;
  const runs = {wasm: 'WebAssembly', webgpu: 'WebGPU'}[generator.accelerator];
  const facts = [`${width} × ${height}`, runs];
  if (isOffline) facts.push('works offline');
  byId('facts').textContent = facts.join(' · ');
}

export function showTestResult({passed, message}: SelfTestResult): void {
  const result = byId('result');
  result.hidden = false;
  result.className = passed ? 'passed' : 'failed';
  result.textContent = `Self-test ${passed ? 'passed' : 'failed'}: ${message}`;
}

export function showError(error: unknown): void {
  byId('error').textContent = error instanceof Error ? error.message : String(error);
}
