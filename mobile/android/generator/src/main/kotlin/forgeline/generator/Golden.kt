package forgeline.generator

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlin.io.encoding.Base64
import org.json.JSONObject

/** What one model file must make of latents (and labels): its part of the bundle's golden.json. */
class Golden(
  val sha256: String, // of the model file
  val latents: List<FloatArray>,
  val labels: List<Int>, // zeros for a model that takes none
  val pixels: List<ByteArray>,
  val maxLevelDifference: Int,
) {
  companion object {
    /**
     * Reads golden.json.
     *
     * @param json the file's text.
     * @param model the model file's name in the bundle.
     * @throws IllegalArgumentException if the text is damaged or doesn't know the model.
     */
    fun parse(json: String, model: String = "generator.tflite"): Golden =
      try {
        parse(JSONObject(json), model)
      } catch (error: Exception) {
        throw IllegalArgumentException(
          "golden.json has no samples for $model: ${error.message} (Golden.parse). " +
            "Copy golden.json and $model again, from one bundle.",
          error,
        )
      }

    private fun parse(golden: JSONObject, model: String): Golden {
      val expected = golden.getJSONObject("models").getJSONObject(model)
      val latents = floats(Base64.decode(golden.getString("latents")))
        .asIterable().chunked(golden.getInt("latent_size")) { it.toFloatArray() }
      val shape = golden.getJSONArray("image_shape")
      val imageSize = shape.getInt(0) * shape.getInt(1) * shape.getInt(2)
      val pixels = Base64.decode(expected.getString("pixels"))
      require(latents.isNotEmpty() && pixels.size == latents.size * imageSize) {
        "${latents.size} latents, ${pixels.size} bytes of pictures"
      }
      val labels = golden.optJSONArray("labels")
      return Golden(
        sha256 = expected.getString("sha256"),
        latents = latents,
        labels = latents.indices.map { labels?.getInt(it) ?: 0 },
        pixels = latents.indices.map { pixels.copyOfRange(it * imageSize, (it + 1) * imageSize) },
        maxLevelDifference = expected.getInt("max_level_difference"),
      )
    }

    private fun floats(bytes: ByteArray): FloatArray {
      val buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer()
      return FloatArray(buffer.remaining()).also(buffer::get)
    }
  }
}
