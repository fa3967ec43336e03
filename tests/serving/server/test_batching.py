import concurrent.futures
import pathlib
import shutil
import threading
import time

import numpy as np
import pytest
from google.protobuf import text_format
from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from serving.server import batch_arrays, loading
from serving.server.batch_scheduler import Queue, Scheduler, Task
from serving.server.batched import Batched
from serving.server.batching_parameters import Parameters, parameters
from serving.server.config_messages import BatchingParameters
from serving.server.errors import Code, ServingError
from serving.server.metrics import Metrics
from serving.server.options import Options, StartError
from serving.server.servable import Servable
from tests.serving.server.waiting import wait_until

SIGNATURE = SignatureDef()
for name in ('x', 'y'):
  SIGNATURE.inputs[name].name = f'{name}:0'
for name in ('sum', 'other'):
  SIGNATURE.outputs[name].name = f'{name}:0'
BOTH = ['sum', 'other']


class Adder(Servable):
  """Adds two inputs; waits for `go` and notes the shapes that it gets."""

  def __init__(self) -> None:
    super().__init__('adder', 1, {'serving_default': SIGNATURE})
    self.shapes: list[tuple] = []
    self.go, self.begun, self.freed = threading.Event(), threading.Semaphore(0), False
    self.go.set()

  def run(self, signature, inputs, outputs, deadline_s=None):
    self.shapes.append(inputs['x'].shape)
    self.begun.release()
    assert self.go.wait(60)
    if inputs['x'].dtype == np.int64:
      raise ServingError(Code.INVALID_ARGUMENT, 'no integers')
    sums = inputs['x'] + inputs['y']
    if np.any(sums == 666):
      return {'sum': np.zeros([]), 'other': sums}
    if np.any(sums == 667):
      return {'sum': sums[:0], 'other': sums}
    return {'sum': sums, 'other': -sums}

  def free(self) -> None:
    self.freed = True


@pytest.fixture
def pool():
  with concurrent.futures.ThreadPoolExecutor(16) as pool:
    yield pool


@pytest.fixture
def batched(pool):  # freed first: it may keep threads of the pool waiting
  """Makes servables that batch; frees them."""
  made = []

  def make(num_threads: int = 1, **fields) -> Batched:
    parameters = Parameters(num_threads=num_threads, **fields)
    made.append(Batched(Adder(), Scheduler(num_threads), parameters, Metrics()))
    return made[-1]

  yield make
  for one in made:
    one._inner.go.set()
    one.close(10)
    assert one._inner.freed


def rows(*values: float, width: int = 1) -> dict[str, np.ndarray]:
  x = np.repeat(np.array(values, np.float32)[:, None], width, axis=1)
  return {'x': x, 'y': np.zeros_like(x)}


def ask(pool, batched: Batched, inputs, outputs=BOTH, deadline_s=None):
  return pool.submit(batched.run, SIGNATURE, inputs, outputs, deadline_s)


def hold(batched: Batched, pool):
  """Keeps the only thread busy with a first request."""
  batched._inner.go.clear()
  first = ask(pool, batched, rows(0))
  assert batched._inner.begun.acquire(timeout=60)
  return first


def wait_for_tasks(batched: Batched, count: int) -> None:
  def num_tasks() -> int:
    return sum(len(b.tasks) for q in list(batched._queues.values()) for b in q.batches)

  wait_until(lambda: num_tasks() == count)


def test_requests_that_wait_are_computed_together(batched, pool):
  model = batched(max_batch_size=8)
  first = hold(model, pool)
  asked = [ask(pool, model, rows(*range(i))) for i in range(1, 4)]
  wait_for_tasks(model, 3)
  model._inner.go.set()
  assert first.result(60)['sum'].tolist() == [[0]]
  for i, one in enumerate(asked, 1):
    outputs = one.result(60)
    assert outputs['sum'][:, 0].tolist() == list(range(i))
    assert outputs['other'].shape == (i, 1)
  assert model._inner.shapes == [(1, 1), (6, 1)]


def test_full_batch_opens_the_next(batched, pool):
  model = batched(max_batch_size=3)
  hold(model, pool)
  asked = [ask(pool, model, rows(i, i)) for i in range(3)]
  wait_for_tasks(model, 3)
  model._inner.go.set()
  assert sorted(one.result(60)['sum'][0, 0] for one in asked) == [0, 1, 2]
  assert model._inner.shapes == [(1, 1), (2, 1), (2, 1), (2, 1)]


