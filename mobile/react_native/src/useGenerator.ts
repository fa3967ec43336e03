/** A forgeline generator in a React component, through react-native-fast-tflite. */

import {useMemo} from 'react';
import {type ModelSource, useTensorflowModel} from 'react-native-fast-tflite';
import {asGenerator, type Generator} from './generator';

export type {Generator, Picture} from './generator';
export {type Golden, selfTest} from './selfTest';

export type GeneratorState =
  | {readonly state: 'loading'}
  | {readonly state: 'error'; readonly error: Error}
  | {readonly state: 'ready'; readonly generator: Generator};

/**
 * Loads a generator, on the CPU.
 *
 * @param source `require('./generator.tflite')`, or an object with the file's `url` that stays the
 *   same object between renders.
 */
export function useGenerator(source: ModelSource): GeneratorState {
  const loaded = useTensorflowModel(source, []);
  return useMemo(() => {
    if (loaded.state !== 'loaded') return loaded;
    try {
      return {state: 'ready', generator: asGenerator(loaded.model)};
    } catch (error) {
      return {state: 'error', error: error as Error};
    }
  }, [loaded]);
}
