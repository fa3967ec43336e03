package forgeline.sample

import android.app.Activity
import android.os.Bundle
import forgeline.generator.Generator
import forgeline.generator.Image
import forgeline.generator.openRight
import java.util.concurrent.Executors

/**
 * Opens the model among the assets that is right on this device, and shows the pictures asked for.
 *
 * Compiled, but never run where forgeline is tested.
 */
class MainActivity : Activity() {
  private val worker = Executors.newSingleThreadExecutor()
  private lateinit var screen: Screen
  private var generator: Generator? = null // touched by the worker alone

  override fun onCreate(savedInstanceState: Bundle?) {
    super.onCreate(savedInstanceState)
    screen = Screen(this, onRequest = ::generate)
    setContentView(screen.view)
    inBackground(::start)
  }

  override fun onDestroy() {
    worker.execute { generator?.close() }
    worker.shutdown()
    super.onDestroy()
  }

  private fun start() {
    val golden = assets.open("golden.json").use { it.reader().readText() }
    val file = openRight(golden, cacheDir, read = assets::open)
    generator = file.generator
    val result = file.result
    runOnUiThread {
      screen.showLabels(file.generator.numClasses)
      screen.showStatus(
        "Self-test passed with ${file.name}: ${result.numSamples} pictures, " +
          "at most ${result.worstLevelDifference} of 255 levels off " +
          "(${result.maxLevelDifference} allowed)",
      )
    }
    show(file.generator.generate(seed = 0))
  }

  private fun generate(seed: Long, label: Int) = inBackground {
    generator?.let { show(it.generate(seed, label)) }
  }

  private fun show(image: Image) = runOnUiThread { screen.showPicture(image) }

  /** What goes wrong is shown instead of a status: both messages say how to mend it. */
  private fun inBackground(work: () -> Unit) = worker.execute {
    try {
      work()
    } catch (error: Exception) {
      runOnUiThread { screen.showStatus(error.toString()) }
    }
  }
}
