import base64
import io
import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import PIL.Image
import pytest

from pipeline import errors, pictures
from pipeline.config.train import TrainConfig
from pipeline.train.terms import Terms
from tests.pipeline.report.page import Page


def test_a_pushed_run_tells_everything_in_order(run):
  text = Page(run.html()).text
  told = [
    'digits , version 3',
    'Pushed to srv/digits/3',
    'trained on 4,321 images of mnist_sample for 40 steps',
    'chosen among 4',
    '2 of 2 gates of the evaluation and 3 of 3 checks of the exports passed',
    'Fréchet distance 1.31 3.3 × the real-against-real floor, on 7,654 images each',
    'Label agreement 99.12 %',
    'Model for phones 116 kB 0.30 × the float32 file; Fréchet distance +2.1 %, at most 5 % allowed',
    '8,765 generated images against 9,876 real ones (mnist_test)',
    'mnist-ab12cd34',
    '7,654 real training images',
    'at most 4 ✓ passed',
    '7.1 × 10⁻⁴ 2.1 × 10⁻⁵',
    'at least 98 % ✓ passed',
    'Future figure',
    'two 120 122 +2',
    'step 30, 1.37',
    'R2, generated',
    'mixed_bfloat16: measured faster',
    'off: measured slower',
    'Step 30 , chosen',
    '12 samples, digest',
    'largest difference 3.0 × 10⁻⁷ at most 1.0 × 10⁻⁴ ✓ passed 3',
    'mean PSNR 31.4 dB at least 25 dB ✓ passed 7',
    'tflite_int8 , sample 7: at most 51 of 255 grey levels apart',
    '2 records could not be read and went to quarantine',
    '33.4 78.7',
    'train 1,441 1,440 1,440',
    'push 17.0 s 2026-11-21 21:07:00',
    '-e MODEL_NAME=digits',
    '{"inputs": {"seed": [7], "label": [2]}}',
    'python -m pipeline.run --flagfile=runs/small/replay.flags',
    '--train_steps=40',
    'tensorflow 2.21.0',
  ]
  places = [text.find(phrase) for phrase in told]
  assert -1 not in places, told[places.index(-1)]
  assert places == sorted(places)


def test_the_page_loads_nothing(run):
  html = run.html()
  page = Page(html)
  loading = {'src', 'href', 'srcset', 'poster', 'data', 'action', 'background', 'xlink:href'}
  targets = [v for _, attributes in page.elements for k, v in attributes.items() if k in loading]
  assert targets
  assert all(target.startswith('data:image/') for target in targets)
  assert not re.search(r'url\(|@import|https?://|fetch\(|XMLHttp', html)
  assert not page.all('link')
  [policy] = [m for m in page.all('meta') if m.get('http-equiv') == 'Content-Security-Policy']
  assert policy['content'].startswith("default-src 'none'; img-src data:;")


def test_the_page_is_accessible(run):
  page = Page(run.html())
  assert page.all('html') == [{'lang': 'en'}]
  assert len(page.all('h1')) == 1
  assert all(header.get('scope') for header in page.all('th'))
  pictures_told = [image for image in page.all('img') if 'src' in image]
  assert len(pictures_told) == 1 + 4 + 2 + 3 + 3
  assert all(image['alt'] and image['width'] and image['height'] for image in pictures_told)
  assert all(chart['role'] == 'img' and chart['aria-label'] for chart in page.all('svg'))
  ids = [attributes['id'] for _, attributes in page.elements if 'id' in attributes]
  assert len(ids) == len(set(ids))
  assert {s['aria-labelledby'] for s in page.all('section')} == set(ids)


def test_charts_are_well_formed_and_mark_the_chosen_step(run):
  charts = [ET.fromstring(svg) for svg in re.findall(r'<svg.*?</svg>', run.html(), re.DOTALL)]
  assert len(charts) == 6
  [mark] = [text for svg in charts for text in svg.itertext() if text == 'step 30, 1.37']
  assert mark


@pytest.mark.parametrize(
  ('key', 'title', 'curve'),
  [
    ('wgan_gp_penalty', 'Gradient penalties', 'WGAN-GP, between'),
    ('dragan_penalty', 'Gradient penalties', 'DRAGAN, around real'),
    ('mismatch_loss', 'Losses', 'wrong labels'),
    ('auxiliary_loss', 'Classification', 'cross-entropy'),
    ('consistency_loss', 'Consistency', 'squared change of the logit'),
    ('similarity_loss', 'Mode seeking', 'similarity'),
    ('augment_probability', 'Probability of augmentation', 'probability'),
  ],
)
def test_what_only_some_trainings_log_is_drawn_there(run, key, title, curve):
  record_too(run, {key: 0.0})
  told = [chart['aria-label'] for chart in Page(run.html()).all('svg')]
  [drawn] = [label for label in told if f'{curve} from 0 to 0.9' in label]
  assert drawn.startswith(f'Line chart of {title} by step:')


