import asyncio
import base64
import contextlib
import gzip
import http.client
import json
import pathlib
import socket
import threading

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies as st

from serving.server import inference, metrics, models, ports, rest_api, rest_service
from serving.server.errors import HTTP_STATUS, ServingError
from serving.server.options import Options
from serving.server.ports import free_ports
from tests.serving.server import live

SEEDS, LABELS = [3, 1, 2**40], [0, 2, 1]
LATENTS = np.random.default_rng(0).standard_normal([3, 8]).astype(np.float32)
IMAGES = np.random.default_rng(1).random([3, 8, 8, 1]).astype(np.float32)
CALLS = {
  'serving_default': {'seed': np.array(SEEDS), 'label': np.array(LABELS)},
  'from_latent': {'latent': LATENTS, 'label': np.array(LABELS)},
  'score': {'images': IMAGES, 'label': np.array(LABELS)},
}
MODEL = '/v1/models/digits'


@pytest.fixture(scope='module')
def signatures(saved_model: pathlib.Path):
  return tf.saved_model.load(str(saved_model)).signatures


def columns(inputs) -> dict:
  return {key: value.tolist() for key, value in inputs.items()}


def rows(inputs) -> list:
  lists = columns(inputs)
  return [dict(zip(lists, values, strict=True)) for values in zip(*lists.values(), strict=True)]


def arrays(values: list) -> np.ndarray:
  """The reply's numbers, or the bytes in its base64 objects."""
  if isinstance(values[0], dict):
    return np.array([base64.b64decode(value['b64']) for value in values], object)
  return np.array(values, np.float32)


@pytest.mark.parametrize('name', CALLS)
def test_rows_and_columns_are_what_the_saved_model_computes(
  server: live.Server, signatures, name: str
):
  inputs = CALLS[name]
  (expected,) = signatures[name](**{k: tf.constant(v) for k, v in inputs.items()}).values()
  by_row = server.post({'signature_name': name, 'instances': rows(inputs)})
  by_column = server.post({'signature_name': name, 'inputs': columns(inputs)})
  assert set(by_row) == {'predictions'}
  assert set(by_column) == {'outputs'}
  np.testing.assert_array_equal(arrays(by_row['predictions']), expected.numpy())
  np.testing.assert_array_equal(arrays(by_column['outputs']), expected.numpy())


def test_png_is_the_saved_models_picture(server: live.Server, signatures):
  pngs = arrays(server.post({'instances': rows(CALLS['serving_default'])})['predictions'])
  expected = signatures['serving_default'](
    **{k: tf.constant(v) for k, v in CALLS['serving_default'].items()}
  )['image_bytes']
  for png, png_expected in zip(pngs, expected.numpy(), strict=True):
    np.testing.assert_array_equal(tf.io.decode_png(png), tf.io.decode_png(png_expected))


def test_one_input_takes_bare_values_and_named_ones(odd_server: live.Server):
  outputs = {'double': [[2.0], [5.0]], 'sum': 3.5}
  for value in ([[1], [2.5]], {'number': [[1], [2.5]]}, {'number': [[1], [2.5]], 'extra': 1}):
    assert odd_server.post({'inputs': value}) == {'outputs': outputs}
  for value in ([[1]], [{'number': [1]}]):
    body = {'signature_name': 'rows', 'instances': value}
    assert odd_server.post(body) == {'predictions': [{'all': [1.0], 'first': [1.0]}]}


def test_bytes_come_back_as_base64_by_name(odd_server: live.Server):
  sent = [{'b64': base64.b64encode('ä"'.encode()).decode()}, 'plain']
  reply = odd_server.post({'signature_name': 'echo', 'instances': sent})
  assert reply['predictions'] == [
    {'text': 'ä"', 'text_bytes': {'b64': 'w6Qi'}},
    {'text': 'plain', 'text_bytes': {'b64': 'cGxhaW4='}},
  ]


def test_special_numbers_and_whole_numbers(odd_server: live.Server):
  body = b'{"inputs": [[NaN], [-Infinity], [1], [0.1], [16777215], [1e-7]]} and more'
  status, reply = odd_server.rest(f'{MODEL}:predict', body)
  assert status == 200
  text = '"double": [[NaN], [-Infinity], [2.0], [0.2], [33554430.0], [2e-07]]'
  assert text in reply.decode()


