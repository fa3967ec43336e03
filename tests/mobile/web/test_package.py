"""The package as apps use it: parts in Node.js, the generator in a browser."""

import base64
import json
import pathlib
import re
import shutil
import subprocess
from collections.abc import Callable

import numpy as np
import pytest
from selenium.webdriver.remote.webdriver import WebDriver

from mobile import gan_info, seal
from pipeline import latents
from tests.mobile.web import browser
from tests.mobile.web.conftest import SOURCE, npm

SEEDS = (0, 1, -1, 7, 2**31, 2**32, 2**40 + 5, 2**63 - 1, -(2**63))


def test_it_knows_the_table_of_latents():
  text = re.search(r"'([A-Za-z0-9+/=]{100,})'", (SOURCE / 'src/quantiles.ts').read_text())[1]
  upper = np.frombuffer(base64.b64decode(text), '<f4')
  np.testing.assert_array_equal(upper, latents.quantile_table()[len(upper) :])


def test_the_lock_file_names_no_host_to_load_from():
  assert '"resolved"' not in (SOURCE / 'package-lock.json').read_text()


@pytest.mark.slow
def test_style_and_types(packages: pathlib.Path):
  npm('run', 'lint')


def node(lib: pathlib.Path, script: str, *arguments: str) -> object:
  """What a module that imports the package's files prints, as JSON."""
  command = ['node', '--input-type=module', '-e', script, *arguments]
  ended = subprocess.run(command, cwd=lib, capture_output=True, text=True, timeout=300, check=False)
  assert ended.returncode == 0, ended.stderr
  return json.loads(ended.stdout)


@pytest.mark.slow
def test_seeds_mean_what_they_mean_in_python(lib: pathlib.Path):
  script = """
    import {latentFromSeed} from './latents.js';
    const bits = seed => Array.from(new Uint32Array(latentFromSeed(BigInt(seed), 100).buffer));
    console.log(JSON.stringify(process.argv.slice(1).map(bits)));
  """
  wanted = latents.latents_from_seeds(np.array(SEEDS), 100).numpy().view(np.uint32)
  np.testing.assert_array_equal(node(lib, script, *map(str, SEEDS)), wanted)


@pytest.mark.slow
def test_the_way_between_two_latents_is_a_great_circle(lib: pathlib.Path):
  script = """
    import {latentFromSeed} from './latents.js';
    import {interpolate} from './interpolate.js';
    const [a, b] = [1n, 2n].map(seed => latentFromSeed(seed, 64));
    const ways = [0, 0.25, 0.5, 1].map(t => interpolate(a, b, t));
    console.log(JSON.stringify([...ways, interpolate(a, a, 0.5)].map(way => Array.from(way))));
  """
  start, quarter, half, end, same = np.array(node(lib, script), np.float32)
  a, b = latents.latents_from_seeds(np.array([1, 2]), 64).numpy()
  for seen, wanted in ((start, a), (end, b), (same, a)):
    np.testing.assert_array_equal(seen, wanted)
  angle = np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))
  for seen, t in ((quarter, 0.25), (half, 0.5)):
    wanted = (np.sin((1 - t) * angle) * a + np.sin(t * angle) * b) / np.sin(angle)
    np.testing.assert_allclose(seen, wanted, atol=1e-6)


@pytest.mark.slow
def test_the_way_between_latents_on_one_line_is_that_line(lib: pathlib.Path):
  script = """
    import {interpolate} from './interpolate.js';
    const latent = Float32Array.of(1, -2);
    const ways = [2, -1, 0].map(
      factor => [0, 0.5, 1].map(t => interpolate(latent, latent.map(x => factor * x), t)),
    );
    console.log(JSON.stringify(ways.map(way => way.map(point => Array.from(point)))));
  """
  latent = np.array([1, -2])
  wanted = [[latent, (1 + factor) / 2 * latent, factor * latent] for factor in (2, -1, 0)]
  np.testing.assert_array_equal(node(lib, script), wanted)


