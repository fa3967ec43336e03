"""The switch for XLA: off unless asked for, as in TF Serving, so that a model fails here, too.

TensorFlow has it for servers, but in C++ alone; a signature with jit_compile=True then answers
INTERNAL `XLA compilation disabled`.
"""

import ctypes
import logging
import pathlib

import tensorflow as tf

_log = logging.getLogger(__name__)


def allow(*, allowed: bool) -> None:
  """Lets graphs compile themselves, or makes them fail; for the whole process."""
  verb = 'Enable' if allowed else 'Disable'
  function = f'{verb}XlaCompilation'
  symbol = f'_ZN10tensorflow{len(function)}{function}Ev'
  for path in pathlib.Path(tf.__file__).parent.glob('libtensorflow_cc.*'):
    getattr(ctypes.CDLL(str(path)), symbol)()
    return
  _log.warning('This TensorFlow has no switch for XLA: it stays on.')