def test_gzip_is_inflated(server: live.Server):
  body = json.dumps({'instances': rows(CALLS['serving_default'])}).encode()
  status, reply = server.rest(f'{MODEL}:predict', gzip.compress(body), Content_Encoding='gzip')
  assert (status, json.loads(reply)) == (200, server.post(body))
  status, reply = server.rest(f'{MODEL}:predict', body, Content_Encoding='gzip')
  assert (status, json.loads(reply)) == (
    400,
    {'error': 'JSON Parse error: The document is empty'},
  )


def test_large_body_passes(odd_server: live.Server):
  number = [[0.123456789]] * 200_000  # 2.8 MB; the HTTP library's own limit is 1
  assert len(odd_server.post({'inputs': number})['outputs']['double']) == 200_000


def test_content_type_and_case_do_not_matter(server: live.Server):
  body = json.dumps({'instances': rows(CALLS['serving_default'])}).encode()
  status, reply = server.rest('/V1/Models/digits/Versions/1:Predict', body, Content_Type='x/y')
  assert (status, json.loads(reply)) == (200, server.post(body))
  assert server.rest('/v1/models/%64igits')[0] == 200


def test_reply_is_json(server: live.Server):
  connection = http.client.HTTPConnection('127.0.0.1', server.rest_port, timeout=60)
  for path in (MODEL, '/v1/nonsense'):
    connection.request('GET', path)
    response = connection.getresponse()
    assert response.getheader('Content-Type').startswith('application/json')
    json.loads(response.read())
  connection.close()


def test_status(server: live.Server):
  expected = {
    'model_version_status': [
      {'version': '1', 'state': 'AVAILABLE', 'status': {'error_code': 'OK', 'error_message': ''}}
    ]
  }
  for path in (MODEL, f'{MODEL}/versions/1', f'{MODEL}/labels/ignored'):
    status, reply = server.rest(path)
    assert (status, json.loads(reply)) == (200, expected)


def test_metadata(server: live.Server):
  status, reply = server.rest(f'{MODEL}/metadata')
  assert status == 200
  reply = json.loads(reply)
  assert reply['model_spec'] == {'name': 'digits', 'signature_name': '', 'version': '1'}
  signatures = reply['metadata']['signature_def']['signature_def']
  assert set(signatures) == {*CALLS, '__saved_model_init_op'}
  assert signatures['score']['method_name'] == 'tensorflow/serving/predict'
  assert signatures['score']['defaults'] == {}
  latent = signatures['from_latent']['inputs']['latent']
  assert latent['dtype'] == 'DT_FLOAT'
  assert latent['tensor_shape'] == {
    'dim': [{'size': '-1', 'name': ''}, {'size': '8', 'name': ''}],
    'unknown_rank': False,
  }


@pytest.mark.parametrize(
  ('method', 'path', 'code', 'text'),
  [
    ('GET', '/v1/models', 400, 'Missing model name in request.'),
    ('GET', '/v1/models/m', 404, 'Could not find any versions of model m'),
    ('GET', '/v1/models/m/metadata', 404, 'Servable not found for request: Latest(m)'),
    ('GET', f'{MODEL}/versions/9', 404, 'Could not find version 9 of model digits'),
    (
      'GET',
      f'{MODEL}/versions/9/metadata',
      404,
      'Servable not found for request: Specific(digits, 9)',
    ),
    ('GET', f'{MODEL}/labels/l%31/metadata', 400, 'Unrecognized servable version label: l1'),
    (
      'GET',
      f'{MODEL}/versions/{2**63}',
      400,
      f'Failed to convert version: {2**63} to numeric.',
    ),
    (
      'GET',
      f'{MODEL}/versions/{"0" * 20}{2**63}',
      400,
      f'Failed to convert version: {"0" * 20}{2**63} to numeric.',
    ),
    (
      'GET',
      f'{MODEL}/versions/{"9" * 5000}',
      400,
      f'Failed to convert version: {"9" * 5000} to numeric.',
    ),
    ('GET', f'{MODEL}/versions/{"0" * 5000}', 404, 'Could not find version 0 of model digits'),
    (
      'GET',
      f'{MODEL}/versions/0{2**63 - 1}',
      404,
      f'Could not find version {2**63 - 1} of model digits',
    ),
    ('GET', f'{MODEL}:predict', 400, f'Malformed request: GET {MODEL}:predict'),
    ('GET', '/v1/', 400, 'Malformed request: GET /v1/'),
    ('GET', '/v1/models/a/b', 400, 'Malformed request: GET /v1/models/a/b'),
    ('GET', '/v1/models/a%0Ab', 404, 'Could not find any versions of model a\nb'),
    ('PUT', MODEL, 400, f'Malformed request: PUT {MODEL}'),
    ('OPTIONS', MODEL, 400, f'Malformed request: OPTIONS {MODEL}'),
    ('POST', MODEL, 400, f'Malformed request: POST {MODEL}'),
    ('POST', f'{MODEL}:train', 400, f'Malformed request: POST {MODEL}:train'),
    ('POST', '/v1/models/m:predict', 404, 'Servable not found for request: Latest(m)'),
    (
      'POST',
      '/v1/models/m/versions/7:predict',
      404,
      'Servable not found for request: Specific(m, 7)',
    ),
    ('POST', f'{MODEL}/labels/l:predict', 400, 'Unrecognized servable version label: l'),
  ],
)
def test_path_errors(server: live.Server, method, path, code, text):
  body = b'{"instances": [1]}' if method == 'POST' else None
  status, reply = server.rest(path, body, method)
  assert (status, json.loads(reply)) == (code, {'error': text})


