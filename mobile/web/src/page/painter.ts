import type {Generator} from '../index.js';
import type {Form} from './form.js';
import type {Grid} from './grid.js';

const FRAME_MS = 12; // longest time between chances for the browser to answer a finger

/** Fills the grid with what the form asks for. */
export class Painter {
  generator: Generator;
  private readonly form: Form;
  private readonly grid: Grid;
  private last: Promise<unknown> = Promise.resolve();
  private isWaiting = false;

  constructor(generator: Generator, form: Form, grid: Grid) {
    this.generator = generator;
    this.form = form;
    this.grid = grid;
  }

  /** Paints soon; a slider that moves faster than pictures are made skips some places. */
  async paint(): Promise<void> {
    if (this.isWaiting) return;
    this.isWaiting = true;
    await this.inTurn(async () => {
      this.isWaiting = false;
      await this.fill();
    });
  }

  /** Runs an action when those before it are done: a model makes one picture at a time. */
  inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.last.then(action, action);
    this.last = result.catch(() => {});
    return result;
  }

  private async fill(): Promise<void> {
    let startMs = performance.now();
    for (const [index, {latent, label, caption}] of this.form.samples().entries()) {
      const pixels = await this.generator.generate(latent, label);
      this.grid.show(index, pixels, caption);
      if (performance.now() - startMs > FRAME_MS) {
        await new Promise(resolve => setTimeout(resolve));
        startMs = performance.now();
      }
    }
  }
}