@pytest.mark.slow
def test_gan_info_is_read_as_python_reads_it(lib: pathlib.Path, bundle: pathlib.Path):
  script = """
    import {readFileSync} from 'node:fs';
    import {readGanInfo} from './ganInfo.js';
    console.log(JSON.stringify(process.argv.slice(1).map(path => readGanInfo(readFileSync(path)))));
  """
  paths = sorted(bundle.glob('*.tflite'))
  for path, seen in zip(paths, node(lib, script, *map(str, paths)), strict=True):
    info = gan_info.read(path.read_bytes())
    assert (seen['height'], seen['width'], seen['channels']) == info.image_shape
    assert tuple(seen['classNames']) == info.class_names
    assert seen['latentType'] == info.latent_coding['dtype']
    assert (seen['latentSize'], seen['numClasses']) == (info.latent_size, info.num_classes)
    assert seen['version'] == info.version


@pytest.mark.slow
def test_a_damaged_model_is_a_clear_error(lib: pathlib.Path, bundle: pathlib.Path):
  script = """
    import {readFileSync} from 'node:fs';
    import {readGanInfo} from './ganInfo.js';
    const model = readFileSync(process.argv[1]);
    const nameless = Buffer.from(model);
    nameless.write('NOT_INFO', model.indexOf('GAN_INFO'));
    const message = bytes => {
      try {
        readGanInfo(bytes);
      } catch (error) {
        return error.message;
      }
    };
    const start = length => model.subarray(0, length);
    console.log(JSON.stringify([start(3), start(40), start(3000), nameless].map(message)));
  """
  assert node(lib, script, str(bundle / 'generator.tflite')) == [
    'These bytes are no TFLite model. Pass the contents of a .tflite file.',
    'The model file is damaged. Load it again.',
    'The model file is damaged. Load it again.',
    'The model has no GAN_INFO. Use a file written by the export_tflite stage.',
  ]


_APP = """<!doctype html>
<link rel="icon" href="data:,">
<script type="importmap">
  {"imports": {"@litertjs/core": "./litert/core/dist/index.js",
               "@litertjs/wasm-utils": "./litert/wasm-utils/dist/index.js"}}
</script>
<pre id="said"></pre>
<script type="module">
  import {CompiledModel, Tensor} from '@litertjs/core';
  import {Generator, openOnWebGpu, openRight, selfTest} from './lib/index.js';
  const said = [];
  const options = {runtimeUrl: 'litert/core/wasm/'};
  const attempt = async action => {
    try { said.push(await action()); } catch (error) { said.push(error.message); }
  };
  const golden = await (await fetch('bundle/golden.json')).json();
  // ACTIONS
  document.getElementById('said').textContent = said.join('\\n') + '\\nend';
</script>
"""


@pytest.fixture
def run_app(
  open_browser: Callable[..., WebDriver],
  packages: pathlib.Path,
  lib: pathlib.Path,
  bundle: pathlib.Path,
  tmp_path: pathlib.Path,
) -> Callable[..., list[str]]:
  """What an app says that uses the package's files in a browser."""

  def run(actions: str, *flags: str) -> list[str]:
    app = tmp_path / 'app'
    app.mkdir()
    (app / 'index.html').write_text(_APP.replace('// ACTIONS', actions))
    for name, folder in (('litert', packages / '@litertjs'), ('lib', lib), ('bundle', bundle)):
      (app / name).symlink_to(folder)
    driver = open_browser('phone', flags=flags)
    with browser.serving(app) as address:
      driver.get(address)
      browser.wait_for_text(driver, 'said', 'end')
    return driver.find_element('id', 'said').text.splitlines()[:-1]

  return run


@pytest.mark.slow
def test_an_app_opens_every_file_that_a_browser_can_run(run_app: Callable[..., list[str]]):
  actions = """
    for (const name of Object.keys(golden.models)) {
      await attempt(async () => {
        const generator = await Generator.open('bundle/' + name, options);
        const {message} = await selfTest(generator, golden);
        generator.close();
        return name + ': ' + message;
      });
    }
    const generator = await Generator.open('bundle/generator.tflite', options);
    const versioned = await Generator.open('bundle/generator.tflite?v=2#a/b', options);
    await attempt(async () => (await selfTest(versioned, golden)).message);
    await attempt(() => generator.generate(1n, 10));
    await attempt(() => generator.generate(new Float32Array(3), 1));
    await attempt(async () => String((await generator.generate(1n, 1)).length));
  """
  assert run_app(actions) == [
    'generator.tflite: 16 of 16 pictures are right to the byte.',
    'generator_f16.tflite: 16 of 16 pictures are right within one grey level.',
    'generator_f32.tflite: 16 of 16 pictures are right within one grey level.',
    "generator_i8.tflite takes int8, which LiteRT.js can't pass. Use generator.tflite.",
    '16 of 16 pictures are right to the byte.',
    'Label 10 is unknown. This model has 0 to 9.',
    'The latent has 3 values. This model takes 100.',
    '784',
  ]