@pytest.mark.parametrize(
  ('path', 'name'),
  [('\udcff', '\ufffd'), ('\udcc3%a4', 'ä'), ('digits/labels/\udcff', '\ufffd'), ('%ff', '\ufffd')],
)
def test_paths_that_are_no_utf_8(path: str, name: str):
  """As aiohttp's parser in Python passes them on; the one in C refuses them."""
  with pytest.raises(ServingError, match=f'(Latest.{name}|version label: {name})'):
    api().work('GET', f'/v1/models/{path}/metadata')(b'', lambda: None)


def raw(server: live.Server, method: str, path: bytes, body: bytes) -> tuple[int, bytes]:
  """Status and body of the reply to a path of any bytes."""
  line = method.encode() + b' ' + path
  with socket.create_connection(('127.0.0.1', server.rest_port), 60) as connection:
    connection.sendall(
      b'%b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b' % (line, len(body), body)
    )
    reply = http.client.HTTPResponse(connection, method=method)
    reply.begin()
    return reply.status, reply.read()


def test_paths_outside_the_api_are_plain_404(server: live.Server):
  for path in ('/', '/v2/models/digits', '/v1'):
    status, reply = server.rest(path)
    assert status == 404
    assert not reply.startswith(b'{')


@pytest.mark.parametrize(
  ('body', 'text'),
  [
    (b'', 'JSON Parse error: The document is empty'),
    (b'{"instances": ]}', 'JSON Parse error: Invalid value. at offset: 14'),
    (b'[1]', 'JSON Value: [\n    1\n] Is not object'),
    (b'{}', "Missing 'inputs' or 'instances' key"),
    (
      b'{"inputs": 1, "instances": 1}',
      'JSON Value: {\n    "inputs": 1,\n    "instances": 1\n} Not formatted correctly expecting'
      " only one of 'inputs' or 'instances' keys to exist ",
    ),
    (
      b'{"instances": 1}',
      'JSON Value: {\n    "instances": 1\n} Excepting \'instances\' to be an list/array',
    ),
    (
      b'{"instances": []}',
      'JSON Value: {\n    "instances": []\n} No values in \'instances\' array',
    ),
    (
      b'{"signature_name": 1}',
      'JSON Value: {\n    "signature_name": 1\n} not formatted correctly. \'signature_name\' key'
      ' must be a string value.',
    ),
    (
      b'{"signature_name": "s", "instances": [1]}',
      'Serving signature name: "s" not found in signature def',
    ),
    (
      b'{"signature_name": "__saved_model_init_op", "instances": [1]}',
      'Failed to get input map for signature: __saved_model_init_op',
    ),
    (
      b'{"instances": [1]}',
      'instances is a plain list, but expecting list of objects as multiple input tensors required'
      ' as per tensorinfo_map',
    ),
    (
      b'{"inputs": [1]}',
      'inputs is a plain value/list, but expecting an object as multiple input tensors required'
      ' as per tensorinfo_map',
    ),
    (b'{"inputs": {"seed": [1]}}', "Missing named input: label in 'inputs' object."),
    (
      b'{"instances": [{"seed": 1}]}',
      'Failed to process element: 0 of \'instances\' list. JSON object: {\n    "seed": 1\n} keys'
      ' must be equal to: label,seed',
    ),
    (
      b'{"instances": [{"seed": 1, "label": 0, "x": 1}]}',
      "Failed to process element: 0 key: x of 'instances' list. Error: INVALID_ARGUMENT: JSON"
      ' object: does not have named input: x',
    ),
    (
      b'{"instances": [{"seed": 1, "label": 0}, {"seed": 2.0, "label": 0}]}',
      "Failed to process element: 1 key: seed of 'instances' list. Error: INVALID_ARGUMENT: JSON"
      ' Value: 2.0 Type: Number is not of expected type: int64',
    ),
    (
      b'{"instances": [{"seed": 1, "label": 0}, {"seed": [2], "label": 0}]}',
      "Failed to process element: 1 key: seed of 'instances' list. Error: INVALID_ARGUMENT:"
      ' Expecting shape [] but got: [1]',
    ),
    (
      b'{"instances": [{"seed": 1, "label": 0}, {"seed": [2, 3], "label": 0}]}',
      "Failed to process element: 1 key: seed of 'instances' list. Error: INVALID_ARGUMENT:"
      ' Expecting tensor size: 1 but got: 2',
    ),
    (
      b'{"instances": [{"seed": 1, "label": 0}, 2]}',
      'Expecting object but got list at item 1 of input list',
    ),
  ],
)
def test_predict_errors(server: live.Server, body: bytes, text: str):
  status, reply = server.rest(f'{MODEL}:predict', body, 'POST')
  assert (status, json.loads(reply)) == (400, {'error': text})


