/** The page: makes pictures as the form asks, tests itself, keeps itself for use offline. */

import {Generator, type Golden, selfTest} from '../index.js';
import {byId, showError, showFacts, showTestResult} from './elements.js';
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
  offerPictures(form, grid);
  const golden: Golden = await (await fetch('model/golden.json')).json();
  await offerTest(painter, golden);
  await offerWebGpu(painter, golden);
  showFacts(generator.info, await keepOffline());
}

/** Tests at once, and on demand. */
async function offerTest(painter: Painter, golden: Golden): Promise<void> {
  const test = () =>
    painter.inTurn(async () => showTestResult(await selfTest(painter.generator, golden)));
  byId('test').addEventListener('click', () => attempt(test));
  await test();
}

function offerPictures(form: Form, grid: Grid): void {
  const picture = () => ({canvas: grid.picture(), name: form.name(grid.chosen)});
  byId('download').addEventListener('click', () => attempt(() => download(picture())));
  byId('share').addEventListener('click', () => attempt(() => share(picture())));
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

attempt(start);