def record_too(run, firsts):
  """Adds figures to the records, each by its first value, from where it grows."""
  path = run.inputs['train'] / 'metrics.jsonl'
  records = [json.loads(line) for line in path.read_text().splitlines()]
  lines = [
    json.dumps(record | {key: first + 0.1 * index for key, first in firsts.items()})
    for index, record in enumerate(records)
  ]
  path.write_text('\n'.join(lines))


@pytest.mark.parametrize(
  'settings',
  [
    {'conditioning': 'projection', 'mismatch_weight': 1.0, 'r1_gamma': 0.0, 'wgan_gp_weight': 1.0},
    {'conditioning': 'auxiliary', 'r1_gamma': 0.0, 'dragan_weight': 1.0},
    {'r2_gamma': 1.0},
  ],
)
def test_whatever_training_minimises_is_drawn_in_a_style_of_its_own(run, settings):
  config = TrainConfig(consistency_weight=1.0, diversity_weight=1.0, **settings)
  names = Terms(None, config).names
  record_too(run, {name: float(index) for index, name in enumerate(names)})
  html = run.html()
  told = ' '.join(chart['aria-label'] for chart in Page(html).all('svg'))
  for index, _ in enumerate(names):
    assert f' from {index} to {index + 0.9}' in told
  styles = {int(number) for number in re.findall(r'^\.line-(\d+) {', html, re.MULTILINE)}
  assert styles | {0} >= {int(number) for number in re.findall(r'class="line line-(\d+)"', html)}


def test_pictures_are_the_pixels_of_the_artifacts(run):
  page = Page(run.html())
  by_alt = {image['alt']: image for image in page.all('img')}
  golden = _pixels(by_alt['golden sample 7'])
  exported = _pixels(by_alt['the same sample from tflite_int8'])
  pixels = np.load(run.inputs['golden'] / 'golden.npz')['pixels'][..., 0]
  np.testing.assert_array_equal(golden, pixels[7])
  np.testing.assert_array_equal(exported, pixels[7] + 51)
  hero = _pixels(by_alt['Generated samples, one column for each of the classes zero, one, two'])
  np.testing.assert_array_equal(hero[8:16, 16:24], pixels[5])


def _pixels(image: dict[str, str]) -> np.ndarray:
  data = base64.b64decode(image['src'].partition('base64,')[2])
  return np.asarray(PIL.Image.open(io.BytesIO(data)))


def test_names_are_escaped(make_run):
  run = make_run(['<script>alert(1)</script>', '"onload="x', "'&amp;"])
  (run.inputs['train'] / 'MANIFEST.json').unlink()
  facts = run.read('ingest', 'dataset.json') | {'name': '<b>data</b>'}
  run.write('ingest', 'dataset.json', facts)
  html = run.html()
  page = Page(html)
  assert '<script>alert' not in html
  assert len(page.all('script')) == 1
  assert '<script>alert(1)</script>' in page.text
  assert '<b>data</b>' in page.text
  assert not any('onload' in attributes for _, attributes in page.elements)


def test_an_unconditional_model(make_run):
  run = make_run([])
  page = Page(run.html())
  assert '(unconditional)' in page.text
  assert 'Coverage 93.1 % against 96.8 % among real images' in page.text
  assert 'Label agreement' not in page.text
  assert 'No class histogram' in page.text
  assert 'the model is unconditional' in page.text
  assert '"inputs": {"seed": [7]}' in page.text


def test_the_folder_for_apps_is_named_with_its_size(run):
  assert 'Put it into an app' not in Page(run.html()).text
  manifest = run.read('push', 'MANIFEST.json')
  for name, num_bytes in (('bundle/README.md', 4_000), ('bundle/generator.tflite', 800_000)):
    manifest['files'].append({'path': name, 'bytes': num_bytes, 'sha256': 'ab'})
  run.write('push', 'MANIFEST.json', manifest)
  assert 'runs/small/push/bundle holds 2 files, 804 kB' in Page(run.html()).text


