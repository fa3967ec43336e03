import asyncio
import time

from serving.server.stop import Stop


def test_the_grace_begins_when_it_is_told_and_only_once():
  stop = Stop(3600)
  assert not stop.is_told()
  assert stop.left_s() == 0
  stop.tell()
  assert stop.is_told()
  assert 0 < stop.left_s() <= 3600
  deadline_s = stop.deadline_s
  stop.tell()
  assert stop.deadline_s == deadline_s


def test_the_grace_ends():
  stop = Stop(0)
  stop.tell()
  assert stop.deadline_s <= time.monotonic()
  assert stop.left_s() == 0


def test_who_waits_is_told():
  async def tell() -> None:
    stop = Stop(0)
    waiting = asyncio.create_task(stop.wait())
    await asyncio.sleep(0)
    assert not waiting.done()
    stop.tell()
    await asyncio.wait_for(waiting, 60)

  asyncio.run(tell())
