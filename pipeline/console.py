"""What a run shows a person: log lines always, a live bar where the output is a terminal.

Stages receive a `Console` and never print by themselves, so a log file, a terminal and a test see
the same facts in their own form.
"""

import contextlib
import time
from collections.abc import Iterator

import rich.console
import rich.progress
import rich.table

_LOG_INTERVAL_S = 10.0  # between the plain lines that stand for a bar in a log


class Progress:
  """The state of one piece of long work."""

  def __init__(
    self, description: str, total: int, unit: str, console: 'Console', initial: int = 0
  ) -> None:
    self._description, self._total, self._unit = description, total, unit
    self._console = console
    self._initial, self._start_s, self._last_line_s = initial, time.monotonic(), 0.0
    self._bar: rich.progress.Progress | None = None
    self._task: rich.progress.TaskID | None = None
    if console.is_terminal:
      self._bar = rich.progress.Progress(
        rich.progress.TextColumn('  {task.description}'),
        rich.progress.BarColumn(bar_width=28),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TextColumn('{task.fields[rate]}'),
        rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
        rich.progress.TextColumn('{task.fields[note]}'),
        console=console.rich,
      )
      self._task = self._bar.add_task(description, total=total, completed=initial, rate='', note='')
      self._bar.start()

  def update(self, completed: int, **fields: float | str) -> None:
    """Shows that `completed` of `total` units are done; `fields` are shown as `name=value`."""
    elapsed_s = max(time.monotonic() - self._start_s, 1e-9)
    rate = (completed - self._initial) / elapsed_s
    note = ' '.join(
      f'{k}={v:.4g}' if isinstance(v, float) else f'{k}={v}' for k, v in fields.items()
    )
    if self._bar is not None and self._task is not None:
      self._bar.update(
        self._task, completed=completed, rate=f'{rate:,.1f} {self._unit}/s', note=note
      )
      return
    now_s = time.monotonic()
    if now_s - self._last_line_s >= _LOG_INTERVAL_S or completed >= self._total:
      self._last_line_s = now_s
      eta_s = (self._total - completed) / rate if rate > 0 else float('inf')
      self._console.log(
        f'{self._description} {completed}/{self._total} {self._unit}'
        f' rate={rate:.1f}/s eta={eta_s:.0f}s {note}'.rstrip()
      )

  def close(self) -> None:
    """Ends the live bar, if there is one."""
    if self._bar is not None:
      self._bar.stop()


class Console:
  """Log lines, tables and progress, on standard output."""

  def __init__(self, rich_console: rich.console.Console | None = None) -> None:
    self.rich = rich_console or rich.console.Console(highlight=False, soft_wrap=True)

  @property
  def is_terminal(self) -> bool:
    """Whether a live bar can be drawn."""
    return self.rich.is_terminal

  def log(self, text: str) -> None:
    """Prints one line of fact."""
    self.rich.print(f'  {text}', markup=False)

  def warn(self, text: str) -> None:
    """Prints one line that a person should act on."""
    self.rich.print(f'  warning: {text}', style='yellow', markup=False)

  def heading(self, text: str) -> None:
    """Prints the name of the work that follows."""
    self.rich.print(text, style='bold', markup=False)

  def table(self, table: rich.table.Table) -> None:
    """Prints a table."""
    self.rich.print(table)

  @contextlib.contextmanager
  def progress(
    self, description: str, total: int, unit: str, initial: int = 0
  ) -> Iterator[Progress]:
    """A bar with rate and remaining time (a line every few seconds where there is no terminal)."""
    progress = Progress(description, total, unit, self, initial)
    try:
      yield progress
    finally:
      progress.close()
