package forgeline.generator

/** Grey levels, or red, green and blue: [height] x [width] x [channels] bytes, from the top left. */
class Image(val height: Int, val width: Int, val channels: Int, val pixels: ByteArray) {
  /** Opaque colours, for `Bitmap.createBitmap(argb(), width, height, Bitmap.Config.ARGB_8888)`. */
  fun argb(): IntArray = IntArray(height * width) { pixel ->
    val first = pixel * channels
    val last = first + channels - 1
    rgb(level(first), level(minOf(first + 1, last)), level(last))
  }

  private fun level(index: Int) = pixels[index].toInt() and 0xFF

  private fun rgb(red: Int, green: Int, blue: Int) =
    (0xFF shl 24) or (red shl 16) or (green shl 8) or blue
}