def test_batch_waits_for_its_time(batched, pool):
  model = batched(timeout_s=3600, max_batch_size=2)
  first = ask(pool, model, rows(1))
  wait_for_tasks(model, 1)
  assert not model._inner.shapes
  second = ask(pool, model, rows(2))
  assert first.result(60)['sum'] == [[1]]
  assert second.result(60)['sum'] == [[2]]
  assert model._inner.shapes == [(2, 1)]


def test_batch_goes_when_its_time_is_over(batched, pool):
  model = batched(timeout_s=0.02)
  assert ask(pool, model, rows(1)).result(60)['sum'] == [[1]]


def test_several_threads_compute_at_once(batched, pool):
  model = batched(num_threads=2)
  hold(model, pool)
  second = ask(pool, model, rows(5))
  assert model._inner.begun.acquire(timeout=60)
  model._inner.go.set()
  assert second.result(60)['sum'] == [[5]]


def test_other_outputs_and_no_rows_go_alone(batched, pool):
  model = batched()
  assert ask(pool, model, rows(1), ['sum']).result(60)['sum'] == [[1]]
  assert ask(pool, model, rows()).result(60)['sum'].shape == (0, 1)
  assert not model._queues


def code_and_text(future) -> tuple[Code, str]:
  with pytest.raises(ServingError) as caught:
    future.result(60)
  return caught.value.code, caught.value.message


@pytest.mark.parametrize(
  ('inputs', 'code', 'text'),
  [
    (
      {'x': np.zeros([], np.float32), 'y': np.zeros([1], np.float32)},
      Code.INVALID_ARGUMENT,
      'Batching Run() input tensors must have at least one dimension',
    ),
    (
      {'x': np.zeros([1, 1], np.float32), 'y': np.zeros([2, 1], np.float32)},
      Code.INVALID_ARGUMENT,
      'Batching Run() input tensors must have equal 0th-dimension size',
    ),
    (
      rows(1, 2, 3, 4),
      Code.INVALID_ARGUMENT,
      'Task size 4 is larger than maximum input batch size 3',
    ),
    (rows(666), Code.FAILED_PRECONDITION, 'Batched output tensor has 0 dimensions'),
    (
      rows(667),
      Code.FAILED_PRECONDITION,
      "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of"
      ' the input tensors',
    ),
  ],
)
def test_requests_that_can_not_be_batched(batched, pool, inputs, code, text):
  assert code_and_text(ask(pool, batched(max_batch_size=3), inputs)) == (code, text)


def test_full_queue_is_unavailable(batched, pool):
  model = batched(max_batch_size=1, max_enqueued_batches=2)
  hold(model, pool)
  waiting = [ask(pool, model, rows(i)) for i in range(2)]
  wait_for_tasks(model, 2)
  code, text = code_and_text(ask(pool, model, rows(9)))
  assert code is Code.UNAVAILABLE
  assert text == (
    'The batch scheduling queue to which this task was submitted is full;'
    ' currently 2 batches enqueued and max_enqueued_batches is 2'
  )
  model._inner.go.set()
  assert [one.result(60)['sum'][0, 0] for one in waiting] == [0, 1]


def test_deadlines_that_passed_in_the_queue(batched, pool):
  model = batched(max_batch_size=1)
  hold(model, pool)
  late = ask(pool, model, rows(1), deadline_s=time.monotonic() - 1)
  wait_for_tasks(model, 1)
  early = ask(pool, model, rows(2), deadline_s=time.monotonic() + 3600)
  wait_for_tasks(model, 2)
  model._inner.go.set()
  assert code_and_text(late) == (
    Code.RESOURCE_EXHAUSTED,
    'Run() timeout exceeded while waiting in batching queue',
  )
  assert early.result(60)['sum'] == [[2]]


def test_different_lengths(batched, pool):
  for pad, shapes in ((False, [(1, 1)]), (True, [(1, 1), (3, 3)])):
    model = batched(pad_variable_length_inputs=pad)
    hold(model, pool)
    asked = [ask(pool, model, rows(5, 6)), ask(pool, model, rows(7, width=3))]
    wait_for_tasks(model, 2)
    model._inner.go.set()
    if pad:
      assert asked[0].result(60)['sum'].tolist() == [[5, 5, 5], [6, 5, 5]]
      assert asked[1].result(60)['sum'].tolist() == [[7, 7, 7]]
    else:
      for one in asked:
        code, text = code_and_text(one)
        assert code is Code.FAILED_PRECONDITION
        assert text.endswith('have equal dimensions starting with the first dim.')
    assert model._inner.shapes == shapes


def test_wrong_type_fails_alone(batched, pool):
  model = batched()
  hold(model, pool)
  wrong = ask(pool, model, {key: a.astype(np.int64) for key, a in rows(1).items()})
  right = ask(pool, model, rows(2))
  model._inner.go.set()
  assert code_and_text(wrong) == (Code.INVALID_ARGUMENT, 'no integers')
  assert right.result(60)['sum'] == [[2]]


