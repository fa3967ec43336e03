package forgeline.generator

/**
 * gan_generator.h, function by function; gan_generator_jni.c is the other side.
 *
 * Texts cross as UTF-8 bytes: JNI's own strings are of another encoding, in which a path or a
 * message with an emoji ends the process.
 */
internal object Native {
  init {
    System.loadLibrary("gan_generator_jni")
  }

  /** A handle, or 0 on error; the texts end in a zero byte. */
  @JvmStatic external fun open(path: ByteArray, sha256: ByteArray?, numThreads: Int): Long

  /** Latent size, classes, height, width, channels. */
  @JvmStatic external fun info(handle: Long): IntArray

  @JvmStatic
  external fun generate(handle: Long, latent: FloatArray, label: Int, pixels: ByteArray): Boolean

  @JvmStatic external fun close(handle: Long)

  /** What went wrong in this thread's last call. */
  @JvmStatic external fun lastError(): ByteArray
}
