package forgeline.generator

import java.io.File
import java.io.InputStream

/** The native library refused; the message is one line: what, where, how to mend. */
class GeneratorException(message: String) : RuntimeException(message)

/**
 * A `.tflite` file of the bundle as a function from latents to pictures, run by LiteRT.
 *
 * Any thread may call it: calls on one generator take turns, generators don't wait for each other.
 * It holds native memory until [close].
 */
class Generator private constructor(private var handle: Long) : AutoCloseable {
  val latentSize: Int
  val numClasses: Int // 0: takes no label
  val height: Int
  val width: Int
  val channels: Int

  init {
    val info = Native.info(handle)
    latentSize = info[0]
    numClasses = info[1]
    height = info[2]
    width = info[3]
    channels = info[4]
  }

  /**
   * The picture of a seed, from the latent that forgeline's server gives this seed.
   *
   * @param label class in 0 until [numClasses]; ignored by a model that takes none.
   */
  fun generate(seed: Long, label: Int = 0): Image =
    generate(Latents.ofSeed(seed, latentSize), label)

  /**
   * The picture of a latent.
   *
   * @param latent [latentSize] values, standard normal.
   * @throws GeneratorException for a label that the model doesn't have.
   * @throws IllegalArgumentException for a latent of another size.
   * @throws IllegalStateException after [close].
   */
  @Synchronized
  fun generate(latent: FloatArray, label: Int = 0): Image {
    check(handle != 0L) {
      "the generator is closed (Generator.generate). Open the file again with Generator.open."
    }
    require(latent.size == latentSize) {
      "latent has ${latent.size} values, the model takes $latentSize (Generator.generate). " +
        "Pass latentSize values."
    }
    val pixels = ByteArray(height * width * channels)
    if (!Native.generate(handle, latent, label, pixels)) throw lastError()
    return Image(height, width, channels, pixels)
  }

  /** Frees the native memory; further calls do nothing. */
  @Synchronized
  override fun close() {
    Native.close(handle)
    handle = 0
  }

  companion object {
    /**
     * Opens a model file.
     *
     * @param sha256 64 hexadecimal digits that the file must have, such as [Golden.sha256].
     * @param numThreads 0 leaves the choice to LiteRT.
     * @throws GeneratorException if the file is missing, damaged or no generator.
     */
    fun open(file: File, sha256: String? = null, numThreads: Int = 0): Generator {
      val handle = Native.open(zeroTerminated(file.path), sha256?.let(::zeroTerminated), numThreads)
      if (handle == 0L) throw lastError()
      return Generator(handle)
    }

    /**
     * Opens a model that isn't a file, such as `assets.open("generator.tflite")`.
     *
     * @param stream read to its end and closed.
     * @param folder where the model lies while it is opened, such as `cacheDir`.
     * @throws IOException if the stream can't be read, or the folder is full or missing.
     */
    fun open(
      stream: InputStream,
      folder: File,
      sha256: String? = null,
      numThreads: Int = 0,
    ): Generator = stream.use { input ->
      val file = File.createTempFile("generator", ".tflite", folder)
      try {
        file.outputStream().use(input::copyTo)
        open(file, sha256, numThreads)
      } finally {
        file.delete()
      }
    }

    private fun zeroTerminated(text: String) = "$text\u0000".toByteArray()

    private fun lastError() = GeneratorException(Native.lastError().toString(Charsets.UTF_8))
  }
}
