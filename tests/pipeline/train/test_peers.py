"""How workers find each other and learn of each other's end: real sockets."""

import concurrent.futures
import contextlib
import json
import os
import signal
import socket
import struct
import threading

import pytest

from pipeline import errors, signals
from pipeline.train.cluster import Member
from pipeline.train.peers import _admit, joined
from tests.pipeline.train.clusters import in_step, members, met


def both(cluster, body):
  """Calls `body(peers)` in each member once they have met; gives what each returned or raised."""

  def take_part(member):
    with met(member) as peers:
      return body(peers)

  return in_step([lambda each=each: take_part(each) for each in cluster])


def listened(peers):
  """Hears until the others have ended."""
  while peers.connections:
    peers.hear()


def test_all_meet_and_part_well():
  def body(peers):
    peers.say()
    listened(peers)
    return peers.member.index

  assert both(members(3), body) == [0, 1, 2]


def test_a_failure_is_told_to_all():
  def body(peers):
    if peers.member.index == 1:
      raise errors.StorageError('the disk is full')
    listened(peers)

  chief, failed, other = both(members(3), body)
  assert isinstance(failed, errors.StorageError)
  for error in (chief, other):
    assert isinstance(error, errors.StorageError)
    assert 'worker 1 of 3' in str(error)
    assert str(error).endswith('ended: the disk is full')


def test_a_worker_that_is_stopped_says_so():
  chief, worker = members()

  def listen():
    with met(chief) as peers:
      listened(peers)

  with concurrent.futures.ThreadPoolExecutor() as threads:
    listening = threads.submit(listen)
    with pytest.raises(errors.Interrupted), signals.handled_by_raising(), met(worker):
      os.kill(os.getpid(), signal.SIGTERM)
    heard = listening.exception(timeout=60)
  assert isinstance(heard, errors.Interrupted)
  assert 'worker 1 of 2' in str(heard)
  assert 'ended: stopped by SIGTERM. Finished stages are kept' in str(heard)


def test_a_worker_that_is_stopped_while_it_waits_for_another_says_so(monkeypatch):
  chief, worker, last = members(3)
  waits = threading.Event()

  def noted(member, caller, connections):
    _admit(member, caller, connections)
    if connections:
      waits.set()

  def listen():
    with met(chief) as peers:
      listened(peers)

  def come_last():
    assert waits.wait(60)  # at the chief
    os.kill(os.getpid(), signal.SIGTERM)
    take_part(last)

  monkeypatch.setattr('pipeline.train.peers._admit', noted)
  with concurrent.futures.ThreadPoolExecutor() as threads:
    listening, coming = threads.submit(listen), threads.submit(come_last)
    with pytest.raises(errors.Interrupted), signals.handled_by_raising(), met(worker):
      pass
    heard = listening.exception(timeout=60)
    assert coming.exception(timeout=60) is None
  assert isinstance(heard, errors.Interrupted)
  assert 'worker 1 of 3' in str(heard)


@pytest.mark.parametrize('lost', [0, 1])
def test_a_connection_that_breaks_is_a_lost_worker(lost):
  def body(peers):
    if peers.member.index == lost:
      for connection in peers.connections:
        connection.close()
      peers._connections.clear()
    else:
      listened(peers)

  error = both(members(), body)[1 - lost]
  assert isinstance(error, errors.TrainingError)
  assert f'worker {lost} of 2' in str(error)
  assert 'stopped answering (train). Start the same command' in str(error)


def test_what_else_calls_at_the_port_is_sent_away():
  chief, worker = members()

  def callers():
    for junk in (b'PRI * HTTP/2.0\r\n\r\n', b'\0\0\0\2{}', b''):
      with _called(chief) as stranger:
        stranger.sendall(junk)
    take_part(worker)

  assert in_step([lambda: take_part(chief), callers]) == [None, None]


def _called(member):
  """A connection to a port that may not be listened at yet."""
  while True:
    with contextlib.suppress(ConnectionRefusedError):
      return socket.create_connection(('localhost', member.port), 5)


def take_part(member):
  with met(member) as peers:
    peers.say()


def test_a_worker_of_another_cluster_is_refused():
  chief, worker = members()
  stranger = Member((chief.addresses[0], 'elsewhere:1', worker.addresses[1]), 2)

  def workers():
    message = 'TF_CONFIG names other workers here than at worker 0 of 2'
    with pytest.raises(errors.ConfigError, match=message):
      take_part(stranger)
    take_part(worker)

  assert in_step([lambda: take_part(chief), workers]) == [None, None]


def test_a_stranger_that_does_not_wait_for_an_answer():
  chief, worker = members()
  hello = json.dumps({'index': 1, 'addresses': ['elsewhere:1']}).encode()

  def callers():
    for _ in range(10):
      with _called(chief) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        stranger.sendall(struct.pack('!i', len(hello)) + hello)
    take_part(worker)

  assert in_step([lambda: take_part(chief), callers]) == [None, None]


def test_two_with_the_same_index():
  chief, worker, last = members(3)
  refused = threading.Event()

  def claim():
    try:
      take_part(worker)
    except errors.ConfigError as error:
      if 'is not free' in str(error):  # the other looked at the same moment
        return claim()
      refused.set()
      return str(error)

  def come_last():
    assert refused.wait(60)
    take_part(last)

  outcomes = in_step([lambda: take_part(chief), come_last, claim, claim])
  [text] = [outcome for outcome in outcomes if outcome]
  assert 'there is another worker 1 of 3' in text


@pytest.mark.parametrize('absent', [0, 1])
def test_a_worker_that_never_comes(absent):
  cluster = members()
  with (
    pytest.raises(errors.ConfigError, match=f'worker {absent} of 2 .*did not come'),
    met(cluster[1 - absent], wait_s=0.2),
  ):
    pass


@pytest.mark.parametrize('index', [0, 1])
def test_a_port_in_use(index):
  member = members()[index]
  with (
    socket.create_server(('', member.port)),
    pytest.raises(errors.ConfigError, match=f'Port {member.port} of worker {index} .*not free'),
    met(member),
  ):
    pass


def test_nobody_waits_for_what_is_done():
  with joined(members()[1], 10, lambda: True) as peers:
    assert peers is None
