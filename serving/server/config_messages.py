"""Messages of configuration files that the package tensorflow-serving-api leaves out.

Source: the .proto files in tensorflow_serving/config and session_bundle_config.proto. The text form
knows fields by their names alone, so their numbers are free.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

_Field = descriptor_pb2.FieldDescriptorProto
_WRAPPERS = wrappers_pb2.DESCRIPTOR.name
_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)


def _message(name: str, **fields: str) -> Any:
  """A message class; a field's type is a scalar's, a message's, or either after 'repeated '."""
  file = descriptor_pb2.FileDescriptorProto(
    name=f'{name}.proto', package='tensorflow.serving', syntax='proto3', dependency=[_WRAPPERS]
  )
  message = file.message_type.add(name=name)
  for number, (key, kind) in enumerate(fields.items(), 1):
    field = message.field.add(name=key, number=number, label=_Field.LABEL_OPTIONAL)
    if kind.startswith('repeated '):
      field.label, kind = _Field.LABEL_REPEATED, kind.removeprefix('repeated ')
    if kind[0].isupper():
      package = 'google.protobuf' if kind.endswith('Value') else 'tensorflow.serving'
      field.type, field.type_name = _Field.TYPE_MESSAGE, f'.{package}.{kind}'
      if package == 'tensorflow.serving':
        file.dependency.append(f'{kind}.proto')
    else:
      field.type = getattr(_Field, f'TYPE_{kind.upper()}')
  _POOL.Add(file)
  return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f'tensorflow.serving.{name}'))


SSLConfig = _message(
  'SSLConfig', server_key='string', server_cert='string', custom_ca='string', client_verify='bool'
)
PrometheusConfig = _message('PrometheusConfig', enable='bool', path='string')
MonitoringConfig = _message('MonitoringConfig', prometheus_config='PrometheusConfig')
BatchingParameters = _message(
  'BatchingParameters',
  max_batch_size='Int64Value',
  batch_timeout_micros='Int64Value',
  max_enqueued_batches='Int64Value',
  num_batch_threads='Int64Value',
  thread_pool_name='StringValue',
  allowed_batch_sizes='repeated int64',
  pad_variable_length_inputs='bool',
  enable_large_batch_splitting='BoolValue',
  max_execution_batch_size='Int64Value',
)
