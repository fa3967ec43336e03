import pathlib
import subprocess
import sys

import pytest
from google.protobuf import descriptor_pb2
from tensorflow.core.framework import tensor_pb2, tensor_shape_pb2, types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  get_model_status_pb2,
  model_pb2,
  model_service_pb2,
  predict_pb2,
  prediction_service_pb2,
)

from serving.client import protos

FOLDER = pathlib.Path(protos.__file__).parent
FILE = 'tf_serving.proto'
OFFICIAL = [
  get_model_metadata_pb2,
  get_model_status_pb2,
  meta_graph_pb2,
  model_pb2,
  predict_pb2,
  tensor_pb2,
  tensor_shape_pb2,
]
SERVICES = [model_service_pb2, prediction_service_pb2]


def ours(compiled: pathlib.Path) -> descriptor_pb2.FileDescriptorProto:
  files = descriptor_pb2.FileDescriptorSet.FromString(compiled.read_bytes()).file
  return next(file for file in files if file.name == FILE)


COMPILED = ours(FOLDER / 'tf_serving.binpb')


def official_messages() -> dict:
  found: dict = {}
  for module in OFFICIAL:
    found |= module.DESCRIPTOR.message_types_by_name
  status = found['ModelVersionStatus'].fields_by_name['status'].message_type
  return found | {status.name: status}


def test_compiled_file_is_that_of_the_text(tmp_path: pathlib.Path):
  out = tmp_path / 'out.binpb'
  flags = [f'--proto_path={FOLDER}', '--include_imports', f'--descriptor_set_out={out}']
  subprocess.run([sys.executable, '-m', 'grpc_tools.protoc', *flags, FILE], check=True, timeout=120)
  assert ours(out) == COMPILED, f'{FILE} says how to compile it'


def check(mine, official) -> None:
  """Every field of ours is one of the official message."""
  for field in mine.fields:
    other = official.fields_by_number[field.number]
    assert (field.name, field.is_repeated) == (other.name, other.is_repeated)
    wire = {field.type, other.type} - {field.TYPE_ENUM, field.TYPE_INT32}  # these two are alike
    assert len(wire) <= 1
    assert (field.containing_oneof is None) == (other.containing_oneof is None)
    if field.message_type and not field.message_type.file.name.startswith('google'):
      assert field.message_type.name == other.message_type.name
      check(field.message_type, other.message_type)


@pytest.mark.parametrize(
  'name', [message.name for message in ours(FOLDER / 'tf_serving.binpb').message_type]
)
def test_messages_are_part_of_the_official_ones(name: str):
  mine = protos._pool.FindMessageTypeByName(f'tensorflow.serving.{name}')
  check(mine, official_messages()[name])


def test_enums_are_part_of_the_official_ones():
  assert (
    dict(types_pb2.DataType.items()).items()
    >= {value.name: value.number for value in protos.DATA_TYPES.values}.items()
  )
  states = get_model_status_pb2.ModelVersionStatus.State
  assert dict(states.items()) == {value.name: value.number for value in protos.STATES.values}


def test_methods_are_those_of_the_official_services():
  for service in COMPILED.service:
    official = next(
      module.DESCRIPTOR.services_by_name[service.name]
      for module in SERVICES
      if service.name in module.DESCRIPTOR.services_by_name
    )
    assert official.full_name == f'tensorflow.serving.{service.name}'
    for method in service.method:
      other = official.methods_by_name[method.name]
      assert method.input_type == f'.{other.input_type.full_name}'
      assert method.output_type == f'.{other.output_type.full_name}'


def run(code: str) -> str:
  done = subprocess.run(
    [sys.executable, '-W', 'error', '-c', code], capture_output=True, text=True, timeout=300
  )
  assert done.returncode == 0, done.stderr
  return done.stdout


def test_client_does_not_import_tensorflow():
  code = """
import sys
from serving.client import AsyncClient, Client
for kind in Client, AsyncClient:
  for protocol in 'grpc', 'rest':
    kind('localhost:1', model_name='m', protocol=protocol)
import serving.client.__main__
print([name for name in sys.modules if name.startswith(('tensorflow', 'tf_keras', 'pipeline'))])
"""
  assert run(code) == '[]\n'


IMPORTS = [
  'from serving.client import protos as mine',
  'from tensorflow_serving.apis import predict_pb2 as official',
]


@pytest.mark.slow
@pytest.mark.parametrize('order', [IMPORTS, IMPORTS[::-1]], ids=['mine first', 'mine second'])
def test_both_in_one_process(order: list[str]):
  code = (
    '\n'.join(order)
    + """
request = mine.PredictRequest()
request.model_spec.version.value = 7
request.inputs['x'].int64_val.extend([1, 2])
read = official.PredictRequest.FromString(request.SerializeToString())
print(read.model_spec.version.value, list(read.inputs['x'].int64_val))
"""
  )
  assert run(code) == '7 [1, 2]\n'
