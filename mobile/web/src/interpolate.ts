/**
 * A latent on the way from one to another, along the great circle: halfway between two normal
 * latents lies one of their length, where a straight line's would be shorter than any drawn.
 *
 * @param t 0 gives `from`, 1 gives `to`, to the bit.
 */
export function interpolate(from: Float32Array, to: Float32Array, t: number): Float32Array {
  const cosine = dot(from, to) / Math.sqrt(dot(from, from) * dot(to, to));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  if (t === 0 || angle < 1e-6) return from;
  if (t === 1) return to;
  const fromWeight = Math.sin((1 - t) * angle) / Math.sin(angle);
  const toWeight = Math.sin(t * angle) / Math.sin(angle);
  return from.map((x, i) => fromWeight * x + toWeight * (to[i] as number));
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
}
