"""Protocol messages described in code, for those that no installed package brings."""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

_Field = descriptor_pb2.FieldDescriptorProto
_WRAPPERS = wrappers_pb2.DESCRIPTOR.name
_POOL = descriptor_pool.DescriptorPool()
_POOL.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)


def message_class(name: str, **fields: str) -> Any:
  """A message whose fields are numbered from 1.

  Args:
    name: of the message.
    fields: their types: a scalar's, a message's, or either after 'repeated '.
  """
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
