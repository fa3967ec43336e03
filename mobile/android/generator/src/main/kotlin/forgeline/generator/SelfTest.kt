package forgeline.generator

import kotlin.math.abs

/** How far a device's pictures are from the golden ones, in grey levels of 0..255. */
data class SelfTestResult(
  val numSamples: Int,
  val worstLevelDifference: Int,
  val maxLevelDifference: Int, // the most that golden.json allows
) {
  val passed get() = worstLevelDifference <= maxLevelDifference
}

/**
 * Replays the golden samples on this device.
 *
 * @param generator the model that [golden] was read for.
 */
fun selfTest(generator: Generator, golden: Golden): SelfTestResult {
  val differences = golden.latents.indices.map { i ->
    val made = generator.generate(golden.latents[i], golden.labels[i]).pixels
    worstDifference(made, golden.pixels[i])
  }
  return SelfTestResult(golden.latents.size, differences.max(), golden.maxLevelDifference)
}

private fun worstDifference(made: ByteArray, expected: ByteArray): Int {
  require(made.size == expected.size) {
    "the model makes ${made.size} bytes, golden.json has ${expected.size} (selfTest). " +
      "Take both from one bundle."
  }
  return made.indices.maxOf { abs((made[it].toInt() and 0xFF) - (expected[it].toInt() and 0xFF)) }
}
