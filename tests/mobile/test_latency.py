"""Files take turns, so that what befalls one round befalls all."""

import math
import pathlib

import pytest
from ai_edge_litert.interpreter import Interpreter

from mobile import latency, model_files


@pytest.mark.parametrize(('longest_s', 'rounds'), [(math.inf, 2), (0.0, 1)])
def test_every_file_has_a_time_and_they_take_turns(
  longest_s: float, rounds: int, bundle: pathlib.Path, monkeypatch: pytest.MonkeyPatch
):
  monkeypatch.setattr(latency, '_ROUNDS', 2)
  monkeypatch.setattr(latency, '_LONGEST_S', longest_s)
  calls: list[Interpreter] = []
  invoke = Interpreter.invoke

  def noted(interpreter: Interpreter) -> None:
    calls.append(interpreter)
    invoke(interpreter)

  monkeypatch.setattr(Interpreter, 'invoke', noted)
  names = (model_files.MAIN, model_files.I8)
  times = latency.milliseconds({name: (bundle / name).read_bytes() for name in names})
  assert tuple(times) == names
  assert min(times.values()) > 0
  first, second = calls[:2]
  turns = [call for call, before in zip(calls, [None, *calls], strict=False) if call is not before]
  assert turns == [first, second] * (1 + rounds)  # one picture each to warm up
