"""What the pages tell to type is what the program takes, and where they point is something."""

import pathlib
import re
import shlex

import pytest

from pipeline.config.flags import parse

ROOT = pathlib.Path(__file__).parent.parent
README = (ROOT / 'README.md').read_text(encoding='utf-8')
FOLDERS = ('.', 'benchmarks', 'configs/recipes', 'mobile', 'mobile/*', 'serving')
PAGES = [page for folder in FOLDERS for page in sorted(ROOT.glob(f'{folder}/*.md'))]
QUICKSTART = '--flagfile=configs/quickstart.flags'


def remedies() -> list[str]:
  """The flags of the table of what to do when training goes wrong, one entry an alternative."""
  table = README.partition('| when | flags |')[2].partition('\n\n')[0]
  cells = [line.split('|')[2] for line in table.splitlines()[2:]]
  return [flags for cell in cells for flags in re.findall(r'`(--.+?)`', cell)]


def commands() -> list[str]:
  texts = (path.read_text(encoding='utf-8') for path in PAGES)
  text = re.sub(r'\\\n\s*', '', '\n'.join(texts))
  return re.findall(r'^    python -m pipeline\.run (?!--help)(.+)$', text, re.MULTILINE)


def test_there_is_something_to_test():
  assert len(remedies()) > 10
  assert len(commands()) > 4
  assert len(PAGES) > 10


@pytest.mark.parametrize('flags', remedies())
def test_a_remedy_can_be_added_to_the_quickstart(flags: str):
  parse([QUICKSTART, *shlex.split(flags)])


@pytest.mark.parametrize('arguments', commands())
def test_a_command_of_the_readme_resolves(arguments: str):
  parse(shlex.split(arguments, comments=True))


@pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(page: pathlib.Path):
  text = re.sub('```.*?```', '', page.read_text(encoding='utf-8'), flags=re.DOTALL)
  links = [''.join(link) for link in re.findall(r'\]\(([^)]+)\)|<img src="(.+?)"', text)]
  for link in links:
    if not link.startswith('https:'):
      file, _, anchor = link.partition('#')
      target = page.parent / file if file else page
      assert target.exists(), link
      assert not anchor or anchor in anchors(target), link


def anchors(page: pathlib.Path) -> list[str]:
  """What GitHub calls the headings of a page."""
  headings = re.findall('^#+ (.+)$', page.read_text(encoding='utf-8'), re.MULTILINE)
  return [re.sub(r'[^\w -]', '', heading).lower().replace(' ', '-') for heading in headings]
