"""A file's own digest at its end, so that a reader can tell whether a byte was lost or changed.

    contents | b'SHA-256:' | the 32 bytes of SHA-256(contents)

TFLite's readers ignore what follows a model. Those that take a damaged one may crash, LiteRT among
them, so `mobile/native` checks the seal before LiteRT sees the file. A seal is no signature: it
finds damage, not malice.
"""

import hashlib

_MARK = b'SHA-256:'


def sealed(contents: bytes) -> bytes:
  """The contents of a file, with the seal at the end."""
  return contents + _MARK + hashlib.sha256(contents).digest()


def is_whole(model: bytes) -> bool:
  """Whether a file ends in the digest of all before it."""
  return model == sealed(model[: -len(sealed(b''))])
