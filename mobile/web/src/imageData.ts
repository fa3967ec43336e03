import type {GanInfo} from './ganInfo.js';

/** A picture for a canvas, from a generator's pixels in grey or colour. */
export function toImageData(pixels: Uint8Array, info: GanInfo): ImageData {
  const {width, height, channels} = info;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) {
    for (let c = 0; c < 3; c++) {
      image.data[4 * i + c] = pixels[i * channels + (c % channels)] as number;
    }
    image.data[4 * i + 3] = 255;
  }
  return image;
}
