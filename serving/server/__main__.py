"""Command line: `python -m serving.server --model_name=digits --model_base_path=DIR`.

Flags are named and preset as those of `tensorflow_model_server`, except that the server listens on
this machine alone unless --host says otherwise. `--help` lists them, and the exit codes.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Sequence

from serving import keras_free
from serving.server import flags, ports
from serving.server.options import StartError


def main(arguments: Sequence[str] | None = None) -> int:
  """Runs the server; returns the exit code."""
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
  logging.basicConfig(level=logging.INFO, format='%(asctime)s %(levelname).1s %(message)s')
  try:
    options = flags.parse(arguments)
    for port in (options.port, options.rest_api_port):
      ports.check_free(options.host, port)
    from serving.server import lifetime  # here, because TensorFlow takes seconds to import

    logging.getLogger('tensorflow').setLevel(logging.ERROR)
    asyncio.run(lifetime.serve(options))
  except StartError as error:
    for stream in (sys.stderr, sys.stdout):  # the second is that of tensorflow_model_server
      print(error, file=stream, flush=True)
    return error.exit_code
  return 0


if __name__ == '__main__':
  keras_free.make()
  os._exit(main())  # sys.exit would wait for threads that compute requests whose grace is over