@pytest.mark.parametrize(
  ('body', 'code', 'text'),
  [
    (
      {'signature_name': 'half', 'inputs': [1]},
      501,
      'Conversion of JSON Value: 1 to type: half',
    ),
    (
      {'signature_name': 'to_half', 'inputs': [[1]]},
      400,
      'Failed to write JSON value for tensor type: half',
    ),
    (
      {'signature_name': 'serving_default', 'instances': [[1]]},
      400,
      'Tensor name: sum has no shape information ',
    ),
    (
      {'signature_name': 'rows', 'instances': [[1], [2]]},
      400,
      'Tensor name: first has inconsistent batch size: 1 expecting: 2',
    ),
    (
      {'inputs': [[16777216]]},
      400,
      'Cannot convert JSON value: 16777216 to float without loss of precision.',
    ),
    (
      {'inputs': [[1e39]]},
      400,
      'Cannot convert JSON value: 1e+39 to float without loss of precision.',
    ),
    (
      {'inputs': [[1], 2]},
      400,
      'JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2',
    ),
    (
      {'inputs': [[1], [2, 3]]},
      400,
      'Encountered list at unexpected size: 2 at level: 1 expected size: 1',
    ),
    ({'inputs': [1, [2]]}, 400, 'Encountered list at unexpected level: 1 expected < 1'),
    ({'inputs': [[None]]}, 400, 'JSON Value: null Type: Null is not of expected type: float'),
    ({'signature_name': 'echo', 'inputs': [{'b64': '_-8='}]}, 400, 'Unable to base64 decode'),
    (
      {'signature_name': 'echo', 'inputs': [{'b65': ''}]},
      400,
      'JSON Value: {\n    "b65": ""\n} not formatted correctly for base64 data',
    ),
    (
      {'signature_name': 'echo', 'instances': [{'b64': '/w=='}]},
      400,
      'Failed to write JSON value for tensor type: string',
    ),
    (
      {'instances': [[1], {'number': [1]}]},
      400,
      'Expecting value/list but got object at item 1 of input list',
    ),
  ],
)
def test_value_errors(odd_server: live.Server, body, code: int, text: str):
  status, reply = odd_server.rest(f'{MODEL}:predict', body)
  assert (status, json.loads(reply)) == (code, {'error': text})


def test_error_of_tensorflow(server: live.Server):
  status, reply = server.rest(f'{MODEL}:predict', {'instances': [{'seed': 1, 'label': 3}]})
  assert status == 400
  assert 'outside the 3 classes' in json.loads(reply)['error']


