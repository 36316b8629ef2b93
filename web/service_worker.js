/**
 * Opens the screens without a network: it keeps the page and its files of one version. Data is not kept here: the card
 * keeps its own (`core/snapshot.js`), and `/graphql` is not touched.
 */

const BASE = ""; // of the files: inserted by the server
/** @type {string[]} */
const PATHS = []; // of the files below it: inserted by the server
const PAGE = "/";
const OTHERS = /^\/(?:graphql|wallboard|password|export|health|metrics|web)(?:\/|$)/; // not opened by the page: all other addresses are
const NETWORK_SECONDS = 4; // after which a bad network counts as none

const worker = /** @type {any} */ (self);
const cacheName = `scoreline ${BASE}`;

worker.addEventListener("install", (/** @type {any} */ event) => event.waitUntil(fill()));
worker.addEventListener("activate", (/** @type {any} */ event) => event.waitUntil(replaceOthers()));
worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate" && !OTHERS.test(pathname)) event.respondWith(openPage(request));
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

/**
 * The page from the server, so that new versions are seen at once; the one that is kept without a network, and where only a
 * proxy answers, as while the server starts.
 * @param {Request} request
 */
async function openPage(request) {
  const kept = () => caches.match(PAGE, { cacheName });
  try {
    const answer = await fetch(request, { signal: AbortSignal.timeout(NETWORK_SECONDS * 1000) });
    return answer.status < 502 ? answer : (await kept()) || answer;
  } catch {
    return (await kept()) || Response.error();
  }
}

/** @param {Request} request */
async function openFile(request) {
  return (await caches.match(request, { cacheName })) || fetch(request);
}