def test_a_failed_gate_is_the_reason(run):
  run.drop('push')
  facts = run.read('evaluate', 'metrics.json')
  facts['gate'][1] |= {'value': 0.951, 'passed': False}
  facts['figures'].pop('label_agreement@mnist-ab12cd34')
  run.write('evaluate', 'metrics.json', facts)
  text = Page(run.html()).text
  assert 'Not pushed: Label agreement is 95.1 %; the gate asks for at least 98 %.' in text
  assert 'Nothing to serve: this model was not pushed.' in text
  assert '95.1 % – at least 98 % ✗ failed' in text
  assert 'docker' not in text


def test_a_failed_export_is_the_reason(run):
  run.drop('push')
  facts = run.read('validate', 'validation.json') | {'passed': False}
  facts['models'][1]['checks'][0] |= {'value': 22.4, 'passed': False}
  run.write('validate', 'validation.json', facts)
  assert (
    'Not pushed: tflite_int8: mean PSNR is 22.4 dB; the limit is at least 25 dB (worst sample 7).'
  ) in Page(run.html()).text


@pytest.mark.parametrize(
  ('result', 'told'),
  [
    ({'message': 'can not be run: no memory'}, 'tflite_int8: can not be run: no memory.'),
    ({'value': -1e30}, 'mean PSNR is not finite; the limit is at least 25 dB (worst sample 7).'),
  ],
)
def test_an_export_without_figures_says_why(run, result, told):
  run.drop('push')
  facts = run.read('validate', 'validation.json') | {'passed': False}
  facts['models'][1]['checks'][0] |= {'passed': False, **result}
  run.write('validate', 'validation.json', facts)
  assert told in Page(run.html()).text


@pytest.mark.parametrize(
  ('first_missing', 'reason'),
  [
    ('ingest', 'the data was not ingested'),
    ('train', 'training has not finished'),
    ('evaluate', 'the generator was not evaluated'),
    ('golden', 'there are no golden samples'),
    ('export_saved_model', 'the SavedModel was not exported'),
    ('export_tflite', 'the TFLite files were not exported'),
    ('validate', 'the exported models were not validated'),
    ('push', 'the push stage has not run, or it failed'),
  ],
)
def test_a_run_that_stopped_early_still_has_a_report(run, first_missing, reason):
  stages = list(run.inputs)
  run.drop(*stages[stages.index(first_missing) :])
  assert f'Not pushed: {reason}.' in Page(run.html()).text


def test_artifacts_of_an_earlier_model_are_left_out(run):
  manifest = run.read('golden', 'MANIFEST.json')
  manifest['inputs']['evaluate'] = 'the digest of an earlier evaluation'
  run.write('golden', 'MANIFEST.json', manifest)
  text = Page(run.html()).text
  assert 'Not pushed: the run stopped before golden' in text
  assert 'The exported models were not compared with golden' in text
  assert 'version 3' not in text


def test_manifests_may_lack_anything(run):
  for stage in run.inputs:
    run.write(stage, 'MANIFEST.json', {})
  (run.folder / 'replay.flags').unlink()
  text = Page(run.html()).text
  assert 'digits , version 3' in text
  assert 'The run left no settings' in text
  assert 'The manifests name no versions' in text


def test_without_replay_flags_the_manifests_tell_the_settings(run):
  (run.folder / 'replay.flags').unlink()
  manifest = run.read('train', 'MANIFEST.json')
  run.write('train', 'MANIFEST.json', manifest | {'config': {'train_steps': 40, 'xla': True}})
  assert '--train_steps=40 --xla=true' in Page(run.html()).text


@pytest.mark.parametrize(
  ('stage', 'name', 'content'),
  [
    ('ingest', 'dataset.json', b'{"name": "digits"'),
    ('ingest', 'dataset.json', b'{}'),
    ('train', 'training.json', b'\xff\xfe\x00'),
    ('train', 'metrics.jsonl', b'{"step": 1}\n{"step": 2, "gen'),
    ('train', 'metrics.jsonl', b'{"loss": 1}\n'),
    ('train', 'rollbacks.jsonl', b'{"step": 1'),
    ('train', 'samples/step-000020.png', b'no picture'),
    ('evaluate', 'metrics.json', b'[1, 2]'),
    ('evaluate', 'metrics.json', b'{"figures": "many", "num_images": 3}'),
    ('evaluate', 'metrics.json', b'[' * 100_000),
    ('golden', 'golden.npz', b'PK\x03\x04 not a zip'),
    ('golden', 'golden.json', None),
    ('validate', 'validation.json', b'{"passed": true, "models": [{"name": "x"}]}'),
    ('validate', 'golden.png', b''),
    ('push', 'pushed.json', b'null'),
    ('push', 'pushed.json', b'{"model_name": "digits"}'),
    ('push', 'MANIFEST.json', b'{"files": [1], "duration_s": "long"}'),
  ],
)
def test_a_damaged_artifact_is_one_line(run, stage, name, content):
  path = run.inputs[stage] / name
  if content is None:
    path.unlink()
  else:
    path.write_bytes(content)
  with pytest.raises(errors.ArtifactError) as caught:
    run.html()
  message = str(caught.value)
  assert '\n' not in message
  assert len(message) < 400
  assert str(path) in message
  assert 'run the same command again' in message
  assert not (run.folder / 'report' / 'report.html').exists()


