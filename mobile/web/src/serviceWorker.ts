/**
 * Keeps the whole page, model and runtime included, for use without a network.
 *
 * The build writes the list of files and their common hash into this file, so that a new version
 * of any of them is a new worker. It loads all of them and waits: an open page keeps its version,
 * for pictures of one model are wrong by another's golden.json.
 */

export {}; // a module to the type checker, so that `self` is this file's own

declare const self: ServiceWorkerGlobalScope;

// One host may have several of these pages, and other apps: all share its caches.
const CACHES_OF_THIS_PAGE = `forgeline ${self.registration.scope} `;
const CACHE = `${CACHES_OF_THIS_PAGE}__VERSION__`;
const FILES = '__FILES__'.split(',');
// The page says which of LiteRT's builds its browser takes.
const RUNTIME = new URL(self.location.href).searchParams.get('runtime');

self.addEventListener('install', event => event.waitUntil(keep()));
self.addEventListener('message', event => event.waitUntil(self.skipWaiting())); // page/offline.ts
self.addEventListener('activate', event => event.waitUntil(deleteOthers()));
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
}

async function deleteOthers(): Promise<void> {
  const names = await caches.keys();
  const others = names.filter(name => name.startsWith(CACHES_OF_THIS_PAGE) && name !== CACHE);
  await Promise.all(others.map(name => caches.delete(name)));
}

async function answer(request: Request): Promise<Response> {
  const cache = await caches.open(CACHE);
  const kept = await cache.match(request, {ignoreSearch: true, ignoreVary: true});
  return kept ? direct(kept) : fetch(request);
}

/** Some servers redirect index.html to its folder; browsers show no page of a redirected answer. */
function direct(response: Response): Response {
  return response.redirected ? new Response(response.body, response) : response;
}
