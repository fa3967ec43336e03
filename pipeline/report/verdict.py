"""What a reader wants to know first: whether the model was pushed, why not, and how good it is."""

import dataclasses
from typing import Any

from mobile import model_files
from pipeline import next_steps
from pipeline.report import comparison, facts, figures, numbers


@dataclasses.dataclass(frozen=True, kw_only=True)
class Headline:
  """One large figure with what it must be held against."""

  label: str
  value: str
  beside: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Verdict:
  """The head of the report."""

  model_name: str
  version: str  # empty if the model was not pushed
  path: str
  date: str
  problems: tuple[str, ...]  # why the model was not pushed, or what failed in spite of it
  abstract: str
  tally: str  # how many limits hold
  headlines: tuple[Headline, ...]


def verdict(run: facts.Run) -> Verdict:
  """The head of the report, from whatever the run has reached."""
  problems = _problems(run)
  return Verdict(
    model_name=str(
      run.pushed.get('model_name') or run.setting('model_name') or run.dataset.get('name', 'model')
    ),
    version=str(run.pushed['version']) if run.pushed else '',
    path=next_steps.as_typed(str(run.pushed.get('path', ''))),
    date=_date(run),
    problems=tuple(problems),
    abstract=_abstract(run),
    tally=_tally(run),
    headlines=tuple(h for h in (_distance(run), _labels(run), _phone(run), _training(run)) if h),
  )


def _problems(run: facts.Run) -> list[str]:
  failed = [
    f'{figures.label(gate["figure"])} is {figures.write(gate["figure"], float(gate["value"]))};'
    f' the gate asks for {figures.limit(gate)}'
    for gate in run.metrics.get('gate', [])
    if not gate['passed']
  ]
  failed += [
    f'{model.name}: {row.label}'
    + (f' is {row.value}; the limit is {row.limit}' if row.value else '')
    + (f' (worst sample {row.worst_sample})' if row.worst_sample is not None else '')
    for model in comparison.models(run)
    for row in model.rows
    if not row.passed
  ]
  if failed or run.pushed:
    return failed
  return [_unreached(run)]


def _unreached(run: facts.Run) -> str:
  """Why a run without a failed figure was not pushed."""
  if run.outdated:
    return (
      f'the run stopped before {run.outdated[0]}; what that stage left belongs to an earlier model'
    )
  if run.validation and not run.validation['passed']:
    return 'validation of the exported models failed'
  steps = {
    'ingest': 'the data was not ingested',
    'train': 'training has not finished',
    'evaluate': 'the generator was not evaluated',
    'golden': 'there are no golden samples',
    'export_saved_model': 'the SavedModel was not exported',
    'export_tflite': 'the TFLite files were not exported',
    'validate': 'the exported models were not validated',
  }
  missing = next((text for stage, text in steps.items() if stage not in run.folders), None)
  return missing or 'the push stage has not run, or it failed'


def _date(run: facts.Run) -> str:
  """The day of the push, or of the last stage that finished."""
  stages = ['push', *reversed(list(run.manifests))]
  times = (numbers.moment(run.manifests.get(stage, {}).get('started')) for stage in stages)
  return next((numbers.day(time) for time in times if time), '')


def _abstract(run: facts.Run) -> str:
  parts = []
  if run.model:
    shape = ' × '.join(str(size) for size in run.model.get('image_shape', []))
    classes = f'{len(run.class_names)} classes' if run.class_names else 'unconditional'
    parts.append(f'A {run.model.get("network", "")} generator of {shape} images ({classes})')
  if run.dataset:
    images = run.dataset['splits']['train']['num_images']
    name = run.dataset.get('name', '')
    lead = 'trained on' if parts else 'Data:'
    parts.append(f'{lead} {numbers.number(images)} images of {name}')
  if run.training:
    parts.append(f'for {numbers.number(run.training["steps"])} steps')
  text = ' '.join(parts)
  if 'step' in run.metrics:
    text += (
      f'. The snapshot at step {numbers.number(run.metrics["step"])} was chosen among'
      f' {len(run.metrics.get("candidates", [])) or 1} by its Fréchet distance'
    )
  return f'{text}.' if text else 'This run has no finished training.'


def _tally(run: facts.Run) -> str:
  gates = [bool(gate['passed']) for gate in run.metrics.get('gate', [])]
  checks = [row.passed for model in comparison.models(run) for row in model.rows]
  counts = [
    f'{sum(passed)} of {len(passed)} {what}'
    for passed, what in ((gates, 'gates of the evaluation'), (checks, 'checks of the exports'))
    if passed
  ]
  return f'{" and ".join(counts)} passed.' if counts else ''


def _distance(run: facts.Run) -> Headline | None:
  values = figures.by_base_name(run.metrics)
  if 'frechet_distance' not in values:
    return None
  ratio = numbers.number(values['frechet_ratio'], 2)
  num_images = numbers.number(run.metrics['num_floor_images'])
  beside = f'{ratio} × the real-against-real floor, on {num_images} images each'
  return Headline(
    label='Fréchet distance', value=numbers.number(values['frechet_distance']), beside=beside
  )


def _labels(run: facts.Run) -> Headline | None:
  values = figures.by_base_name(run.metrics)
  judge: dict[str, Any] = run.metrics.get('feature_net') or {}
  if 'label_agreement' in values:
    real = f'; the judge reads {numbers.share(judge["accuracy"])} of real images right'
    return Headline(
      label='Label agreement',
      value=numbers.share(values['label_agreement']),
      beside='of images are read as asked' + (real if judge.get('accuracy') else ''),
    )
  if 'coverage' in values:
    floor = values.get('coverage_floor')
    beside = f'against {numbers.share(floor)} among real images' if floor else 'of real images'
    return Headline(label='Coverage', value=numbers.share(values['coverage']), beside=beside)
  return None


def _phone(run: facts.Run) -> Headline | None:
  sizes = comparison.file_sizes(run)
  if model_files.MAIN not in sizes:
    return None
  beside = []
  if sizes.get(model_files.F32):
    ratio = numbers.number(sizes[model_files.MAIN] / sizes[model_files.F32], 2)
    beside.append(f'{ratio} × the float32 file')
  growth = comparison.phone_frechet_increase(run)
  if growth is not None:
    beside.append(f'Fréchet distance {growth}')
  return Headline(
    label='Model for phones',
    value=numbers.size(sizes[model_files.MAIN]),
    beside='; '.join(beside) or 'not validated',
  )


def _training(run: facts.Run) -> Headline | None:
  if 'seconds' not in run.training:
    return None
  beside = f'{numbers.number(run.training["steps"])} steps'
  if 'images_seen' in run.training:
    beside += f', {numbers.number(run.training["images_seen"])} images seen'
  return Headline(label='Training', value=numbers.duration(run.training['seconds']), beside=beside)
