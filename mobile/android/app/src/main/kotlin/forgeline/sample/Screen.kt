package forgeline.sample

import android.app.Activity
import android.graphics.Bitmap
import android.graphics.drawable.BitmapDrawable
import android.text.InputType
import android.view.View
import android.widget.ArrayAdapter
import android.widget.Button
import android.widget.EditText
import android.widget.ImageView
import android.widget.LinearLayout
import android.widget.LinearLayout.LayoutParams
import android.widget.Spinner
import android.widget.TextView
import forgeline.generator.Image

/** A label, a seed, the picture, and what the self-test said. Compiled, but never seen. */
class Screen(private val activity: Activity, private val onRequest: (Long, Int) -> Unit) {
  private val labels = Spinner(activity).apply {
    contentDescription = "Label"
    visibility = View.GONE
  }
  private val seed = EditText(activity).apply {
    hint = "Seed"
    inputType = InputType.TYPE_CLASS_NUMBER or InputType.TYPE_NUMBER_FLAG_SIGNED
    setText("0")
  }
  private val picture = ImageView(activity).apply { contentDescription = "Generated picture" }
  private val status = TextView(activity).apply { text = "Self-test runs" }
  private val button = Button(activity).apply {
    text = "Generate"
    setOnClickListener { request() }
  }

  val view: View = LinearLayout(activity).apply {
    orientation = LinearLayout.VERTICAL
    fitsSystemWindows = true
    for (part in listOf(labels, seed, button)) addView(part)
    addView(picture, LayoutParams(LayoutParams.MATCH_PARENT, 0, 1f))
    addView(status)
  }

  fun showLabels(numClasses: Int) {
    if (numClasses == 0) return
    val names = List(numClasses) { it.toString() }
    labels.adapter = ArrayAdapter(activity, android.R.layout.simple_spinner_dropdown_item, names)
    labels.visibility = View.VISIBLE
  }

  fun showPicture(image: Image) {
    val bitmap =
      Bitmap.createBitmap(image.argb(), image.width, image.height, Bitmap.Config.ARGB_8888)
    val drawable = BitmapDrawable(activity.resources, bitmap)
    drawable.setFilterBitmap(false) // sharp pixels
    picture.setImageDrawable(drawable)
  }

  fun showStatus(text: String) {
    status.text = text
  }

  private fun request() {
    val number = seed.text.toString().toLongOrNull()
    if (number == null) {
      showStatus("Seed is no whole number of at most 64 bits: ${seed.text}")
      return
    }
    onRequest(number, maxOf(labels.selectedItemPosition, 0))
  }
}