def test_allowed_sizes_are_filled_with_the_last_requests_first_row(batched, pool):
  model = batched(max_batch_size=8, allowed_batch_sizes=(2, 4, 8))
  assert ask(pool, model, rows(1, 2, 3)).result(60)['sum'][:, 0].tolist() == [1, 2, 3]
  assert model._inner.shapes == [(4, 1)]
  merged = batch_arrays.merge([rows(1), rows(2, 3)], padded_rows=5, pad_lengths=False)
  assert merged['x'][:, 0].tolist() == [1, 2, 3, 2, 2]


def test_large_requests_are_split(batched, pool):
  model = batched(max_batch_size=4, split_large_requests=True)
  assert ask(pool, model, rows(*range(10))).result(60)['sum'][:, 0].tolist() == list(range(10))
  assert sorted(model._inner.shapes) == [(2, 1), (4, 1), (4, 1)]


def test_large_request_fills_the_open_batch_first(batched, pool):
  model = batched(max_batch_size=4, max_enqueued_batches=2, split_large_requests=True)
  hold(model, pool)
  small = ask(pool, model, rows(1, 2, 3))
  wait_for_tasks(model, 1)
  large = ask(pool, model, rows(4, 5, 6, 7, 8))
  wait_for_tasks(model, 3)
  model._inner.go.set()
  assert small.result(60)['sum'][:, 0].tolist() == [1, 2, 3]
  assert large.result(60)['sum'][:, 0].tolist() == [4, 5, 6, 7, 8]
  assert model._inner.shapes == [(1, 1), (4, 1), (4, 1)]


def test_large_request_that_does_not_fit_leaves_nothing_behind(batched, pool):
  model = batched(max_batch_size=2, max_enqueued_batches=2, split_large_requests=True)
  hold(model, pool)
  small = ask(pool, model, rows(1))
  wait_for_tasks(model, 1)
  assert code_and_text(ask(pool, model, rows(2, 3, 4, 5))) == (
    Code.UNAVAILABLE,
    'The batch scheduling queue to which this task was submitted is full; task size is 4 but'
    ' scheduling capacity is only 3 (num_enqueued_batches=1, max_enqueued_batches=2,'
    ' open_batch_size=1, max_execution_batch_size=2)',
  )
  wait_for_tasks(model, 1)
  model._inner.go.set()
  assert small.result(60)['sum'] == [[1]]


def test_defect_does_not_let_anybody_wait():
  scheduler = Scheduler(1)

  def compute(tasks: list[Task]) -> None:
    raise KeyError('a defect')

  task = Task(rows(1), 1, None)
  scheduler.queue(Parameters(), compute).add(task)
  with pytest.raises(KeyError):
    task.outputs.result(60)


def test_queues_take_turns():
  scheduler, order = Scheduler(1), []
  begun, go = threading.Event(), threading.Event()

  def queue(name: str) -> Queue:
    def compute(tasks: list[Task]) -> None:
      order.append(name)
      begun.set()
      assert go.wait(60)
      tasks[0].outputs.set_result({})

    return scheduler.queue(Parameters(max_batch_size=1), compute)

  one, other = queue('one'), queue('other')
  tasks = [Task(rows(1), 1, None) for _ in range(4)]
  one.add(tasks[0])
  assert begun.wait(60)
  one.add(tasks[1])
  one.add(tasks[2])
  other.add(tasks[3])
  go.set()
  for task in tasks:
    task.outputs.result(60)
  assert order == ['one', 'other', 'one', 'one']


def test_removed_queue_does_not_let_anybody_wait(batched, pool):
  model = batched(timeout_s=3600)
  asked = ask(pool, model, rows(1))
  wait_for_tasks(model, 1)
  model._scheduler.remove(next(iter(model._queues.values())))
  assert code_and_text(asked)[0] is Code.UNAVAILABLE
  model._queues.clear()


def test_a_user_that_outlasted_the_grace_does_not_wait_for_ever(batched, pool):
  model = batched()
  assert ask(pool, model, rows(1)).result(60)['sum'] == [[1]]
  model.free()
  assert code_and_text(ask(pool, model, rows(2)))[0] is Code.UNAVAILABLE


