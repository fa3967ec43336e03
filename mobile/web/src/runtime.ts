import {getGlobalLiteRtPromise, loadLiteRt} from '@litertjs/core';

/** Loads LiteRT once for the page or worker, from a folder with the files of `@litertjs/core/wasm`. */
export function loadRuntime(url = 'runtime/'): Promise<unknown> {
  const base = globalThis.document?.baseURI ?? location.href; // workers have no document
  return getGlobalLiteRtPromise() ?? loadQuietly(String(new URL(url, base)));
}

/** LiteRT reports each step of its start as an error; only what is one is to look like one. */
function loadQuietly(url: string): Promise<unknown> {
  const printErr = (line: string) =>
    (/^(INFO|WARNING)/.test(line) ? console.debug : console.error)(line);
  // In a worker LiteRT looks for its files beside the worker's.
  const locateFile = (name: string) => `${url.replace(/\/$/, '')}/${name}`;
  const settings = 'document' in globalThis ? {printErr} : {printErr, locateFile};
  Object.assign(globalThis, {Module: settings});
  return loadLiteRt(url);
}
