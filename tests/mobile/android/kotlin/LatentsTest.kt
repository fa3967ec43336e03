package forgeline.generator

import java.io.File
import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.junit.Assert.assertArrayEquals
import org.junit.Test

class LatentsTest {
  /** The file holds, for each seed, the seed (int64) and what Python makes of it (float32 x 100). */
  @Test
  fun areThoseOfPythonBitForBit() {
    val file = ByteBuffer.wrap(File(System.getProperty("latents")).readBytes())
    file.order(ByteOrder.LITTLE_ENDIAN)
    while (file.hasRemaining()) {
      val seed = file.getLong()
      val expected = IntArray(100) { file.getInt() }
      val made = Latents.ofSeed(seed, 100)
      assertArrayEquals("seed $seed", expected, IntArray(100) { made[it].toRawBits() })
    }
  }
}
