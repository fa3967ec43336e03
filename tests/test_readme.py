"""What the README tells to type is what the program takes."""

import pathlib
import re
import shlex

import pytest

from pipeline.config.flags import parse

README = (pathlib.Path(__file__).parent.parent / 'README.md').read_text(encoding='utf-8')
QUICKSTART = '--flagfile=configs/quickstart.flags'


def remedies() -> list[str]:
  """The flags of the table of what to do when training goes wrong, one entry an alternative."""
  table = README.partition('| when | flags |')[2].partition('\n\n')[0]
  cells = [line.split('|')[2] for line in table.splitlines()[2:]]
  return [flags for cell in cells for flags in re.findall(r'`(--.+?)`', cell)]


def commands() -> list[str]:
  text = re.sub(r'\\\n\s*', '', README)
  return re.findall(r'^    python -m pipeline\.run (?!--help)(.+)$', text, re.MULTILINE)


def test_there_is_something_to_test():
  assert len(remedies()) > 10
  assert len(commands()) > 4


@pytest.mark.parametrize('flags', remedies())
def test_a_remedy_can_be_added_to_the_quickstart(flags: str):
  parse([QUICKSTART, *shlex.split(flags)])


@pytest.mark.parametrize('arguments', commands())
def test_a_command_of_the_readme_resolves(arguments: str):
  parse(shlex.split(arguments, comments=True))
