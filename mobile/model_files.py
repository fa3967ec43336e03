"""Names of a bundle's model files and their signature; `mobile.convert` tells what is in each."""

MAIN = 'generator.tflite'
I8 = 'generator_i8.tflite'
F32 = 'generator_f32.tflite'
F16 = 'generator_f16.tflite'

SIGNATURE = 'generate'
