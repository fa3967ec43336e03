/**
 * A latent on the way from one to another, along the great circle: halfway between two normal
 * latents lies one of their length, where a straight line's would be shorter than any drawn.
 *
 * @param t 0 gives `from`, 1 gives `to`, to the bit.
 */
export function interpolate(from: Float32Array, to: Float32Array, t: number): Float32Array {
  if (t === 0) return from;
  if (t === 1) return to;
  const cosine = dot(from, to) / Math.sqrt(dot(from, from) * dot(to, to));
  const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
  const hasCircle = Math.sin(angle) > 1e-6; // latents on one line have none, or many
  const weight = (part: number) => (hasCircle ? Math.sin(part * angle) / Math.sin(angle) : part);
  const [fromWeight, toWeight] = [weight(1 - t), weight(t)];
  return from.map((x, i) => fromWeight * x + toWeight * (to[i] as number));
}

function dot(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
}
