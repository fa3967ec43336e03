/** Images from a forgeline generator, in a browser. */

export {type GanInfo, readGanInfo} from './ganInfo.js';
export {type Accelerator, Generator, type OpenOptions} from './generator.js';
export {toImageData} from './imageData.js';
export {interpolate} from './interpolate.js';
export {latentFromSeed} from './latents.js';
export {openRight} from './openRight.js';
export {type Golden, type SelfTestResult, selfTest} from './selfTest.js';
export {openOnWebGpu} from './webGpu.js';
