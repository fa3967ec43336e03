/**
 * Keeps the whole page, model and runtime included, for use without a network.
 *
 * The build writes the list of files and their common hash into this file, so that a new version
 * of any of them is a new worker, which loads all of them before it takes over.
 */

export {}; // a module to the type checker, so that `self` is this file's own

declare const self: ServiceWorkerGlobalScope;

const CACHE = 'forgeline-__VERSION__';
const FILES = '__FILES__'.split(',');
// The page says which of LiteRT's builds its browser takes.
const RUNTIME = new URL(self.location.href).searchParams.get('runtime');

self.addEventListener('install', event => event.waitUntil(keep()));
self.addEventListener('activate', event => event.waitUntil(takeOver()));
self.addEventListener('fetch', event => {
  if (event.request.method === 'GET') event.respondWith(answer(event.request));
});

async function keep(): Promise<void> {
  const cache = await caches.open(CACHE);
  const wanted = FILES.filter(
    file => !file.startsWith('runtime/') || file.includes(`/${RUNTIME}.`),
  );
  // Asks the server whether what the browser has is still the newest.
  await cache.addAll(['./', ...wanted].map(file => new Request(file, {cache: 'no-cache'})));
  await self.skipWaiting();
}

async function takeOver(): Promise<void> {
  const names = await caches.keys();
  await Promise.all(names.filter(name => name !== CACHE).map(name => caches.delete(name)));
  await self.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  return (await cache.match(request, {ignoreSearch: true})) ?? fetch(request);
}
