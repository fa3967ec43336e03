/** A file's own digest at its end; mobile/seal.py describes it. */

const MARK = new TextEncoder().encode('SHA-256:');
const SIZE = MARK.length + 32;

/**
 * Whether a file ends in the digest of all before it.
 *
 * Browsers have SHA-256 only for pages from https or localhost; elsewhere a file counts as whole.
 */
export async function isWhole(file: Uint8Array<ArrayBuffer>): Promise<boolean> {
  if (!isSecureContext) return true;
  const contents = file.subarray(0, Math.max(0, file.length - SIZE));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', contents));
  const seal = [...MARK, ...digest];
  return file.length >= SIZE && seal.every((byte, i) => byte === file[contents.length + i]);
}
