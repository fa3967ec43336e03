package forgeline.generator

import java.io.File
import kotlin.io.encoding.Base64
import org.json.JSONObject
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

class OpenRightTest {
  @get:Rule val folder = TemporaryFolder()

  @Test
  fun integersAreTakenWhereTheyAreRight() {
    val file = open(goldenText)
    file.generator.use { assertEquals("generator.tflite", file.name) }
  }

  @Test
  fun floatsAreTakenWhereIntegersAreWrong() {
    val file = open(spoiled("generator.tflite"))
    assertEquals("generator_f16.tflite", file.name)
    assertTrue(file.result.passed)
    val wanted = Generator.open(File(bundle, file.name)).use { it.generate(seed = 7) }
    file.generator.use { assertArrayEquals(wanted.pixels, it.generate(seed = 7).pixels) }
  }

  @Test
  fun nothingIsTakenWhereBothAreWrong() {
    val message = messageOf<GeneratorException> {
      open(spoiled("generator.tflite", "generator_f16.tflite"))
    }
    for (name in listOf("generator.tflite", "generator_f16.tflite")) {
      assertTrue(message, "$name by" in message)
    }
  }

  private fun open(golden: String) =
    openRight(golden, folder.root) { File(bundle, it).inputStream() }

  /** With the pictures of these files upside down. */
  private fun spoiled(vararg names: String): String {
    val golden = JSONObject(goldenText)
    val models = golden.getJSONObject("models")
    for (name in names) {
      val pixels = Base64.decode(models.getJSONObject(name).getString("pixels"))
      models.getJSONObject(name).put("pixels", Base64.encode(pixels.reversedArray()))
    }
    return golden.toString()
  }
}
