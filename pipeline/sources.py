"""The digest of the code behind a stage, so that a cache never outlives a change to it."""

import ast
import functools
import hashlib
import pathlib

_ROOT = pathlib.Path(__file__).parent.parent
_PACKAGES = ('pipeline', 'serving', 'mobile')
# Settings reach a manifest by value, and no output depends on how a run is shown or fails.
_EXCLUDED = ('pipeline.config.', 'pipeline.console.', 'pipeline.errors.')


def source_digest(module: str) -> str:
  """SHA-256 over a module and all modules and data files of this project that it needs.

  Args:
    module: dotted name, such as 'pipeline.ingest.stage'.
  """
  digest = hashlib.sha256()
  for path in sorted(_closure(module)):
    digest.update(path.name.encode() + b'\0' + hashlib.sha256(path.read_bytes()).digest())
  return digest.hexdigest()


def _closure(module: str) -> set[pathlib.Path]:
  files: set[pathlib.Path] = set()
  waiting, seen = [module], set[str]()
  while waiting:
    name = waiting.pop()
    path = _file_of(name)
    if name in seen or path is None or f'{name}.'.startswith(_EXCLUDED):
      continue
    seen.add(name)
    files.add(path)
    if path.name == '__init__.py' and name not in _PACKAGES:
      files |= {
        p for p in path.parent.rglob('*') if p.is_file() and p.suffix not in ('.py', '.pyc')
      }
    waiting += _imports(path.read_text(encoding='utf-8'))
  return files


def _file_of(module: str) -> pathlib.Path | None:
  """The file of a module of this project, found without importing it; None for other names."""
  package, *_ = parts = module.split('.')
  if package not in _PACKAGES:
    return None
  path = _ROOT.joinpath(*parts)
  candidates = (path.with_suffix('.py'), path / '__init__.py')
  return next((candidate for candidate in candidates if candidate.is_file()), None)


@functools.cache  # by the text: the stages share most of their sources
def _imports(source: str) -> tuple[str, ...]:
  """The modules that a source text imports, with the packages around them."""
  names: list[str] = []
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      names += [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module:
      names += [f'{node.module}.{alias.name}' for alias in node.names]
  # A submodule runs its packages' __init__ too.
  parts = [name.split('.') for name in names]
  return tuple({'.'.join(part[: i + 1]): None for part in parts for i in range(len(part))})
