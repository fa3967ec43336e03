import json
import pathlib
import shutil
from collections.abc import Callable

import pytest

from mobile import convert
from pipeline import artifacts, comparison


class RunFolder:
  """The artifacts that a bundle is made of, as the line leaves them."""

  def __init__(self, path: pathlib.Path, bundle: pathlib.Path) -> None:
    self.path = path
    for stage in ('evaluate', 'export_tflite', 'validate'):
      (path / stage).mkdir(parents=True)
    for source in bundle.iterdir():
      shutil.copyfile(source, path / 'export_tflite' / source.name)
    self.write('evaluate', 'metrics.json', {'gate': []})
    self.validate(psnr_db=42.5)

  def write(self, stage: str, name: str, contents: object) -> None:
    (self.path / stage / name).write_text(json.dumps(contents))

  def validate(self, psnr_db: float) -> None:
    checks = [
      comparison.check('min_psnr_db', psnr_db, 25.0, 'dB'),
      comparison.check('min_label_agreement', 0.98, 0.97),
      comparison.check('max_frechet_increase', 0.012, 0.05),
    ]
    models = [{'file': name, 'checks': checks} for name in convert.FILES.values()]
    models[-1]['checks'] = [comparison.check('max_level_difference', 1, 1)]
    self.write('validate', 'validation.json', {'models': models})
    self.seal()

  def seal(self) -> None:
    """Writes the manifests, as of now."""
    evaluate = self._manifest('evaluate', {})
    export = self._manifest('export_tflite', {'evaluate': evaluate})
    self._manifest('validate', {'evaluate': evaluate, 'export_tflite': export})

  def _manifest(self, stage: str, inputs: dict[str, str]) -> str:
    folder = self.path / stage
    manifest = artifacts.Manifest(
      stage=stage,
      fingerprint='',
      inputs=inputs,
      config={},
      source='',
      versions={},
      started='',
      duration_s=0.0,
      files=artifacts.list_files(folder),
    )
    partial = folder.rename(folder.with_suffix('.partial'))
    artifacts.commit(partial, folder, manifest)
    return manifest.digest


@pytest.fixture
def run(tmp_path: pathlib.Path, bundle: pathlib.Path) -> RunFolder:
  return RunFolder(tmp_path / 'run', bundle)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
  monkeypatch.setattr('mobile.latency._ROUNDS', 2)


@pytest.fixture
def command(
  run: RunFolder, tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
  """Runs `python -m mobile.bundle`: its exit code and what it wrote to standard error."""
  from mobile.bundle import __main__ as program

  def call(out: str | None = 'out', run_dir: str = 'run') -> tuple[int, str]:
    arguments = [f'--run_dir={tmp_path / run_dir}']
    if out is not None:
      arguments.append(f'--out={tmp_path / out}')
    code = program.main(arguments)
    return code, capsys.readouterr().err

  return call
