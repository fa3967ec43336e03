/** GAN_INFO: what an app must know of a generator, read from the model file itself. */

import {FlatBuffer} from './flatBuffer.js';

export interface GanInfo {
  readonly latentSize: number;
  /** 0: the model takes no label. */
  readonly numClasses: number;
  readonly classNames: readonly string[];
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** Of the latent input: 'float32', or 'int8' in generator_i8.tflite. */
  readonly latentType: string;
  /** Of forgeline. */
  readonly version: string;
}

const NAME = 'GAN_INFO';
// Positions of fields in TFLite's schema.
const MODEL_BUFFERS = 4;
const MODEL_METADATA = 6;
const METADATA_NAME = 0;
const METADATA_BUFFER = 1;
const BUFFER_DATA = 0;

/**
 * Reads a .tflite file's GAN_INFO.
 *
 * @throws Error if the bytes are no TFLite model, a damaged one, or one without GAN_INFO.
 */
export function readGanInfo(model: Uint8Array): GanInfo {
  if (!isTflite(model)) {
    throw new Error('These bytes are no TFLite model. Pass the contents of a .tflite file.');
  }
  try {
    return parse(JSON.parse(find(new FlatBuffer(model))));
  } catch (cause) {
    const isDamaged = [RangeError, SyntaxError, TypeError].some(type => cause instanceof type);
    throw isDamaged ? new Error('The model file is damaged. Load it again.', {cause}) : cause;
  }
}

export function isTflite(file: Uint8Array): boolean {
  return new FlatBuffer(file).identifier === 'TFL3';
}

function find(file: FlatBuffer): string {
  for (const entry of file.tables(file.root, MODEL_METADATA)) {
    if (file.string(entry, METADATA_NAME) !== NAME) continue;
    const buffers = file.tables(file.root, MODEL_BUFFERS);
    return file.string(buffers[file.uint32(entry, METADATA_BUFFER)] as number, BUFFER_DATA);
  }
  throw new Error(`The model has no ${NAME}. Use a file written by the export_tflite stage.`);
}

function parse(json: any): GanInfo {
  const [height, width, channels] = json.image_shape;
  return {
    latentSize: json.latent_size,
    numClasses: json.num_classes,
    classNames: json.class_names,
    height,
    width,
    channels,
    latentType: json.latent_coding.dtype,
    version: json.version,
  };
}
