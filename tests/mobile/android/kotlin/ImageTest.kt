package forgeline.generator

import org.junit.Assert.assertArrayEquals
import org.junit.Test

class ImageTest {
  @Test
  fun greyIsEqualInAllColours() {
    val image = Image(1, 2, 1, byteArrayOf(0x12, 0xFE.toByte()))
    assertArrayEquals(intArrayOf(0xFF121212.toInt(), 0xFFFEFEFE.toInt()), image.argb())
  }

  @Test
  fun coloursKeepTheirOrder() {
    val image = Image(2, 1, 3, byteArrayOf(1, 2, 3, 0xF1.toByte(), 0xF2.toByte(), 0xF3.toByte()))
    assertArrayEquals(intArrayOf(0xFF010203.toInt(), 0xFFF1F2F3.toInt()), image.argb())
  }
}
