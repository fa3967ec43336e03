"""The connections by which workers wait for each other and learn how the others ended.

They are apart from TensorFlow's own, which may hang, or abort the process, when a worker is lost.
The chief listens at its address in TF_CONFIG until every worker has called; TensorFlow listens
there afterwards. The connections stay open for as long as the workers train: the kernel closes
those of a process that is killed, and its keep-alive finds a machine that is gone.
"""

import contextlib
import errno
import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any

from pipeline import errors
from pipeline.train.cluster import Member

LOST_AFTER_S = 30  # of silence, where a machine or the network is gone; a killed process: at once
_RETRY_S = 1.0
_HELLO_S = 5.0  # for a caller to say who it is
_LONGEST_MESSAGE = 1 << 16
_KINDS = {kind.__name__: kind for kind in errors.ForgelineError.__subclasses__()}


class Peers:
  """The other workers: all of them for the chief, and the chief for the others."""

  def __init__(self, member: Member, connections: dict[int, Connection]) -> None:
    self.member, self._connections = member, connections
    self._ended: set[int] = set()

  @property
  def connections(self) -> list[Connection]:
    """Of those that have not ended; for `multiprocessing.connection.wait`."""
    return [each for index, each in self._connections.items() if index not in self._ended]

  def hear(self) -> bool:
    """Takes what others have said since the last call.

    Returns:
      Whether another has ended well.

    Raises:
      TrainingError: another is gone.
      ForgelineError: another has failed; of the same kind as its own.
    """
    has_ended = False
    for index, connection in self._connections.items():
      while index not in self._ended and connection.poll():
        try:
          message = _receive(connection)
          failure, kind = message['failure'], message['kind']
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
          raise errors.TrainingError(
            f'{self.member.name(index)} stopped answering (train). Start the same command on all'
            ' workers again to go on from the last checkpoint.'
          ) from error
        if failure:
          raise _KINDS.get(kind, errors.TrainingError)(failure)
        self._ended.add(index)  # it stays connected until it hears of this worker's end
        has_ended = True
    return has_ended

  def say(self, failure: str = '', kind: str = '') -> None:
    """Tells the others how this worker ended: '' is well, else the message and its class."""
    for connection in self._connections.values():
      with contextlib.suppress(OSError):  # it is gone, too
        _send(connection, {'failure': failure, 'kind': kind})

  @contextlib.contextmanager
  def kept(self) -> Iterator['Peers']:
    """Keeps the connections open for the body; tells the others if it raises."""
    try:
      with self.told_of_failure():
        yield self
    finally:
      for connection in self._connections.values():
        connection.close()

  @contextlib.contextmanager
  def told_of_failure(self) -> Iterator[None]:
    """Tells the others if the body raises."""
    try:
      yield
    except BaseException as error:
      kind = type(error) if isinstance(error, Exception) else errors.Interrupted  # by a signal
      reason = next(iter(str(error).splitlines()), '')
      self.say(f'{self.member.name()} ended: {reason}', kind.__name__)
      raise


@contextlib.contextmanager
def gathered(member: Member, wait_s: float) -> Iterator[Peers]:
  """The chief's: waits until every worker has called.

  Raises:
    ConfigError: the port is taken, or a worker did not call in time.
  """
  connections: dict[int, Connection] = {}
  deadline_s = time.monotonic() + wait_s
  with _listening(member) as listener:
    while missing := [i for i in range(1, len(member.addresses)) if i not in connections]:
      listener.settimeout(max(deadline_s - time.monotonic(), 0.01))
      try:
        caller = _connection(listener.accept()[0])
      except TimeoutError as error:
        raise errors.ConfigError(
          f'{member.name(missing[0])} did not come within {wait_s:g} s (train --cluster_wait_s).'
          ' Start the same command there, and see that it reaches'
          f' {member.addresses[0]}.'
        ) from error
      _admit(member, caller, connections)
  for connection in connections.values():
    with contextlib.suppress(OSError):  # it is gone already, which will be heard of
      _send(connection, {'refusal': ''})
  with Peers(member, connections).kept() as peers:
    yield peers


