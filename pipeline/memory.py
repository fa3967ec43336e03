"""How much memory this process has taken."""

import pathlib
import re
import resource

_STATUS = pathlib.Path('/proc/self/status')


def peak_mib() -> int:
  """Largest resident size so far, in MiB.

  Linux's own ru_maxrss would begin with the size of the process that this one was forked from.
  """
  if not _STATUS.is_file():  # macOS, which counts in bytes
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20
  peak = re.search(r'VmHWM:\s+(\d+) kB', _STATUS.read_text(encoding='ascii'))
  return int(peak[1]) // 1024 if peak else 0
