/** What the page says, and where. */

import type {GanInfo, SelfTestResult} from '../index.js';

export function byId(id: string): HTMLElement {
  return document.getElementById(id) as HTMLElement;
}

export function showFacts({width, height}: GanInfo, isOffline: boolean): void {
  byId('facts').textContent = `${width} × ${height}${isOffline ? ' · works offline' : ''}`;
}

export function showTestResult({passed, message}: SelfTestResult): void {
  const result = byId('result');
  result.hidden = false;
  result.className = passed ? 'passed' : 'failed';
  result.textContent = `Self-test ${passed ? 'passed' : 'failed'}: ${message}`;
}

/** An empty text takes the last error away. */
export function showError(error: unknown): void {
  byId('error').textContent = messageOf(error);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