def test_a_request_on_its_way_into_a_queue_does_not_wait_for_ever(
  batched, pool, monkeypatch: pytest.MonkeyPatch
):
  add, under_way, go = Queue.add, threading.Event(), threading.Event()

  def add_late(queue: Queue, task: Task) -> list[Task]:
    under_way.set()
    assert go.wait(60)
    return add(queue, task)

  monkeypatch.setattr(Queue, 'add', add_late)
  model = batched(timeout_s=3600)
  asked = ask(pool, model, rows(1))
  assert under_way.wait(60)
  freed = pool.submit(model.free)
  concurrent.futures.wait([freed], 0.2)  # it would be done by now if it did not wait
  go.set()
  assert code_and_text(asked)[0] is Code.UNAVAILABLE
  freed.result(60)


def read(text: str) -> Parameters:
  return parameters(text_format.Parse(text, BatchingParameters()))


def test_parameters():
  assert read('') == Parameters()
  assert read("""
    max_batch_size { value: 8 } batch_timeout_micros { value: 2500 }
    max_enqueued_batches { value: 3 } num_batch_threads { value: 5 }
    thread_pool_name { value: "pool" } allowed_batch_sizes: 2 allowed_batch_sizes: 8
    pad_variable_length_inputs: true
  """) == Parameters(
    max_batch_size=8,
    timeout_s=0.0025,
    max_enqueued_batches=3,
    num_threads=5,
    allowed_batch_sizes=(2, 8),
    pad_variable_length_inputs=True,
  )
  assert read("""
    max_batch_size { value: 8 } enable_large_batch_splitting { value: true }
    max_execution_batch_size { value: 4 }
  """) == Parameters(max_batch_size=4, split_large_requests=True)
  assert read('max_enqueued_batches { value: 0 }') == Parameters(max_enqueued_batches=1)


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('max_batch_size { value: 0 }', 'max_batch_size must be positive; was 0'),
    ('num_batch_threads { value: -1 }', 'num_batch_threads must be positive; was -1'),
    ('batch_timeout_micros { value: -1 }', 'batch_timeout_micros must be non-negative; was -1'),
    ('max_enqueued_batches { value: -1 }', 'max_enqueued_batches must be positive; was -1'),
    (
      'enable_large_batch_splitting { value: true } max_enqueued_batches { value: 0 }',
      'max_enqueued_batches must be positive; was 0',
    ),
    (
      'enable_large_batch_splitting { value: true } max_execution_batch_size { value: 0 }',
      'max_execution_batch_size must be positive; was 0',
    ),
    (
      'max_batch_size { value: 8 } enable_large_batch_splitting { value: true }'
      ' max_execution_batch_size { value: 9 }',
      'When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or'
      ' equal to max_execution_batch_size. 8 < 9',
    ),
    (
      'max_batch_size { value: 8 } allowed_batch_sizes: 4',
      'Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8',
    ),
    (
      'max_batch_size { value: 8 } allowed_batch_sizes: 8 allowed_batch_sizes: 8',
      'allowed_batch_sizes entries must be monotonically increasing',
    ),
  ],
)
def test_parameters_that_contradict_themselves(text: str, message: str, tmp_path: pathlib.Path):
  with pytest.raises(ServingError) as caught:
    read(text)
  assert caught.value.message == message
  path = tmp_path / 'batching.config'
  path.write_text(text)
  with pytest.raises(StartError, match='INVALID_ARGUMENT'):
    loading.Loader(Options(enable_batching=True, batching_parameters_file=str(path)), Metrics())


@pytest.mark.parametrize('own', [None, 'max_batch_size { value: 2 }', 'nonsense'])
def test_models_may_have_parameters_of_their_own(
  saved_model: pathlib.Path, tmp_path: pathlib.Path, own: str | None
):
  path = tmp_path / '1'
  shutil.copytree(saved_model, path)
  options = Options(
    enable_batching=True, enable_per_model_batching_parameters=True, enable_model_warmup=False
  )
  loader = loading.Loader(options, Metrics())
  if own:
    (path / 'batching_params.pbtxt').write_text(own)
  if own == 'nonsense':
    with pytest.raises(ServingError, match='BatchingParameters'):
      loader.load('m', 1, path)
  else:
    loaded = loader.load('m', 1, path)
    assert isinstance(loaded, Batched) == bool(own)
    loaded.close()


def test_warm_up_and_requests_go_through_the_batcher(saved_model: pathlib.Path):
  metrics = Metrics()
  loader = loading.Loader(Options(enable_batching=True), metrics)
  loaded = loader.load('m', 1, saved_model)
  assert loaded._queues
  assert 'status="OK"} ' in metrics.text()
  signature = loaded.signature('from_latent')
  inputs = {'latent': np.ones([3, 8], np.float32), 'label': np.array([0, 1, 2])}
  together = loaded.run(signature, inputs, ['images'])
  np.testing.assert_array_equal(
    together['images'], loaded._inner.run(signature, inputs, ['images'])['images']
  )
  loaded.close()
