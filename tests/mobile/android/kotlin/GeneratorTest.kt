package forgeline.generator

import java.io.File
import java.io.FilterInputStream
import java.io.IOException
import java.security.MessageDigest
import java.util.concurrent.Callable
import java.util.concurrent.Executors
import java.util.concurrent.TimeUnit
import org.junit.Assert.assertArrayEquals
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

class GeneratorTest {
  @get:Rule val folder = TemporaryFolder()

  @Test
  fun knowsItsShapes() = Generator.open(model).use {
    assertEquals(
      listOf(100, 10, 28, 28, 1),
      listOf(it.latentSize, it.numClasses, it.height, it.width, it.channels),
    )
  }

  @Test
  fun seedStandsForItsLatent() = Generator.open(model).use {
    val image = it.generate(seed = 7, label = 3)
    assertArrayEquals(it.generate(Latents.ofSeed(7, 100), label = 3).pixels, image.pixels)
    assertTrue("label is ignored", !image.pixels.contentEquals(it.generate(7, label = 4).pixels))
  }

  @Test
  fun streamIsReadAndLeavesNoFile() {
    Generator.open(model.inputStream(), folder.root).use { fromStream ->
      assertEquals(emptyList<File>(), folder.root.listFiles()!!.toList())
      val expected = Generator.open(model).use { it.generate(1) }
      assertArrayEquals(expected.pixels, fromStream.generate(1).pixels)
    }
  }

  @Test
  fun streamIsClosedAlsoWhereItsFileCanNotBeMade() {
    var closed = false
    val stream = object : FilterInputStream(model.inputStream()) {
      override fun close() {
        closed = true
        super.close()
      }
    }
    messageOf<IOException> { Generator.open(stream, File(folder.root, "missing")) }
    assertTrue(closed)
  }

  @Test
  fun anyPathWillDo() {
    val file = model.copyTo(File(folder.newFolder("Modèle 数字 \uD83D\uDE00"), "g.tflite"))
    Generator.open(file).close()
  }

  @Test
  fun missingFileIsNamed() {
    val file = File(folder.root, "no \uD83D\uDE00.tflite")
    val message = messageOf<GeneratorException> { Generator.open(file) }
    assertTrue(message, file.path in message)
  }

  @Test
  fun damagedFilesAreRefused() {
    val whole = model.readBytes()
    val damaged = mapOf(
      "empty" to ByteArray(0),
      "half" to whole.copyOf(whole.size / 2),
      "text" to "no model".toByteArray(),
      "zeros" to ByteArray(whole.size),
    )
    for ((name, bytes) in damaged) {
      val file = folder.newFile(name).apply { writeBytes(bytes) }
      val message = messageOf<GeneratorException> { Generator.open(file) }
      assertTrue(message, message.isNotBlank() && '\n' !in message)
    }
  }

  @Test
  fun otherFileThanExpectedIsRefused() {
    val other = "0".repeat(64)
    val message = messageOf<GeneratorException> { Generator.open(model, sha256 = other) }
    assertTrue(message, other in message)
  }

  @Test
  fun labelOutOfRangeIsRefused() = Generator.open(model).use { generator ->
    for (label in listOf(-1, 10)) {
      val message = messageOf<GeneratorException> { generator.generate(seed = 0, label) }
      assertTrue(message, "$label" in message)
    }
  }

  @Test
  fun latentOfAnotherSizeIsRefused() = Generator.open(model).use { generator ->
    val message = messageOf<IllegalArgumentException> { generator.generate(FloatArray(99)) }
    assertTrue(message, "99" in message && "100" in message)
  }

  @Test
  fun closedGeneratorSaysSo() {
    val generator = Generator.open(model)
    generator.close()
    generator.close()
    val message = messageOf<IllegalStateException> { generator.generate(seed = 0) }
    assertTrue(message, "closed" in message)
  }

  @Test
  fun threadsTakeTurns() = Generator.open(model).use { generator ->
    val expected = List(20) { generator.generate(it.toLong()).pixels }
    inThreads(4) { expected.indices.map { generator.generate(it.toLong()).pixels } }
      .forEach { made ->
        expected.zip(made).forEach { (wanted, pixels) -> assertArrayEquals(wanted, pixels) }
      }
  }

  @Test
  fun closeWaitsForAPictureInTheMaking() {
    repeat(20) {
      val generator = Generator.open(model)
      inThreads(3) { thread ->
        if (thread == 0) generator.close()
        else messageOf<IllegalStateException> { while (true) generator.generate(seed = 0) }
      }
    }
  }

  @Test
  fun closeFreesWhatOpenTook() = assertNoGrowth {
    Generator.open(model).use { it.generate(seed = 0) }
  }

  @Test
  fun refusalFreesWhatItTook() {
    val text = folder.newFile().apply { writeText("no model".repeat(50_000)) }
    val digest = MessageDigest.getInstance("SHA-256").digest(text.readBytes()).toHexString()
    assertNoGrowth {
      val message = messageOf<GeneratorException> { Generator.open(text, digest) }
      assertTrue(message, "LiteRT does not take" in message)
    }
  }

  /** 300 files of the size here, if none were freed, would be 10 times the limit. */
  private fun assertNoGrowth(work: () -> Unit) {
    repeat(50) { work() }
    val before = residentKilobytes()
    repeat(300) { work() }
    val growth = residentKilobytes() - before
    assertTrue("$growth kB more", growth < 12_000)
  }

  private fun <T> inThreads(count: Int, work: (Int) -> T): List<T> {
    val threads = Executors.newFixedThreadPool(count)
    try {
      val results = threads.invokeAll(List(count) { Callable { work(it) } }, 60, TimeUnit.SECONDS)
      return results.map { it.get() }
    } finally {
      threads.shutdownNow()
    }
  }

  private fun residentKilobytes(): Long =
    File("/proc/self/status").readLines().first { it.startsWith("VmRSS:") }
      .filter(Char::isDigit).toLong()
}
