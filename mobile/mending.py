"""What is mended in every file that comes from the converter."""

from ai_edge_litert import schema_py_generated as schema

from mobile import flatbuffer, one_hot, tanh_range


def mended(model: bytes) -> schema.ModelT:
  """The contents of a converted file, mended."""
  parsed = flatbuffer.parse(model)
  one_hot.mend(parsed)
  tanh_range.mend(parsed)
  return parsed
