import type {Generator} from '../index.js';
import type {Form} from './form.js';
import type {Grid} from './grid.js';

const FRAME_MS = 12; // longest time between chances for the browser to answer a finger

/** Fills the grid with what the form asks for. */
export class Painter {
  generator: Generator;
  /** Puts another generator in place of one that failed, or throws the error. */
  onFailure = (error: unknown): void => {
    throw error;
  };
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
    await this.withGenerator(async generator => {
      this.isWaiting = false;
      await this.fill(generator);
    });
  }

  /** In turn; once more with the generator that `onFailure` leaves, where the first one fails. */
  withGenerator<T>(action: (generator: Generator) => Promise<T>): Promise<T> {
    return this.inTurn(async () => {
      const {generator} = this;
      try {
        return await action(generator);
      } catch (error) {
        if (this.generator === generator) this.onFailure(error);
        return await action(this.generator);
      }
    });
  }

  /** Runs an action when those before it are done: a model makes one picture at a time. */
  inTurn<T>(action: () => Promise<T>): Promise<T> {
    const result = this.last.then(action, action);
    this.last = result.catch(() => {});
    return result;
  }

  private async fill(generator: Generator): Promise<void> {
    let startMs = performance.now();
    const name = this.form.fileNameOfAll;
    for (const [index, sample] of this.form.samples().entries()) {
      const pixels = await generator.generate(sample.latent, sample.label);
      this.grid.show(index, pixels, sample);
      if (performance.now() - startMs > FRAME_MS) {
        await new Promise(resolve => setTimeout(resolve));
        startMs = performance.now();
      }
    }
    this.grid.nameOfAll = name;
  }
}
