/** The page: makes pictures as the form asks, tests itself, keeps itself for use offline. */

import {Generator, type Golden, openRight, type SelfTestResult, selfTest} from '../index.js';
import {byId, messageOf, showError, showFacts, showTestResult} from './elements.js';
import {Form} from './form.js';
import {Grid} from './grid.js';
import {followVersion, keepOffline} from './offline.js';
import {Painter} from './painter.js';
import {offerWebGpu} from './processor.js';
import {canShare, download, share} from './sharing.js';

async function start(): Promise<void> {
  followVersion();
  const generator = await Generator.open('model/generator.tflite');
  const form = new Form(generator.info);
  const grid = new Grid(generator.info);
  const painter = new Painter(generator, form, grid);
  await painter.paint();
  showFacts(generator.info, false);
  form.onChange(() => attempt(() => painter.paint()));
  offerPictures(painter, grid);
  const golden = await loadGolden('model/golden.json');
  await offerWebGpu(painter, golden, await offerTest(painter, golden));
  showFacts(generator.info, await keepOffline());
}

/** Tests at once, and on demand. Returns what became of WebAssembly, with the file that is left. */
async function offerTest(painter: Painter, golden: Golden): Promise<SelfTestResult> {
  const test = () => painter.withGenerator(generator => selfTest(generator, golden));
  byId('test').addEventListener('click', () => attempt(async () => showTestResult(await test())));
  const first = await test();
  showTestResult(first);
  if (first.passed) return first;
  const second = await replaceModel(painter, golden, first.message);
  showTestResult(second);
  return second;
}

/** With the file that computes in floating point: it may be right where integers are not. */
async function replaceModel(
  painter: Painter,
  golden: Golden,
  reason: string,
): Promise<SelfTestResult> {
  try {
    await painter.inTurn(async () => {
      const right = await openRight(['model/generator_f16.tflite'], golden);
      painter.generator.close();
      painter.generator = right;
    });
  } catch (error) {
    return {passed: false, message: `${reason} ${messageOf(error)}`};
  }
  byId('model-note').textContent = `${reason} generator_f16.tflite is used instead.`;
  await painter.paint();
  return painter.withGenerator(generator => selfTest(generator, golden));
}

async function loadGolden(url: string): Promise<Golden> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} could not be loaded: HTTP ${response.status}.`);
  return response.json();
}

/** In turn: while pictures are painted, some are still of what was asked for before. */
function offerPictures(painter: Painter, grid: Grid): void {
  const picture = () => painter.inTurn(async () => grid.picture());
  byId('download').addEventListener('click', () => attempt(async () => download(await picture())));
  byId('share').addEventListener('click', () => attempt(async () => share(await picture())));
  byId('share').hidden = !canShare();
}

async function attempt(action: () => Promise<unknown>): Promise<void> {
  try {
    showError('');
    await action();
  } catch (error) {
    showError(error);
  }
}

await attempt(start);
document.getElementById('loading')?.remove(); // where an error came before the facts
