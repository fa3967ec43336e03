"""Members of clusters on this machine, for the tests."""

import concurrent.futures

from pipeline.train.cluster import Member
from pipeline.train.peers import gathered, joined
from serving.server.ports import free_ports

WAIT_S = 60.0


def free_addresses(number):
  """'localhost:port' of ports that nobody uses."""
  return tuple(f'localhost:{port}' for port in free_ports(number))


def members(number=2):
  addresses = free_addresses(number)
  return [Member(addresses, index) for index in range(number)]


def met(member, wait_s=WAIT_S, is_over=lambda: False):
  """This member's connections to the others, when all are there."""
  return gathered(member, wait_s) if member.is_chief else joined(member, wait_s, is_over)


def in_step(functions):
  """Calls functions side by side; gives what each returned or raised."""
  with concurrent.futures.ThreadPoolExecutor(len(functions)) as threads:
    futures = [threads.submit(function) for function in functions]
    return [future.exception(timeout=300) or future.result() for future in futures]
