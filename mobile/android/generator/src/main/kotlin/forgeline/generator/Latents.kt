package forgeline.generator

/**
 * Latents from seeds, the same bits as forgeline's server and Python code (`pipeline/latents.py`).
 *
 * An integer hash of the seed's words and a coordinate's number chooses one of 4,096 quantiles of
 * the standard normal distribution.
 */
object Latents {
  private const val TABLE_BITS = 12
  private const val GOLDEN_RATIO = 0x9E3779B9.toInt() // 2^32 / phi

  private val table: FloatArray by lazy {
    val size = 1 shl TABLE_BITS
    FloatArray(size) { normalQuantile((it + 0.5) / size).toFloat() }
  }

  /** The latent that [seed] stands for: [latentSize] values. */
  fun ofSeed(seed: Long, latentSize: Int): FloatArray {
    val low = seed.toInt()
    val high = (seed ushr 32).toInt()
    val key = mix(low + mix(high + GOLDEN_RATIO))
    val secondKey = mix(high + mix(low + key))
    return FloatArray(latentSize) { coordinate ->
      val word = mix(mix((coordinate + 1) * GOLDEN_RATIO + key) + secondKey)
      table[word ushr (32 - TABLE_BITS)]
    }
  }

  /**
   * A bijection of 32-bit words in which each input bit flips each output bit half the time.
   *
   * Source: "lowbias32", Wellons 2018, https://nullprogram.com/blog/2018/07/31/.
   */
  private fun mix(word: Int): Int {
    var x = word
    x = (x xor (x ushr 16)) * 0x7FEB352D
    x = (x xor (x ushr 15)) * 0x846CA68B.toInt()
    return x xor (x ushr 16)
  }
}