def test_collapses_and_returns_are_marked(run):
  path = run.inputs['train'] / 'metrics.jsonl'
  records = [json.loads(line) for line in path.read_text().splitlines()]
  for record, ratio in zip(records[1::2], (0.9, 0.04, 0.5, 0.03, 0.9), strict=True):
    record |= {'spread_ratio': ratio, 'class_entropy_ratio': 0.8}
  records[3]['warning'] = 'spread_ratio=0.04 at step 16 is below --min_spread_ratio=0.25'
  path.write_text('\n'.join(json.dumps(record) for record in records))
  rollbacks = [
    {'step': 16, 'collapsed': {'spread_ratio': 0.0412}, 'rate_factor': 1.0},
    {'step': 21, 'not_finite': ['generator_loss', 'a'], 'rate_factor': 0.5},
  ]
  lines = '\n'.join(json.dumps(rollback) for rollback in rollbacks)
  (run.inputs['train'] / 'rollbacks.jsonl').write_text(lines)
  page = Page(run.html())
  assert len([p for p in page.all('p') if p.get('class') == 'notice']) == 3
  for told in (
    'The generator had collapsed at one check; spread_ratio=0.04 at step 16 is below',
    'At step 16 the generator had collapsed (spread_ratio=0.0412); training went back',
    'At step 21 generator_loss and 1 more was not finite; training went back, and on with half',
    'Diversity, real images = 1',
  ):
    assert told in page.text


def test_broken_curves_are_drawn_around_their_gaps(run):
  path = run.inputs['train'] / 'metrics.jsonl'
  records = [json.loads(line) for line in path.read_text().splitlines()]
  records[3]['generator_loss'] = None
  records[4]['generator_loss'] = float('nan')
  path.write_text('\n'.join(json.dumps(record) for record in records))
  html = run.html()
  [path_data] = re.findall(r'd="(M[^"]*)"', html.split('<strong>Losses')[1].split('</svg>')[0])[1:]
  assert path_data.count('M') == 2
  assert path_data.count('M') + path_data.count('L') == len(records) - 2
  assert 'nan' not in html.split('<svg', 1)[1]


def test_a_step_logged_twice_after_a_resume_counts_once(run):
  path = run.inputs['train'] / 'metrics.jsonl'
  once = run.html()
  path.write_text(path.read_text() + path.read_text())
  assert run.html() == once


def test_large_colour_samples_stay_small(run):
  images = np.random.default_rng(1).integers(0, 255, (25, 48, 48, 3), np.uint8)
  shutil.rmtree(run.inputs['train'] / 'samples')
  (run.inputs['train'] / 'samples').mkdir()
  pictures.save_grid(run.inputs['train'] / 'samples/step-000010.png', images, 5)
  for step in range(20, 170, 10):
    shutil.copy(
      run.inputs['train'] / 'samples/step-000010.png',
      run.inputs['train'] / f'samples/step-{step:06}.png',
    )
  html = run.html()
  assert len(html) < 3_000_000
  assert 'at 11 of 16 steps' in Page(html).text
  assert 'Step 30 , chosen' in Page(html).text
  assert 'Step 160' in Page(html).text


def test_the_same_artifacts_give_the_same_bytes(run):
  assert run.html() == run.html()


def test_it_says_what_it_wrote(run):
  run.html()
  assert 'report.html' in run.log.getvalue()


def test_a_report_alone_does_not_wait_for_tensorflow():
  program = "import sys; from pipeline.report import stage; print('tensorflow' in sys.modules)"
  assert subprocess.check_output([sys.executable, '-c', program], text=True) == 'False\n'
