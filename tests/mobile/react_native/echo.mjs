// A model whose pixels are the bytes of its inputs: what reached it can be read from the picture.

import {asGenerator} from './generator.js';

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
  refusals: [
    refusal(() => generator.generate(new Float32Array(3))),
    refusal(() => asGenerator(model('int8', 'int8'))),
    ...[NaN, 1.5, 2 ** 32].map((label) =>
      refusal(() => generator.generate(new Float32Array(2), label)),
    ),
  ],
};
console.log(JSON.stringify(answer));
