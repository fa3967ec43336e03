import {type GanInfo, interpolate, latentFromSeed} from '../index.js';
import {byId} from './elements.js';
import {NUM_PICTURES} from './grid.js';

const ALL = 'all';
const SEEDS = ['seed', 'second'];
const [LEAST, MOST] = [-(2n ** 63n), 2n ** 63n - 1n]; // as on the server

export interface Sample {
  readonly latent: Float32Array;
  readonly label: number;
  readonly caption: string;
  readonly fileName: string;
}

/** What is asked for: a label, two seeds and a place on the way between them. */
export class Form {
  private readonly info: GanInfo;
  private readonly form = byId('form') as HTMLFormElement;

  constructor(info: GanInfo) {
    this.info = info;
    byId('labels').hidden = info.numClasses === 0;
    this.showLabels();
    this.offerRandomSeed('dice', 'seed');
    this.offerRandomSeed('second-dice', 'second');
    byId('grid').addEventListener('keydown', event => this.onKey(event));
    this.form.addEventListener('submit', event => event.preventDefault());
  }

  onChange(action: () => void): void {
    this.form.addEventListener('input', () => {
      byId('percent').textContent = `${Math.round(100 * this.way)} %`;
      for (const name of SEEDS) this.checkSeed(name);
      if (this.form.reportValidity()) action();
    });
  }

  /** The pictures of sixteen neighbouring seeds, each on its way to that of another seed. */
  samples(): Sample[] {
    return Array.from({length: NUM_PICTURES}, (_, i) => {
      const seed = this.seed('seed', i);
      const from = latentFromSeed(seed, this.info.latentSize);
      const to = latentFromSeed(this.seed('second', i), this.info.latentSize);
      const label = this.labelOf(i);
      return {
        latent: interpolate(from, to, this.way),
        label,
        caption: this.caption(seed, label),
        fileName: this.fileName(i, String(label)),
      };
    });
  }

  /** For all pictures in one. */
  get fileNameOfAll(): string {
    return this.fileName(0, this.value('label'));
  }

  private fileName(index: number, label: string): string {
    const [seed, second] = SEEDS.map(name => this.seed(name, index));
    const way = this.way ? `-to-${second}-${Math.round(100 * this.way)}` : '';
    const labelled = this.info.numClasses ? `-label-${label}` : '';
    return `forgeline${labelled}-seed-${seed}${way}.png`;
  }

  private get way(): number {
    return Number(this.value('way'));
  }

  private labelOf(index: number): number {
    const label = this.value('label');
    return label === ALL ? index % this.info.numClasses : Number(label);
  }

  private caption(seed: bigint, label: number): string {
    const name = this.info.classNames[label];
    const way = this.way ? `, ${Math.round(100 * this.way)} % of the way` : '';
    return `${this.info.numClasses ? `Label ${name}, seed` : 'Seed'} ${seed}${way}`;
  }

  /** Of a picture; after the last seed of 64 bits comes the first. */
  private seed(name: string, index: number): bigint {
    return BigInt.asIntN(64, BigInt(this.value(name)) + BigInt(index));
  }

  private checkSeed(name: string): void {
    const field = this.form.elements.namedItem(name) as HTMLInputElement;
    field.setCustomValidity(isSeed(field.value) ? '' : `A whole number from ${LEAST} to ${MOST}.`);
  }

  /** A field's value; empty for one that isn't there. */
  private value(name: string): string {
    return String(new FormData(this.form).get(name) ?? '');
  }

  private showLabels(): void {
    const {numClasses, classNames} = this.info;
    const names = numClasses
      ? [['All', ALL], ...classNames.map((name, k) => [name, String(k)])]
      : [];
    const row = byId('labels').querySelector('div') as HTMLElement;
    row.classList.toggle(
      'short',
      classNames.every(name => name.length < 3),
    );
    row.replaceChildren(...names.map(([name = '', value = '']) => labelKey(name, value)));
  }

  private offerRandomSeed(buttonId: string, name: string): void {
    byId(buttonId).addEventListener('click', () => this.set(name, String(randomSeed())));
  }

  private set(name: string, value: string): void {
    (this.form.elements.namedItem(name) as HTMLInputElement | RadioNodeList).value = value;
    this.form.dispatchEvent(new Event('input'));
  }

  /** On a picture, 0 to 9: that label; A: all labels; R: a random seed. */
  private onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const {numClasses} = this.info;
    if (key === 'r') this.set('seed', String(randomSeed()));
    if (key === 'a' && numClasses) this.set('label', ALL);
    if (/^[0-9]$/.test(key) && Number(key) < numClasses) this.set('label', key);
  }
}

function isSeed(text: string): boolean {
  return /^-?\d{1,19}$/.test(text) && BigInt(text) >= LEAST && BigInt(text) <= MOST;
}

function labelKey(name: string, value: string): HTMLLabelElement {
  const input = Object.assign(document.createElement('input'), {
    type: 'radio',
    name: 'label',
    value,
  });
  input.checked = value === ALL;
  const label = document.createElement('label');
  const text = document.createElement('span');
  text.textContent = name;
  label.append(input, text);
  return label;
}

function randomSeed(): number {
  return crypto.getRandomValues(new Uint32Array(1))[0] as number;
}
