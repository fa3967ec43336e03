import {getGlobalLiteRtPromise, loadLiteRt} from '@litertjs/core';

/** Loads LiteRT once for the page, from a folder with the files of `@litertjs/core/wasm`. */
export function loadRuntime(url = 'runtime/'): Promise<unknown> {
  return getGlobalLiteRtPromise() ?? loadQuietly(String(new URL(url, document.baseURI)));
}

/** LiteRT reports each step of its start as an error; only what is one is to look like one. */
function loadQuietly(url: string): Promise<unknown> {
  const printErr = (line: string) =>
    (/^(INFO|WARNING)/.test(line) ? console.debug : console.error)(line);
  Object.assign(globalThis, {Module: {printErr}});
  return loadLiteRt(url);
}
