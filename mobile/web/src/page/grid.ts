import {type GanInfo, toImageData} from '../index.js';
import {byId} from './elements.js';
import type {Sample} from './form.js';
import type {Picture} from './sharing.js';

export const COLUMNS = 4;
export const NUM_PICTURES = COLUMNS * COLUMNS;
const STEPS: Record<string, number> = {
  ArrowLeft: -1,
  ArrowRight: 1,
  ArrowUp: -COLUMNS,
  ArrowDown: COLUMNS,
};

/** The pictures. One may be chosen; arrow keys go from one to the next. */
export class Grid {
  /** Of all pictures in one file; null while they are not of one request. */
  nameOfAll: string | null = null;
  /** Index of the chosen picture; null: all. */
  private chosen: number | null = null;
  private readonly names: string[] = [];
  private readonly info: GanInfo;
  private readonly tiles: readonly HTMLButtonElement[];

  constructor(info: GanInfo) {
    this.info = info;
    this.tiles = Array.from({length: NUM_PICTURES}, (_, index) => this.tile(index));
    byId('grid').replaceChildren(...this.tiles.map(inListItem));
    this.focusable(0);
  }

  show(index: number, pixels: Uint8Array, {caption, fileName}: Sample): void {
    const tile = this.tiles[index] as HTMLButtonElement;
    canvasOf(tile).getContext('2d')?.putImageData(toImageData(pixels, this.info), 0, 0);
    tile.setAttribute('aria-label', caption);
    this.names[index] = fileName;
    this.nameOfAll = null;
    if (!performance.getEntriesByName('first-picture').length) performance.mark('first-picture');
  }

  /**
   * The chosen picture, or all of them side by side; pixel for pixel.
   *
   * @throws Error if there is no one name for all: after some of them a generator failed.
   */
  picture(): Picture {
    const name = this.chosen === null ? this.nameOfAll : this.names[this.chosen];
    if (!name) throw new Error('Some pictures are of an earlier seed or label. Try another.');
    if (this.chosen === null) return {canvas: this.all(), name};
    return {canvas: canvasOf(this.tiles[this.chosen] as HTMLButtonElement), name};
  }

  private all(): HTMLCanvasElement {
    const {width, height} = this.info;
    const all = newCanvas(COLUMNS * width, COLUMNS * height);
    for (const [i, tile] of this.tiles.entries()) {
      const [column, row] = [i % COLUMNS, Math.floor(i / COLUMNS)];
      all.getContext('2d')?.drawImage(canvasOf(tile), column * width, row * height);
    }
    return all;
  }

  private tile(index: number): HTMLButtonElement {
    const button = document.createElement('button');
    button.type = 'button';
    button.append(newCanvas(this.info.width, this.info.height));
    button.setAttribute('aria-pressed', 'false');
    button.addEventListener('click', () => this.choose(index));
    button.addEventListener('keydown', event => this.move(event, index));
    return button;
  }

  private choose(index: number): void {
    this.chosen = this.chosen === index ? null : index;
    for (const [i, tile] of this.tiles.entries()) {
      tile.setAttribute('aria-pressed', String(i === this.chosen));
    }
    byId('download').textContent = this.chosen === null ? 'Download all' : 'Download picture';
    this.focusable(index);
  }

  private move(event: KeyboardEvent, from: number): void {
    const next = from + (STEPS[event.key] ?? Number.NaN);
    if (!this.tiles[next]) return;
    event.preventDefault();
    this.focusable(next);
    this.tiles[next].focus();
  }

  /** One stop for the Tab key, not sixteen. */
  private focusable(index: number): void {
    for (const [i, tile] of this.tiles.entries()) tile.tabIndex = i === index ? 0 : -1;
  }
}

function inListItem(tile: HTMLElement): HTMLLIElement {
  const item = document.createElement('li');
  item.append(tile);
  return item;
}

function canvasOf(tile: HTMLButtonElement): HTMLCanvasElement {
  return tile.firstElementChild as HTMLCanvasElement;
}

function newCanvas(width: number, height: number): HTMLCanvasElement {
  return Object.assign(document.createElement('canvas'), {width, height});
}
