"""Reads a page as strictly as its author should have written it."""

import html.parser

_VOID = {'meta', 'img', 'input', 'br', 'link', 'hr'}


class Page(html.parser.HTMLParser):
  """Elements and text of a page; asserts that every tag is closed in its place."""

  def __init__(self, text: str) -> None:
    super().__init__()
    self.elements: list[tuple[str, dict[str, str | None]]] = []
    self.words: list[str] = []
    self._open: list[str] = []
    self.feed(text)
    self.close()
    assert not self._open

  @property
  def text(self) -> str:
    """What a reader sees, with single spaces."""
    return ' '.join(' '.join(self.words).replace('\u202f', ' ').split())

  def all(self, tag: str) -> list[dict[str, str | None]]:
    """Attributes of each element of a kind."""
    return [attributes for name, attributes in self.elements if name == tag]

  def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
    names = [name for name, _ in attributes]
    assert len(names) == len(set(names)), (tag, names)
    self.elements.append((tag, dict(attributes)))
    if tag not in _VOID:
      self._open.append(tag)

  def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
    assert 'svg' in self._open, tag
    self.elements.append((tag, dict(attributes)))

  def handle_endtag(self, tag: str) -> None:
    assert self._open, tag
    assert self._open.pop() == tag

  def handle_data(self, data: str) -> None:
    if not {'style', 'script'} & set(self._open):
      self.words.append(data)
