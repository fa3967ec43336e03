// A model whose pixels are the bytes of its inputs: what reached it can be read from the picture.

import {asGenerator} from './generator.js';
import {selfTest} from './selfTest.js';

const memory = new ArrayBuffer(12);

function model(latentType, outputType, inputs) {
  return {
    inputs: inputs ?? [
      {name: 'latent', dataType: latentType, shape: [1, 2]},
      {name: 'label', dataType: 'int32', shape: [1]},
    ],
    outputs: [{name: 'pixels', dataType: outputType, shape: [1, 1, 3, 4]}],
    runSync(given) {
      const bytes = given.flatMap((buffer) => [...new Uint8Array(buffer)]);
      new Uint8Array(memory).fill(0);
      new Uint8Array(memory).set(bytes);
      return [memory];
    },
  };
}

function told({height, width, channels, pixels}) {
  const latent = [...new Float32Array(pixels.buffer, 0, 2)];
  return {height, width, channels, label: new Int32Array(pixels.buffer)[2], latent};
}

function refusal(action) {
  try {
    action();
    return 'none';
  } catch (error) {
    return error.message;
  }
}

const base64 = (array) => Buffer.from(array.buffer).toString('base64');

/** Whether the test passes, where one level of the last picture is so much less. */
function tested(less, allowed, file = 'any.tflite', pictures = 2) {
  const latents = Float32Array.of(1, 2, 3, 4);
  const labels = [5, 9];
  const pixels = Uint8Array.from(
    labels.flatMap((label, i) => [...generator.generate(latents.slice(2 * i, 2 * i + 2), label).pixels]),
  ).slice(0, 12 * pictures);
  if (pictures === 2) pixels[20] -= less;
  const models = {'any.tflite': {pixels: base64(pixels), max_level_difference: allowed}};
  return selfTest(generator, {latents: base64(latents), labels, models}, file);
}

const generator = asGenerator(model('float32', 'uint8'));
const whole = Float32Array.of(9, 0.5, -2, 9);
const first = generator.generate(whole.subarray(1, 3), 7);
const second = generator.generate(Float32Array.of(3, 4), 1);
const unlabelled = asGenerator(
  model('float32', 'uint8', [{name: 'latent', dataType: 'float32', shape: [1, 2]}]),
).generate(Float32Array.of(3, 4), NaN);
const answer = {
  latentSize: generator.latentSize,
  hasLabel: generator.hasLabel,
  first: told(first),
  second: told(second),
  unlabelled: told(unlabelled).latent,
  tests: [tested(0, 0), tested(1, 0), tested(1, 1), tested(2, 1), tested(0, 0, undefined, 1)],
  refusals: [
    refusal(() => generator.generate(new Float32Array(3))),
    refusal(() => asGenerator(model('int8', 'int8'))),
    ...[NaN, 1.5, 2 ** 32].map((label) =>
      refusal(() => generator.generate(new Float32Array(2), label)),
    ),
    refusal(() => tested(0, 0, 'other.tflite')),
  ],
};
console.log(JSON.stringify(answer));
