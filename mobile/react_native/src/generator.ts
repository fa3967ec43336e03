/** A loaded model as a function from latents to pixels. */

import type {Tensor, TfliteModel} from 'react-native-fast-tflite';

export interface Picture {
  readonly height: number;
  readonly width: number;
  /** 1 is grey, 3 is red, green and blue. */
  readonly channels: number;
  /** Levels from 0 to 255, row by row: [height, width, channels]. */
  readonly pixels: Uint8Array;
}

export interface Generator {
  /** How many numbers a latent has. Draw them from the standard normal distribution. */
  readonly latentSize: number;
  /** Whether the model takes a label; README.md of the bundle says which. */
  readonly hasLabel: boolean;
  /**
   * Makes one picture, in a fraction of a millisecond on the thread that calls.
   *
   * @param label ignored by a model without labels.
   * @throws Error if the latent has another size, or the model has no such label.
   */
  generate(latent: Float32Array, label?: number): Picture;
}

/**
 * The generator in a model.
 *
 * @throws Error if the model doesn't take float32 latents and make uint8 pixels.
 */
export function asGenerator(model: TfliteModel): Generator {
  const {inputs, outputs} = model;
  const latentInput = inputs.find(({dataType}) => dataType === 'float32');
  const labelInput = inputs.find(({dataType}) => dataType === 'int32');
  const known = [latentInput, labelInput].filter((tensor) => tensor !== undefined);
  const [output] = outputs;
  const [, height, width, channels] = output?.shape ?? [];
  if (
    latentInput?.shape.length !== 2 ||
    known.length !== inputs.length ||
    output?.dataType !== 'uint8' ||
    !(height && width && channels)
  ) {
    throw new Error(
      `This model takes ${types(inputs)} and makes ${types(outputs)} (useGenerator).` +
        " Use a bundle's generator.tflite.",
    );
  }
  const latentSize = latentInput.shape[1] ?? 0;

  const generate = (latent: Float32Array, label = 0): Picture => {
    // The library ignores values of another size without a word, and draws the last picture again.
    if (latent.length !== latentSize) {
      throw new Error(
        `The latent has ${latent.length} values, the model takes ${latentSize} (useGenerator).`,
      );
    }
    const label32 = Int32Array.of(label); // makes 0 of NaN and 1 of 1.5, without a word
    if (labelInput && label32[0] !== label) {
      throw new Error(`The label is ${label}, the model takes an int32 (useGenerator).`);
    }
    const values = inputs.map((tensor) =>
      tensor === labelInput ? label32.buffer : latent.slice().buffer,
    );
    const [made] = model.runSync(values);
    if (!made) throw new Error('The model made nothing (useGenerator).');
    // The library writes the next picture into the same memory.
    return {height, width, channels, pixels: new Uint8Array(made).slice()};
  };

  return {latentSize, hasLabel: labelInput !== undefined, generate};
}

function types(tensors: readonly Tensor[]): string {
  return tensors.map(({dataType, shape}) => `${dataType} [${shape}]`).join(', ');
}
