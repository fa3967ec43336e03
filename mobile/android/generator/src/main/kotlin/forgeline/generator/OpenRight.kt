package forgeline.generator

import java.io.File
import java.io.InputStream

/** A file of the bundle that makes its golden pictures on this device. */
class RightFile(val name: String, val generator: Generator, val result: SelfTestResult)

/**
 * Opens the first of a bundle's files that passes its self-test on this device: some processors
 * compute integers wrongly, and floating point rightly.
 *
 * @param golden the text of golden.json.
 * @param folder where a file lies while it is opened, such as `cacheDir`.
 * @param read gives a file's bytes, such as `assets::open`.
 * @throws GeneratorException if none passes.
 */
fun openRight(
  golden: String,
  folder: File,
  names: List<String> = listOf("generator.tflite", "generator_f16.tflite"),
  read: (String) -> InputStream,
): RightFile {
  val failures = names.map { name ->
    val expected = Golden.parse(golden, name)
    val generator = Generator.open(read(name), folder, expected.sha256)
    val result = resultOrClose(generator, expected)
    if (result.passed) return RightFile(name, generator, result)
    generator.close()
    "$name by ${result.worstLevelDifference} levels (${result.maxLevelDifference} allowed)"
  }
  throw GeneratorException(
    "this device fails the self-test with ${failures.joinToString(" and with ")} (openRight). " +
      "Show none of its pictures.",
  )
}

private fun resultOrClose(generator: Generator, golden: Golden): SelfTestResult =
  try {
    selfTest(generator, golden)
  } catch (error: Throwable) {
    generator.close()
    throw error
  }
