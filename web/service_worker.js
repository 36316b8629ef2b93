/**
 * Opens the screens without a network: it keeps the page and its files of one version. Data is not kept here: the card
 * keeps its own (`core/snapshot.js`), and `/graphql` is not touched.
 */

const BASE = ""; // of the files: inserted by the server
/** @type {string[]} */
const PATHS = []; // of the files below it: inserted by the server
const PAGE = "/";
const SCREENS = /^\/(?:ranking|people(?:\/[^/]+)?|plan|alerts|setup|admin(?:\/\w+)?)?$/;
const NETWORK_SECONDS = 4; // after which a bad network counts as none

const worker = /** @type {any} */ (self);
const cacheName = `scoreline ${BASE}`;

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(fill()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(replaceOthers()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && SCREENS.test(pathname)) event.respondWith(openPage(request));
  else if (pathname.startsWith(BASE)) event.respondWith(openFile(request));
});

async function fill() {
  const cache = await caches.open(cacheName);
  await cache.addAll([new Request(PAGE, { cache: "reload" }), ...PATHS.map((path) => BASE + path)]);
  await worker.skipWaiting();
}

async function replaceOthers() {
  for (const name of await caches.keys()) if (name !== cacheName) await caches.delete(name);
  await worker.clients.claim();
}

/** The page from the server, so that new versions are seen at once; without a network the one that is kept. @param {Request} request */
async function openPage(request) {
  const kept = async () => (await caches.match(PAGE, { cacheName })) || Response.error();
  try {
    return await fetch(request, { signal: AbortSignal.timeout(NETWORK_SECONDS * 1000) });
  } catch {
    return kept();
  }
}

/** @param {Request} request */
async function openFile(request) {
  return (await caches.match(request, { cacheName })) || fetch(request);
}