JSON = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
  lambda values: st.lists(values) | st.dictionaries(st.sampled_from(['b64', 'seed']), values),
  max_leaves=8,
)
BODIES = st.one_of(
  st.binary(),
  st.text().map(lambda text: text.encode('utf-8', 'replace')),
  JSON.map(lambda value: json.dumps(value).encode()),
  st.fixed_dictionaries(
    {},
    optional={
      'instances': st.one_of(
        JSON,
        st.lists(st.fixed_dictionaries({'seed': JSON, 'label': JSON}), max_size=3),
      ),
      'inputs': st.one_of(JSON, st.fixed_dictionaries({'seed': JSON, 'label': JSON})),
      'examples': st.one_of(JSON, st.lists(st.dictionaries(st.text(max_size=3), JSON), max_size=3)),
      'context': JSON,
      'signature_name': st.one_of(
        st.sampled_from(['', 'score', 'from_latent', 'regress', 's', 1]),
        st.text(st.characters(), max_size=3),  # lone surrogates too, unlike st.text()
      ),
    },
  ).map(lambda value: json.dumps(value).encode()),
)


PATHS = st.one_of(
  st.sampled_from([MODEL, '/v1/models/examples', '/v1/models', '/v1/', '/metrics', '/']),
  st.text(st.characters(codec='ascii', exclude_categories=['C', 'Z']), max_size=20).map(
    lambda text: f'/v1/models/{text}'
  ),
  st.tuples(st.integers(0, 5000), st.integers(0, 2**70)).map(
    lambda pair: f'{MODEL}/versions/{"0" * pair[0]}{pair[1]}'
  ),
).map(str.encode) | st.lists(st.integers(0x80, 0xFF), min_size=1, max_size=5).map(
  lambda values: b'/v1/models/' + bytes(values)
)
VERBS = st.sampled_from([':predict', ':classify', ':regress', '/metadata', '/versions/1', ':x', ''])
METHODS = st.sampled_from(['POST', 'POST', 'POST', 'GET', 'PUT', 'OPTIONS', 'DELETE'])
FUZZ = hypothesis.settings(deadline=None, derandomize=True, database=None)
QUICK = hypothesis.settings(FUZZ, max_examples=150)
ALL = hypothesis.settings(FUZZ, max_examples=10_000)


def check_answer(server: live.Server, method: str, path: bytes, body: bytes) -> None:
  status, reply = raw(server, method, path, body)
  assert status in (200, 400, 404), (status, reply)
  if path.startswith(b'/v1/') and path.isascii():  # any other is no HTTP
    json.loads(reply)


@pytest.mark.usefixtures('healthy_afterwards')
@hypothesis.given(BODIES)
@QUICK
def test_malformed_bodies_never_give_a_server_error(server: live.Server, body: bytes):
  check_answer(server, 'POST', f'{MODEL}:predict'.encode(), body)


@pytest.mark.usefixtures('healthy_afterwards')
@hypothesis.given(METHODS, PATHS, VERBS, BODIES)
@QUICK
def test_malformed_requests_never_give_a_server_error(
  odd_server: live.Server, method: str, path: bytes, verb: str, body: bytes
):
  check_answer(odd_server, method, path + verb.encode(), body)


@pytest.mark.slow
@pytest.mark.usefixtures('healthy_afterwards')
@hypothesis.given(METHODS, PATHS, VERBS, BODIES)
@ALL
def test_ten_thousand_malformed_requests(
  odd_server: live.Server, method: str, path: bytes, verb: str, body: bytes
):
  check_answer(odd_server, method, path + verb.encode(), body)


@pytest.mark.parametrize(
  'body',
  [
    b'{"inputs": ' + b'[' * 100_000 + b']' * 100_000 + b'}',
    b'{"inputs": {"seed": ' + b'[' * 500 + b'1' + b']' * 500 + b', "label": 1}}',
    b'{"instances": [{"seed": ' + b'[' * 63 + b'1' + b']' * 63 + b', "label": 1}]}',
    b'{"instances": [{"seed": ' + b'[' * 64 + b'1' + b']' * 64 + b', "label": 1}]}',
    b'{"inputs": ' + b'9' * 10_000 + b'}',
    b'{"inputs": -1e999}',
    b'{"inputs": "\\ud800"}',
    b'{"inputs": {"\xff": "\xff"}}',
    b'{"signature_name": "\xff", "inputs": 1}',
    b'{"instances": [{"\xff": 1}]}',
  ],
)
def test_hostile_bodies_are_the_clients_mistake(server: live.Server, body: bytes):
  status, reply = server.rest(f'{MODEL}:predict', body)
  assert status == 400
  json.loads(reply)


