"""tensorflow.ProfilerService: records what TensorFlow does while requests come, for TensorBoard.

Source: https://github.com/openxla/tsl/blob/main/tsl/profiler/protobuf/profiler_service.proto. Where
the trace is written is the client's choice, as in TF Serving.
"""

import pathlib
import tempfile
import threading
import time
from typing import Any

import grpc
import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import profiler_options_pb2, xplane_pb2

from serving.server.errors import Code
from serving.server.message_class import message_class

_SERVICE = 'tensorflow.ProfilerService'
_EMPTY_TRACE = b'\x38\x01'  # field 7 of ProfileResponse
_TICK_S = 0.05
_LEVELS = ('host_tracer_level', 'device_tracer_level', 'python_tracer_level')
_ProfileRequest = message_class(
  'ProfileRequest',
  duration_ms='uint64',
  max_events='uint64',
  tools='repeated string',
  opts='bytes',  # a message with a class of its own
  repository_root='string',
  session_id='string',
  host_name='string',
)
_TerminateRequest = message_class('TerminateRequest', session_id='string')


def handler() -> grpc.GenericRpcHandler:
  """The service; Monitor is in the protocol, but no server implements it."""
  profiler = _Profiler()
  methods = {
    'Profile': grpc.unary_unary_rpc_method_handler(profiler.profile, _ProfileRequest.FromString),
    'Terminate': grpc.unary_unary_rpc_method_handler(
      profiler.terminate, _TerminateRequest.FromString
    ),
  }
  return grpc.method_handlers_generic_handler(_SERVICE, methods)


class _Profiler:
  def __init__(self) -> None:
    self._terminated: dict[str, threading.Event] = {}

  def profile(self, request: Any, context: grpc.ServicerContext) -> bytes:
    """Records for as long as asked, while the client waits; writes the trace."""
    if not request.repository_root:
      context.abort(Code.INVALID_ARGUMENT, 'repository_root is missing: where shall the trace go?')
    try:
      space = self._record(request, context)
    except tf.errors.AlreadyExistsError:
      context.abort(Code.ALREADY_EXISTS, 'Another profiler is running.')
    folder = pathlib.Path(request.repository_root) / request.session_id
    try:
      folder.mkdir(parents=True, exist_ok=True)
      (folder / f'{request.host_name}.xplane.pb').write_bytes(space)
    except OSError as error:
      context.abort(Code.INVALID_ARGUMENT, f'The trace could not be written: {error}')
    planes = xplane_pb2.XSpace.FromString(space).planes
    return b'' if any(plane.lines for plane in planes) else _EMPTY_TRACE

  def terminate(self, request: Any, context: grpc.ServicerContext) -> bytes:
    """Ends a recording early."""
    if (event := self._terminated.get(request.session_id)) is not None:
      event.set()
    return b''

  def _record(self, request: Any, context: grpc.ServicerContext) -> bytes:
    options = profiler_options_pb2.ProfileOptions.FromString(request.opts)
    levels = {name: getattr(options, name) for name in _LEVELS if request.opts}
    with tempfile.TemporaryDirectory() as folder:
      tf.profiler.experimental.start(folder, tf.profiler.experimental.ProfilerOptions(**levels))
      terminated = self._terminated[request.session_id] = threading.Event()
      try:
        end_s = time.monotonic() + request.duration_ms / 1e3
        while (left_s := end_s - time.monotonic()) > 0 and context.is_active():
          if terminated.wait(min(left_s, _TICK_S)):
            break
      finally:
        del self._terminated[request.session_id]
        tf.profiler.experimental.stop()
      (trace,) = pathlib.Path(folder).rglob('*.xplane.pb')
      return trace.read_bytes()
