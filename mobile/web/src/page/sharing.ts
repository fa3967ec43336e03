/** Pictures as PNG files: to other apps where the browser can, to a file everywhere. */

export interface Picture {
  readonly canvas: HTMLCanvasElement;
  readonly name: string;
}

const FILE_LIFE_MS = 60_000; // Safari reads a file some time after the click that saves it
const SHARED_WIDTH = 1024; // other apps blur small pictures when they enlarge them

export function canShare(): boolean {
  const probe = new File([], 'probe.png', {type: 'image/png'});
  return navigator.canShare?.({files: [probe]}) ?? false;
}

/** Saves the picture, pixel for pixel. */
export async function download({canvas, name}: Picture): Promise<void> {
  const href = URL.createObjectURL(await png(canvas));
  Object.assign(document.createElement('a'), {href, download: name}).click();
  setTimeout(() => URL.revokeObjectURL(href), FILE_LIFE_MS);
}

/** Hands the picture, each pixel a square, to the app that the user chooses. */
export async function share({canvas, name}: Picture): Promise<void> {
  const file = new File([await png(enlarged(canvas))], name, {type: 'image/png'});
  try {
    await navigator.share({files: [file]});
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'AbortError')) throw error;
  }
}

function enlarged(canvas: HTMLCanvasElement): HTMLCanvasElement {
  const factor = Math.max(1, Math.floor(SHARED_WIDTH / canvas.width));
  const [width, height] = [factor * canvas.width, factor * canvas.height];
  const large = Object.assign(document.createElement('canvas'), {width, height});
  const context = large.getContext('2d') as CanvasRenderingContext2D;
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, 0, 0, width, height);
  return large;
}

function png(canvas: HTMLCanvasElement): Promise<Blob> {
  return new Promise((resolve, reject) => {
    canvas.toBlob(blob => {
      if (blob) resolve(blob);
      else reject(new Error('The browser could not write a PNG file.'));
    });
  });
}