@pytest.mark.parametrize('verb', ['classify', 'regress', 'predict'])
@pytest.mark.parametrize('name', [b'\\ud800', b'\xff'])
def test_signature_names_that_are_no_utf_8(server: live.Server, verb: str, name: bytes):
  body = b'{"signature_name": "%b", "examples": [{}], "instances": [1]}' % name
  status, reply = server.rest(f'{MODEL}:{verb}', body)
  assert status == 400
  json.loads(reply)


def api() -> rest_api.RestApi:
  """Serves no model."""
  return rest_api.RestApi(inference.Inference(models.Models(), metrics.Metrics(), Options()))


def slowly(*parts: bytes, **timeouts_s: float) -> bytes:
  """What a server says to a client that sends parts with pauses, and no more."""
  head_timeout_s = timeouts_s.pop('head_timeout_s', 30)
  service = rest_service.RestService(api(), 1, None, **timeouts_s)
  (port,) = free_ports(1)

  async def ask() -> bytes:
    runner = service.runner(0)
    await runner.setup()
    http_server = await ports.open_http(runner, '127.0.0.1', port, head_timeout_s)
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    for part in parts:
      writer.write(part)
      await asyncio.sleep(0.05)
    try:
      reply = await asyncio.wait_for(reader.read(), 60)
    except ConnectionError:
      reply = b''
    writer.close()
    with contextlib.suppress(ConnectionError):
      await writer.wait_closed()
    http_server.close()
    await runner.cleanup()
    return reply

  return asyncio.run(ask())


POST = b'POST /v1/models/digits:predict HTTP/1.1\r\nHost: x\r\n'


@pytest.mark.parametrize(
  'body',
  [
    (b'Content-Length: 9\r\n\r\n', b'half'),
    (b'Transfer-Encoding: chunked\r\n\r\n', b'no size\r\n'),
  ],
)
def test_body_that_does_not_arrive_is_a_408(body: tuple[bytes, bytes]):
  reply = slowly(POST, *body, body_timeout_s=0.2)
  assert reply.startswith(b'HTTP/1.1 408')
  assert b'\r\nConnection: close\r\n' in reply  # the rest of the body is no next request


@pytest.mark.parametrize('parts', [[], [POST], [POST, b'X: y\r', b'\nZ: ']])
def test_head_that_does_not_arrive_ends_the_connection(parts: list[bytes]):
  assert slowly(*parts, head_timeout_s=0.3) == b''


def test_head_in_pieces_is_fine():
  pieces = POST[:9], POST[9:], b'Connection: close\r\n\r', b'\n'
  assert slowly(*pieces).startswith(b'HTTP/1.1 400')  # there is no JSON


def test_head_that_has_no_end_is_cut_off():
  assert b' 400 Bad Request' in slowly(POST, b'X: ' + b'y' * 100_000)[:30]


def test_body_that_is_announced_too_large():
  head = POST + b'Connection: close\r\nContent-Length: 9999999999\r\n\r\n'
  assert slowly(head).startswith(b'HTTP/1.1 413')  # at once, without reading it


def test_gzip_that_would_fill_the_memory_is_refused(server: live.Server):
  bomb = gzip.compress(bytes(101 * 2**20))
  status, reply = server.rest(f'{MODEL}:predict', bomb, Content_Encoding='gzip')
  assert (status, json.loads(reply)) == (
    400,
    {'error': 'JSON Parse error: The document is empty'},
  )


def headers(server: live.Server, method: str, path: str, **headers: str) -> dict[str, str]:
  connection = http.client.HTTPConnection('127.0.0.1', server.rest_port, timeout=60)
  connection.request(method, path, headers=headers)
  response = connection.getresponse()
  response.read()
  connection.close()
  return {'status': str(response.status), **dict(response.getheaders())}


