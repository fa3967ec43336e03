/** A generator: a .tflite file as a function from latents to pixels, run by LiteRT in WebAssembly. */

import {type CompiledModel, getWebGpuDevice, loadAndCompile, Tensor} from '@litertjs/core';
import {type GanInfo, isTflite, readGanInfo} from './ganInfo.js';
import {latentFromSeed} from './latents.js';
import {loadRuntime} from './runtime.js';
import {isWhole} from './seal.js';

export type Accelerator = 'wasm' | 'webgpu';

export interface OpenOptions {
  /** Folder or URL with the files of `@litertjs/core/wasm`; 'runtime/' beside the page. */
  readonly runtimeUrl?: string;
  /** 'wasm' is exact and always there. Test 'webgpu' with `selfTest` before you trust it. */
  readonly accelerator?: Accelerator;
}

export class Generator {
  readonly info: GanInfo;
  /** Of the model file, as golden.json has it. */
  readonly fileName: string;
  readonly accelerator: Accelerator;
  readonly modelBytes: Uint8Array<ArrayBuffer>;
  private readonly model: CompiledModel;

  private constructor(
    modelBytes: Uint8Array<ArrayBuffer>,
    fileName: string,
    accelerator: Accelerator,
    model: CompiledModel,
  ) {
    this.info = readGanInfo(modelBytes);
    this.fileName = fileName;
    this.accelerator = accelerator;
    this.modelBytes = modelBytes;
    this.model = model;
  }

  /**
   * Opens a model with float32 latents and uint8 pixels: any of a bundle's but generator_i8.tflite.
   *
   * @throws Error if there is no such file, it is damaged or no forgeline model, or there is no
   *   WebGPU for it.
   */
  static async open(modelUrl: string | URL, options: OpenOptions = {}): Promise<Generator> {
    const [bytes] = await Promise.all([fetchBytes(modelUrl), loadRuntime(options.runtimeUrl)]);
    const fileName = String(modelUrl)
      .replace(/[?#].*/, '')
      .replace(/.*\//, '');
    return Generator.compile(bytes, fileName, options.accelerator ?? 'wasm');
  }

  /**
   * Makes one picture. Wait for it before you ask for the next.
   *
   * @param latent its values, or a seed that stands for them.
   * @param label from 0 to numClasses - 1; ignored by a model without labels.
   * @returns grey levels or colours, row by row: [height, width, channels].
   * @throws RangeError if the latent or the label doesn't fit the model.
   */
  async generate(latent: Float32Array | bigint, label = 0): Promise<Uint8Array> {
    const values =
      typeof latent === 'bigint' ? latentFromSeed(latent, this.info.latentSize) : latent;
    this.check(values, label);
    const inputs: Record<string, Tensor> = {latent: new Tensor(values, [1, values.length])};
    if (this.info.numClasses) inputs.label = new Tensor(Int32Array.of(label), [1]);
    const tensors = Object.values(inputs);
    try {
      const outputs = await this.model.run(inputs);
      tensors.push(...Object.values(outputs));
      return (await (outputs.pixels as Tensor).data()) as Uint8Array;
    } finally {
      for (const tensor of tensors) tensor.delete();
    }
  }

  close(): void {
    this.model.delete();
  }

  private check(latent: Float32Array, label: number): void {
    const {latentSize, numClasses} = this.info;
    if (latent.length !== latentSize) {
      throw new RangeError(
        `The latent has ${latent.length} values. This model takes ${latentSize}.`,
      );
    }
    if (numClasses && !(Number.isInteger(label) && label >= 0 && label < numClasses)) {
      throw new RangeError(`Label ${label} is unknown. This model has 0 to ${numClasses - 1}.`);
    }
  }

  private static async compile(
    bytes: Uint8Array<ArrayBuffer>,
    fileName: string,
    accelerator: Accelerator,
  ): Promise<Generator> {
    // First: LiteRT would abort on a file that is no model, and run some that are damaged.
    if (isTflite(bytes) && !(await isWhole(bytes))) {
      throw new Error(
        `${fileName} is damaged: its digest is not the one at its end. Load it again.`,
      );
    }
    const {latentType} = readGanInfo(bytes);
    if (latentType !== 'float32') {
      throw new Error(
        `${fileName} takes ${latentType}, which LiteRT.js can't pass. Use generator.tflite.`,
      );
    }
    if (accelerator === 'webgpu' && !getWebGpuDevice()) {
      throw new Error("This browser has no WebGPU device. Open the model with 'wasm'.");
    }
    const model = await loadAndCompile(bytes, {accelerator}).catch(cause => {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`LiteRT does not take ${fileName}: ${reason} Is it damaged? Load it again.`, {
        cause,
      });
    });
    return new Generator(bytes, fileName, model.options.accelerator as Accelerator, model);
  }
}

async function fetchBytes(url: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} could not be loaded: HTTP ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}
