"""What is counted, under TensorFlow Serving's names, and its text form for Prometheus.

prometheus_client does not fit: it adds `_total` to the names of counters, which TF Serving's lack.
"""

import bisect
import itertools
import threading
from collections.abc import Iterator, Sequence

_LATENCIES_US = [10 * 1.8**k for k in range(33)]  # up to about 20 minutes
_WAITS_US = [100 * 1.2**k for k in range(52)]  # up to about 1 second
_COUNTS = [2.0**k for k in range(15)]
_ROWS = _COUNTS[:14]


class Counter:
  """A number for each combination of labels that only grows."""

  def __init__(self, name: str, *labels: str) -> None:
    self.name, self._labels, self._lock = name, labels, threading.Lock()
    self._values: dict[tuple[str, ...], int] = {}

  def add(self, *labels: str, amount: int = 1) -> None:
    """Counts `amount` more under these values of the labels."""
    with self._lock:
      self._values[labels] = self._values.get(labels, 0) + amount

  def total(self) -> int:
    """The sum over all labels."""
    with self._lock:
      return sum(self._values.values())

  def lines(self) -> Iterator[str]:
    """The text form."""
    yield f'# TYPE {_prometheus(self.name)} counter'
    with self._lock:
      values = dict(self._values)
    for labels, value in sorted(values.items()):
      yield f'{_prometheus(self.name)}{{{_pairs(self._labels, labels)}}} {value}'


class Histogram:
  """How often values fell into ranges, for each combination of labels."""

  def __init__(self, name: str, limits: Sequence[float], *labels: str) -> None:
    self.name, self._limits, self._labels = name, limits, labels
    self._lock = threading.Lock()
    self._counts: dict[tuple[str, ...], list[int]] = {}
    self._sums: dict[tuple[str, ...], float] = {}

  def observe(self, value: float, *labels: str) -> None:
    """Counts a value under these values of the labels."""
    with self._lock:
      counts = self._counts.setdefault(labels, [0] * (len(self._limits) + 1))
      counts[bisect.bisect_right(self._limits, value)] += 1
      self._sums[labels] = self._sums.get(labels, 0.0) + value

  def lines(self) -> Iterator[str]:
    """The text form; the count of a bucket holds those of all smaller ones."""
    name = _prometheus(self.name)
    yield f'# TYPE {name} histogram'
    with self._lock:
      entries = [(labels, list(c), self._sums[labels]) for labels, c in self._counts.items()]
    for labels, counts, total in sorted(entries):
      pairs = _pairs(self._labels, labels)
      limits = [f'{limit:g}' for limit in self._limits] + ['+Inf']
      for limit, count in zip(limits, itertools.accumulate(counts), strict=True):
        yield f'{name}_bucket{{{pairs}{"," if pairs else ""}le="{limit}"}} {count}'
      yield f'{name}_sum{{{pairs}}} {total:g}'
      yield f'{name}_count{{{pairs}}} {sum(counts)}'


class Metrics:
  """All of them."""

  def __init__(self) -> None:
    self.request_count = Counter('/tensorflow/serving/request_count', 'model_name', 'status')
    self.request_latency = Histogram(
      '/tensorflow/serving/request_latency', _LATENCIES_US, 'model_name', 'API', 'entrypoint'
    )
    self.runtime_latency = Histogram(
      '/tensorflow/serving/runtime_latency', _LATENCIES_US, 'model_name', 'API', 'runtime'
    )
    self.request_example_counts = Histogram(
      '/tensorflow/serving/request_example_counts', _COUNTS, 'model'
    )
    self.request_example_count_total = Counter(
      '/tensorflow/serving/request_example_count_total', 'model'
    )
    self.model_warmup_latency = Histogram(
      '/tensorflow/serving/model_warmup_latency', _LATENCIES_US, 'model_path', 'status'
    )
    saved_model = '/tensorflow/cc/saved_model'
    self.load_attempt_count = Counter(f'{saved_model}/load_attempt_count', 'model_path', 'status')
    self.load_latency = Counter(f'{saved_model}/load_latency', 'model_path')
    batching = '/tensorflow/serving/batching_session'
    self.queuing_latency = Histogram(f'{batching}/queuing_latency', _WAITS_US, 'thread_pool_name')
    self.wrapped_run_count = Counter(f'{batching}/wrapped_run_count')
    self.input_batch_size = Histogram(f'{batching}/input_batch_size', _ROWS)
    self.processed_batch_size = Histogram(f'{batching}/processed_batch_size', _ROWS)
    self.padding_size = Histogram(f'{batching}/padding_size', _ROWS, 'execution_batch_size')

  def request(self, model: str, status: str, seconds: float, api: str, entrypoint: str) -> None:
    """Counts an answer; its latency too if it went well."""
    self.request_count.add(model, status)
    if status == 'OK':
      self.request_latency.observe(seconds * 1e6, model, api, entrypoint)

  def load(self, model_path: str, status: str, seconds: float) -> None:
    """Counts a SavedModel that was loaded ('success') or could not be ('fail')."""
    self.load_attempt_count.add(model_path, status)
    self.load_latency.add(model_path, amount=round(seconds * 1e6))

  def examples(self, model: str, count: int) -> None:
    """Counts the examples of a request."""
    self.request_example_counts.observe(count, model)
    self.request_example_count_total.add(model, amount=count)

  def request_in_queue(self, num_rows: int, num_inputs: int) -> None:
    """Counts the rows of a request that will be batched, once for each of its inputs."""
    for _ in range(num_inputs):
      self.input_batch_size.observe(num_rows)

  def batch(self, num_rows: int, padded_rows: int) -> None:
    """Counts the rows of a batch, and those that fill it up."""
    self.processed_batch_size.observe(padded_rows)
    self.padding_size.observe(padded_rows - num_rows, str(padded_rows))

  def counters(self) -> dict[str, int]:
    """The totals of all counters by TF Serving's own name."""
    return {m.name: m.total() for m in vars(self).values() if isinstance(m, Counter)}

  def text(self) -> str:
    """The exposition format 0.0.4 of Prometheus."""
    lines = itertools.chain.from_iterable(metric.lines() for metric in vars(self).values())
    return '\n'.join(lines) + '\n'


def _prometheus(name: str) -> str:
  return name.replace('/', ':')


def _pairs(names: Sequence[str], values: Sequence[str]) -> str:
  return ','.join(f'{n}="{_escaped(v)}"' for n, v in zip(names, values, strict=True))


def _escaped(value: str) -> str:
  return value.replace('\\', r'\\').replace('"', r'\"').replace('\n', r'\n')