def test_cors(odd_server: live.Server):
  for method in ('GET', 'OPTIONS'):
    found = headers(odd_server, method, MODEL, Origin='https://somewhere')
    assert found['status'] == '200'
    assert found['Access-Control-Allow-Origin'] == '*'
    assert found['Access-Control-Allow-Methods'] == 'POST, GET'
    assert found['Access-Control-Allow-Headers'] == 'Content-Type'
  for origin in ({}, {'Origin': 'file://x'}):
    assert headers(odd_server, 'OPTIONS', MODEL, **origin)['status'] == '400'


def test_cors_is_off_unless_asked_for(server: live.Server):
  assert 'Access-Control-Allow-Origin' not in headers(server, 'GET', MODEL)
  assert headers(server, 'OPTIONS', MODEL, Origin='https://somewhere')['status'] == '400'


def test_call_that_takes_too_long_is_a_504():
  release = threading.Event()
  service = rest_service.RestService(api(), 1, timeout_s=0.01)
  with pytest.raises(ServingError, match='DEADLINE_EXCEEDED') as caught:
    asyncio.run(service._in_pool(lambda body, _: release.wait(60) or body, b'', False))
  release.set()
  assert HTTP_STATUS[caught.value.code] == 504


def test_broken_http_does_not_stop_the_server(server: live.Server):
  for data in (b'\x00\xff\r\n\r\n', b'POST /v1/models/digits:predict HTTP/1.1\r\nContent-Le'):
    with socket.create_connection(('127.0.0.1', server.rest_port), 60) as connection:
      connection.sendall(data)
  assert server.rest(MODEL)[0] == 200


def test_broken_http_is_not_logged(caplog: pytest.LogCaptureFixture):
  head = b'GET /v1/models HTTP/1.1\r\nHost: x\r\nX: \x00\r\nConnection: close\r\n\r\n'
  assert b' 400 ' in slowly(head)[:15]
  assert not caplog.records


class Busy:
  """A service of one thread, which is busy until `go`; counts what it began."""

  def __init__(self) -> None:
    self.service = rest_service.RestService(self, 1, None)
    self.go, self.begun, self.num_begun = threading.Event(), asyncio.Event(), 0
    (self.port,) = free_ports(1)
    self.writers: list[asyncio.StreamWriter] = []

  def work(self, method: str, path: str) -> rest_api.Work:
    loop = asyncio.get_running_loop()

    def run(body: bytes, time_left: inference.TimeLeft) -> bytes:
      self.num_begun += 1
      loop.call_soon_threadsafe(self.begun.set)
      assert self.go.wait(60)
      return b'{}'

    return run

  async def ask(self) -> asyncio.StreamReader:
    reader, writer = await asyncio.open_connection('127.0.0.1', self.port)
    writer.write(b'GET /v1/models/m HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    self.writers.append(writer)
    return reader

  async def num_calls(self, number: int) -> None:
    async with asyncio.timeout(60):
      while self.service._num_calls != number:
        await asyncio.sleep(0.01)


def with_busy(use) -> None:
  async def run() -> None:
    busy = Busy()
    runner = busy.service.runner(0)
    await runner.setup()
    http_server = await ports.open_http(runner, '127.0.0.1', busy.port)
    try:
      await use(busy)
    finally:
      busy.go.set()
      for writer in busy.writers:
        writer.close()
      http_server.close()
      await runner.cleanup()
      busy.service._pool.shutdown()

  asyncio.run(run())


def test_the_queue_has_an_end():
  async def use(busy: Busy) -> None:
    busy.service._max_calls = 2
    readers = [await busy.ask() for _ in range(2)]
    await busy.num_calls(2)
    reply = await asyncio.wait_for((await busy.ask()).read(), 60)
    assert reply.startswith(b'HTTP/1.1 429')
    busy.go.set()
    for reader in readers:
      assert (await asyncio.wait_for(reader.read(), 60)).startswith(b'HTTP/1.1 200')
    await busy.num_calls(0)

  with_busy(use)


def test_nothing_is_computed_for_a_client_that_has_gone():
  async def use(busy: Busy) -> None:
    first = await busy.ask()
    await busy.begun.wait()
    await busy.ask()
    await busy.num_calls(2)
    busy.writers[-1].close()
    await busy.num_calls(1)
    busy.go.set()
    assert (await asyncio.wait_for(first.read(), 60)).startswith(b'HTTP/1.1 200')
    third = await busy.ask()
    assert (await asyncio.wait_for(third.read(), 60)).startswith(b'HTTP/1.1 200')
    assert busy.num_begun == 2

  with_busy(use)
