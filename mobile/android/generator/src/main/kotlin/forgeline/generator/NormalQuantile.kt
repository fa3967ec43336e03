package forgeline.generator

import kotlin.math.abs

/**
 * The standard normal quantile of [p], for p between 2e-11 and 1 - 2e-11, to about 16 digits.
 *
 * Source: Wichura 1988, algorithm AS 241 (PPND16), https://doi.org/10.2307/2347330, without its
 * branch for the far tails. `StrictMath` makes it the same bits on every machine.
 */
internal fun normalQuantile(p: Double): Double {
  val q = p - 0.5
  if (abs(q) <= 0.425) {
    val r = 0.180625 - q * q
    return polynomial(CENTRE_NUMERATOR, r) * q / polynomial(CENTRE_DENOMINATOR, r)
  }
  val r = StrictMath.sqrt(-StrictMath.log(minOf(p, 1 - p))) - 1.6
  val x = polynomial(TAIL_NUMERATOR, r) / polynomial(TAIL_DENOMINATOR, r)
  return if (q < 0) -x else x
}

/** Horner's rule; the coefficients begin with the highest power's. */
private fun polynomial(coefficients: DoubleArray, x: Double): Double =
  coefficients.fold(0.0) { sum, coefficient -> sum * x + coefficient }

private val CENTRE_NUMERATOR = doubleArrayOf(
  2509.0809287301227,
  33430.57558358813,
  67265.7709270087,
  45921.95393154987,
  13731.69376550946,
  1971.5909503065513,
  133.14166789178438,
  3.3871328727963665,
)
private val CENTRE_DENOMINATOR = doubleArrayOf(
  5226.495278852854,
  28729.085735721943,
  39307.89580009271,
  21213.794301586597,
  5394.196021424751,
  687.1870074920579,
  42.31333070160091,
  1.0,
)
private val TAIL_NUMERATOR = doubleArrayOf(
  0.0007745450142783414,
  0.022723844989269184,
  0.2417807251774506,
  1.2704582524523684,
  3.6478483247632045,
  5.769497221460691,
  4.630337846156546,
  1.4234371107496835,
)
private val TAIL_DENOMINATOR = doubleArrayOf(
  1.0507500716444169e-9,
  0.0005475938084995345,
  0.015198666563616457,
  0.14810397642748008,
  0.6897673349851,
  1.6763848301838038,
  2.053191626637759,
  1.0,
)
