package forgeline.generator

import java.io.File
import org.json.JSONObject
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertTrue
import org.junit.Test

class SelfTestTest {
  @Test
  fun picturesAreTheGoldenOnesToTheByte() {
    val golden = Golden.parse(goldenText)
    val result = Generator.open(model, golden.sha256).use { selfTest(it, golden) }
    assertEquals(SelfTestResult(16, worstLevelDifference = 0, maxLevelDifference = 0), result)
    assertTrue(result.passed)
  }

  @Test
  fun eachModelOfTheBundleKeepsItsPromise() {
    for (name in JSONObject(goldenText).getJSONObject("models").keys()) {
      val golden = Golden.parse(goldenText, name)
      val result = Generator.open(File(bundle, name), golden.sha256).use { selfTest(it, golden) }
      assertTrue("$name: $result", result.passed)
    }
  }

  @Test
  fun onePixelOffIsSeen() {
    val golden = Golden.parse(goldenText)
    val pixel = golden.pixels[15][300].toInt() and 0xFF
    golden.pixels[15][300] = (if (pixel > 127) pixel - 3 else pixel + 3).toByte()
    val result = Generator.open(model).use { selfTest(it, golden) }
    assertEquals(3, result.worstLevelDifference)
    assertFalse(result.passed)
  }

  @Test
  fun goldenOfAnotherModelIsRefused() {
    val message = messageOf<IllegalArgumentException> { Golden.parse(goldenText, "other.tflite") }
    assertTrue(message, "other.tflite" in message && "Copy golden.json" in message)
  }

  @Test
  fun damagedGoldenIsRefused() {
    val pixels = JSONObject(goldenText).getJSONObject("models").getJSONObject(model.name)
      .getString("pixels")
    val damaged = listOf(
      goldenText.take(goldenText.length / 2),
      goldenText.replace(pixels, pixels.take(400)),
      goldenText.replace(pixels, "no base64!"),
      goldenText.replace(JSONObject(goldenText).getString("latents"), ""),
      "{}",
    )
    for (text in damaged) {
      val message = messageOf<IllegalArgumentException> { Golden.parse(text) }
      assertTrue(message, message.startsWith("golden.json"))
    }
  }
}