@contextlib.contextmanager
def joined(member: Member, wait_s: float, is_over: Callable[[], bool]) -> Iterator[Peers | None]:
  """A worker's: waits until the chief has come to training, and every other worker, too.

  Gives None if `is_over()` becomes true while it waits.

  Raises:
    ConfigError: the port is taken, the chief refuses this worker, or did not come in time.
  """
  with _listening(member):
    pass  # TensorFlow will listen there; it would tell of a port that is taken in many lines
  deadline_s = time.monotonic() + wait_s
  while not is_over():
    if time.monotonic() > deadline_s:
      raise errors.ConfigError(
        f'{member.name(0)} did not come to training within {wait_s:g} s (train --cluster_wait_s).'
        ' Start the same command there, and see that its address can be reached from here.'
      )
    connection = _called(member, deadline_s)
    if connection:
      with Peers(member, {0: connection}).kept() as peers:
        yield peers
      return
    time.sleep(_RETRY_S)
  yield None


def _called(member: Member, deadline_s: float) -> Connection | None:
  """A connection to the chief that has let this worker in; None if nobody is there yet."""
  host, _, port = member.addresses[0].rpartition(':')
  try:
    connection = _connection(socket.create_connection((host.strip('[]'), int(port)), _HELLO_S))
    with Peers(member, {0: connection}).told_of_failure():  # it may be stopped while it waits
      _send(connection, {'index': member.index, 'addresses': member.addresses})
      if not connection.poll(max(deadline_s - time.monotonic(), 0)):
        return None
      refusal = _receive(connection)['refusal']
  except (OSError, EOFError, ValueError, KeyError, TypeError):
    return None
  if refusal:
    raise errors.ConfigError(refusal)
  return connection


def _admit(member: Member, caller: Connection, connections: dict[int, Connection]) -> None:
  """Keeps a caller that is a worker of this cluster; refuses one that is a mistake."""
  try:
    hello = _receive(caller) if caller.poll(_HELLO_S) else {}
    index, addresses = int(hello['index']), tuple(hello['addresses'])
  except (OSError, EOFError, ValueError, KeyError, TypeError):
    caller.close()  # something else that tries ports, such as TensorFlow in an earlier try
    return
  refusal = ''
  if addresses != member.addresses:
    refusal = f'TF_CONFIG names other workers here than at {member.name()}. Make them the same.'
  elif index in connections and not wait([connections[index]], 0):
    refusal = f'TF_CONFIG: there is another {member.name(index)}. Give each its own index.'
  if refusal:
    with contextlib.suppress(OSError):  # it did not wait for that
      _send(caller, {'refusal': refusal})
    caller.close()
  else:
    connections[index] = caller


@contextlib.contextmanager
def _listening(member: Member) -> Iterator[socket.socket]:
  try:
    listener = socket.create_server(('', member.port))
  except OSError as error:
    reason = 'in use' if error.errno == errno.EADDRINUSE else error.strerror
    raise errors.ConfigError(
      f'Port {member.port} of {member.name()} in TF_CONFIG is not free: {reason}. End what uses it,'
      ' or choose another.'
    ) from error
  with listener:
    yield listener


def _connection(caller: socket.socket) -> Connection:
  """The same as a connection of messages, on which the kernel finds out who is gone."""
  caller.settimeout(None)
  options = {
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE): 1,
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE): LOST_AFTER_S // 3,
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL): LOST_AFTER_S // 6,
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT): 4,
  }
  for (level, option), value in options.items():
    caller.setsockopt(level, option, value)
  half_a_message = struct.pack('ll', int(_HELLO_S), 0)
  caller.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, half_a_message)
  return Connection(caller.detach())


def _send(connection: Connection, message: dict[str, Any]) -> None:
  connection.send_bytes(json.dumps(message).encode())


def _receive(connection: Connection) -> dict[str, Any]:
  return json.loads(connection.recv_bytes(_LONGEST_MESSAGE))
