/** The page for use offline: kept by a service worker, of one version at a time. */

import {supportsFeature} from '@litertjs/core';
import {byId} from './elements.js';

/**
 * Has the service worker keep all files; resolves when they are kept.
 *
 * @returns false for a page that browsers allow no service worker: one from plain http.
 * @throws Error if a file can't be loaded or stored.
 */
export async function keepOffline(): Promise<boolean> {
  if (!('serviceWorker' in navigator)) return false;
  const isFast = await supportsFeature('relaxedSimd');
  const runtime = isFast ? 'litert_wasm_internal' : 'litert_wasm_compat_internal';
  const url = `serviceWorker.js?runtime=${runtime}`;
  const registration = await navigator.serviceWorker.register(url).catch(explain);
  await isActive(registration.active ?? registration.waiting ?? registration.installing);
  offerNewVersion(registration);
  return true;
}

/** All open pages load anew when a user has one of them take the new version. */
export function followVersion(): void {
  // A page that no worker answers came from the network, and the first worker changes nothing.
  if (!navigator.serviceWorker?.controller) return;
  navigator.serviceWorker.addEventListener('controllerchange', () => location.reload());
}

function offerNewVersion(registration: ServiceWorkerRegistration): void {
  if (!navigator.serviceWorker.controller) return;
  const show = () => {
    byId('update').hidden = !registration.waiting;
  };
  const watch = () => registration.installing?.addEventListener('statechange', show);
  byId('reload').addEventListener('click', () => registration.waiting?.postMessage('take over'));
  registration.addEventListener('updatefound', watch);
  watch();
  show();
}

/** A first worker isn't before it has kept all files. */
async function isActive(worker: ServiceWorker | null): Promise<void> {
  while (worker?.state !== 'activated') {
    if (!worker || worker.state === 'redundant') explain();
    await new Promise(resolve => worker.addEventListener('statechange', resolve, {once: true}));
  }
}

function explain(cause?: unknown): never {
  throw new Error(
    'The page could not be kept for offline use: a file could not be loaded or stored.' +
      ' Load the page again.',
    {cause},
  );
}
