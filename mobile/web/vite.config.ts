import {createHash} from 'node:crypto';
import {existsSync, readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join, relative, resolve, sep} from 'node:path';
import {defineConfig, type Plugin} from 'vite';

// What the export_tflite stage wrote.
const BUNDLE = process.env.BUNDLE ?? '../../runs/quickstart/export_tflite';
const MODEL_FILES = ['generator.tflite', 'generator_f16.tflite', 'golden.json'];
// With and without relaxed SIMD, which Safari lacks; a browser loads one of them.
const RUNTIME = ['litert_wasm_internal', 'litert_wasm_compat_internal'];

export default defineConfig({
  base: './',
  plugins: [modelAndRuntime(), offlineFiles()],
  build: {
    target: 'es2022',
    modulePreload: {polyfill: false},
    rolldownOptions: {
      input: {index: 'index.html', serviceWorker: 'src/serviceWorker.ts'},
      output: {
        entryFileNames: chunk =>
          chunk.name === 'serviceWorker' ? '[name].js' : 'assets/[name]-[hash].js',
      },
    },
  },
});

/** Copies the model and LiteRT's WebAssembly into the page. */
function modelAndRuntime(): Plugin {
  return {
    name: 'model-and-runtime',
    generateBundle() {
      for (const name of MODEL_FILES) {
        const path = join(BUNDLE, name);
        if (!existsSync(path)) {
          this.error(
            `${path} is missing. Run \`make quickstart\`, or name the folder of another run:` +
              ' BUNDLE=RUN/export_tflite npm run build',
          );
        }
        this.emitFile({type: 'asset', fileName: `model/${name}`, source: readFileSync(path)});
      }
      for (const name of RUNTIME.flatMap(stem => [`${stem}.js`, `${stem}.wasm`])) {
        const source = readFileSync(join('node_modules/@litertjs/core/wasm', name));
        this.emitFile({type: 'asset', fileName: `runtime/${name}`, source});
      }
    },
  };
}

/** Tells the service worker which files to keep, and under which version. */
function offlineFiles(): Plugin {
  let folder = '';
  return {
    name: 'offline-files',
    configResolved(config) {
      folder = resolve(config.root, config.build.outDir);
    },
    writeBundle() {
      const worker = join(folder, 'serviceWorker.js');
      const files = readdirSync(folder, {recursive: true, withFileTypes: true})
        .filter(entry => entry.isFile() && entry.name !== 'serviceWorker.js')
        .map(entry => relative(folder, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
        .sort();
      const hash = createHash('sha256');
      for (const file of files) hash.update(file).update(readFileSync(join(folder, file)));
      const text = readFileSync(worker, 'utf-8')
        .replace('__VERSION__', hash.digest('hex').slice(0, 16))
        .replace('__FILES__', files.join(','));
      writeFileSync(worker, text);
    },
  };
}
