/** Prints what a browser downloads of dist/, raw and as brotli sends it. */

import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {brotliCompressSync} from 'node:zlib';

const files = readdirSync('dist', {recursive: true, withFileTypes: true})
  .filter(entry => entry.isFile())
  .map(entry => join(entry.parentPath, entry.name))
  .sort();

console.log('| file | KB | KB, brotli |\n|---|---|---|');
for (const file of files) {
  const bytes = readFileSync(file);
  const sizes = [bytes.length, brotliCompressSync(bytes).length];
  console.log(`| ${file} | ${sizes.map(size => (size / 1000).toFixed(1)).join(' | ')} |`);
}
