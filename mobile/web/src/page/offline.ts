import {supportsFeature} from '@litertjs/core';

/**
 * Has the service worker keep all files; resolves when they are kept.
 *
 * @returns false for a page that browsers allow no service worker: one from plain http.
 */
export async function keepOffline(): Promise<boolean> {
  if (!('serviceWorker' in navigator)) return false;
  const isFast = await supportsFeature('relaxedSimd');
  const runtime = isFast ? 'litert_wasm_internal' : 'litert_wasm_compat_internal';
  await navigator.serviceWorker.register(`serviceWorker.js?runtime=${runtime}`);
  await navigator.serviceWorker.ready;
  return true;
}
