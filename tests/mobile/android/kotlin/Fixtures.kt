package forgeline.generator

import java.io.File

/** The bundle that the caller of Maven names. */
internal val bundle = File(System.getProperty("bundle"))
internal val model = File(bundle, "generator.tflite")
internal val goldenText = File(bundle, "golden.json").readText()

/** The message of the exception, of the type asked for, that [block] ends in. */
internal inline fun <reified T : Throwable> messageOf(block: () -> Unit): String {
  try {
    block()
  } catch (error: Throwable) {
    return (error as? T ?: throw error).message!!
  }
  throw AssertionError("nothing was thrown")
}
