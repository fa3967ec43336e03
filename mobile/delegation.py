"""Which operations of a model file XNNPACK leaves to slower kernels.

On a phone's CPU, LiteRT hands what it can of a graph to XNNPACK, in one piece for each stretch that
it can take. Another piece, or an operation between two, costs a copy and a kernel that is several
times slower, and no tool reports it. So the interpreter here delegates as the phone's would, and
the graph tells what it left.
"""

from ai_edge_litert.interpreter import Interpreter

_DELEGATE = 'DELEGATE'
# What may stay outside: at an input the look-up of the label, at the output the change to bytes.
_AT_EDGES = ('GATHER', 'EMBEDDING_LOOKUP', 'QUANTIZE', 'CAST')


def problems(model: bytes) -> list[str]:
  """One line for each thing that keeps a model from running in XNNPACK as a whole.

  Args:
    model: a .tflite file's bytes, of one graph.
  """
  interpreter = Interpreter(model_content=model, num_threads=1)
  interpreter.allocate_tensors()  # an interpreter without delegates does not delegate before
  operations = interpreter._get_ops_details()  # what it delegated stays in the list
  pieces = [entry for entry in operations if entry['op_name'] == _DELEGATE]
  details = [*interpreter.get_input_details(), *interpreter.get_output_details()]
  edges = {detail['index'] for detail in details}
  left = {
    entry['op_name']
    for entry in _outside(operations, pieces)
    if not (entry['op_name'] in _AT_EDGES and edges & {*entry['inputs'], *entry['outputs']})
  }
  found = [f'XNNPACK can not compute {name}' for name in sorted(left)]
  if not left and len(pieces) != 1:
    found.append(f'XNNPACK computes it in {len(pieces)} pieces, not in one')
  return found


def _outside(operations: list[dict], pieces: list[dict]) -> list[dict]:
  """The operations that lie in no piece: no way leads back from its outputs to them."""
  makers = {
    int(index): entry
    for entry in operations
    if entry['op_name'] != _DELEGATE
    for index in entry['outputs']
  }
  inside: set[int] = set()
  for piece in pieces:
    waiting, inputs = [*map(int, piece['outputs'])], set(map(int, piece['inputs']))
    while waiting:
      index = waiting.pop()
      maker = makers.get(index)
      if maker is None or index in inputs or maker['index'] in inside:
        continue
      inside.add(maker['index'])
      waiting += map(int, maker['inputs'])
  return [entry for entry in makers.values() if entry['index'] not in inside]
