"""Latency and throughput of `generate`, from the call to decoded pictures."""

import asyncio
import dataclasses
import time
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from serving.client.clients import AsyncClient


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
  """What was measured."""

  latencies_s: tuple[float, ...]  # of each request
  num_images: int
  duration_s: float
  concurrency: int


async def measure(
  client: AsyncClient,
  *,
  labels: Sequence[int],
  num_requests: int,
  batch_size: int,
  concurrency: int,
) -> Result:
  """Sends requests, `concurrency` at a time, after one that is not counted.

  Args:
    client: to ask with.
    labels: of the pictures, in turn; none for a model that takes none.
    num_requests: that are counted.
    batch_size: pictures in each.
    concurrency: requests under way at a time.

  Raises:
    ClientError: of the first request that fails.
  """
  latencies_s: list[float] = []
  batches = iter(range(num_requests))

  async def ask(index: int) -> None:
    seeds = np.arange(index * batch_size, (index + 1) * batch_size)
    start_s = time.perf_counter()
    in_turn = np.take(labels, seeds, mode='wrap') if labels else None
    await client.generate(seeds, labels=in_turn)
    latencies_s.append(time.perf_counter() - start_s)

  with _progress() as progress:
    await ask(num_requests)  # connects and fetches the metadata
    latencies_s.clear()
    task = progress.add_task('requests', total=num_requests)

    async def work() -> None:
      for index in batches:
        await ask(index)
        progress.advance(task)

    start_s = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(concurrency)))
    duration_s = time.perf_counter() - start_s
  return Result(
    latencies_s=tuple(latencies_s),
    num_images=num_requests * batch_size,
    duration_s=duration_s,
    concurrency=concurrency,
  )


def show(result: Result) -> None:
  """Prints the table."""
  table = Table()
  table.add_column('generate')
  table.add_column('', justify='right')
  table.add_row('requests', f'{len(result.latencies_s):,}, {result.concurrency} at a time')
  table.add_row('images/s', f'{result.num_images / result.duration_s:,.1f}')
  for percent in (50, 95, 99):
    latency_ms = 1000 * np.percentile(result.latencies_s, percent)
    table.add_row(f'latency p{percent}', f'{latency_ms:,.1f} ms')
  Console().print(table)


def _progress() -> Progress:
  console = Console(stderr=True)
  return Progress(
    TextColumn('{task.description}'),
    BarColumn(),
    MofNCompleteColumn(),
    TimeRemainingColumn(),
    console=console,
    disable=not console.is_terminal,
    transient=True,
  )