@pytest.mark.slow
def test_what_goes_wrong_holds_no_memory(run_app: Callable[..., list[str]]):
  actions = """
    const freed = {Tensor: 0, CompiledModel: 0};
    for (const type of [Tensor, CompiledModel]) {
      const free = type.prototype.delete;
      const name = type === Tensor ? 'Tensor' : 'CompiledModel';
      type.prototype.delete = function () { freed[name] += !this.deleted; free.call(this); };
    }
    const generator = await Generator.open('bundle/generator.tflite', options);
    generator.close();
    await attempt(() => generator.generate(1n, 1));
    said.push(`${freed.Tensor} tensors`);
    await attempt(() => openOnWebGpu('bundle/generator_f16.tflite', {...golden, latents: '?'}));
    said.push(`${freed.CompiledModel} models`);
  """
  closed, tensors, refused, models = run_app(actions, *browser.WEBGPU)
  assert 'deleted' in closed
  assert tensors == '2 tensors'
  assert 'atob' in refused
  assert models == '2 models'


@pytest.mark.slow
def test_the_first_file_that_is_right_is_opened(run_app: Callable[..., list[str]]):
  actions = """
    const files = ['generator.tflite', 'generator_f16.tflite'];
    const urls = files.map(file => 'bundle/' + file);
    const spoiled = structuredClone(golden);
    for (const file of [null, ...files]) {
      if (file) spoiled.models[file].pixels = btoa('x' + atob(golden.models[file].pixels));
      await attempt(async () => (await openRight(urls, spoiled, options)).fileName);
    }
  """
  whole, floats, neither = run_app(actions)
  assert (whole, floats) == ('generator.tflite', 'generator_f16.tflite')
  for file in ('generator.tflite', 'generator_f16.tflite'):
    assert f'16 of 16 pictures of {file} are wrong' in neither


@pytest.mark.slow
def test_the_seal_is_that_of_python(lib: pathlib.Path):
  script = """
    import {isWhole} from './seal.js';
    globalThis.isSecureContext = true;
    const files = process.argv.slice(1).map(text => Uint8Array.from(Buffer.from(text, 'hex')));
    console.log(JSON.stringify(await Promise.all(files.map(isWhole))));
  """
  file = seal.sealed(b'a model')
  others = (file[:-1], b'b' + file[1:], file + b'.', b'a model', b'')
  assert node(lib, script, *(each.hex() for each in (file, seal.sealed(b''), *others))) == [
    *(True, True),
    *(False for _ in others),
  ]


@pytest.mark.slow
def test_a_worker_can_draw(
  open_browser: Callable[..., WebDriver],
  packages: pathlib.Path,
  lib: pathlib.Path,
  bundle: pathlib.Path,
  tmp_path: pathlib.Path,
):
  """Workers have no import maps: here, as bundlers do it, the files name addresses."""
  app = tmp_path / 'app'
  shutil.copytree(lib, app / 'lib')
  shutil.copytree(packages / '@litertjs', app / '@litertjs')
  shutil.copytree(bundle, app / 'bundle')
  for path in (*app.glob('lib/*.js'), app / '@litertjs/core/dist/index.js'):
    addressed = re.sub(r'(["\'])(@litertjs/[a-z-]+)\1', r'"/\2/dist/index.js"', path.read_text())
    path.write_text(addressed)
  (app / 'worker.js').write_text("""
    const draw = async () => {
      const {Generator} = await import('/lib/index.js');
      const options = {runtimeUrl: '@litertjs/core/wasm/'};
      const generator = await Generator.open('bundle/generator.tflite', options);
      return (await generator.generate(1n, 1)).length;
    };
    draw().then(postMessage, error => postMessage(error.message));
  """)
  (app / 'index.html').write_text('<!doctype html>')
  driver = open_browser('phone')
  with browser.serving(app) as address:
    driver.get(address)
    script = "new Worker('worker.js').onmessage = ({data}) => arguments[0](data)"
    assert driver.execute_async_script(script) == 784
