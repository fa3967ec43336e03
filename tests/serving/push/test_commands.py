"""The command, on real folders."""

import pathlib

import pytest

from serving import push
from serving.push import __main__ as command
from serving.push import labels


@pytest.fixture
def base(saved_model: pathlib.Path, tmp_path: pathlib.Path) -> pathlib.Path:
  """A folder with three versions of digits, each with its own graph."""
  for number in range(3):
    (saved_model / 'saved_model.pb').write_bytes(b'graph %d' % number)
    push.publish(saved_model, tmp_path / 'base', 'digits')
  return tmp_path / 'base'


def run(base: pathlib.Path, *arguments: str) -> int:
  return command.main([*arguments, f'--serving_model_dir={base}', '--model_name=digits'])


def known(base: pathlib.Path) -> dict[str, int]:
  return labels.read(base / labels.FILE, 'digits')


def served(base: pathlib.Path) -> set[int]:
  return labels.served(base / labels.FILE, 'digits')


def graph(base: pathlib.Path, version: int) -> bytes:
  return (base / 'digits' / str(version) / 'saved_model.pb').read_bytes()


def test_rollback_publishes_the_one_before_under_a_new_number(base: pathlib.Path):
  assert run(base, 'rollback') == 0
  assert list(push.versions(base / 'digits')) == [1, 2, 3, 4]
  assert graph(base, 4) == graph(base, 2)
  assert not (base / labels.FILE).exists()  # no labels, no file: the server takes the newest


def test_rollback_to_a_version_that_is_named(base: pathlib.Path):
  assert run(base, 'rollback', '--version=1') == 0
  assert graph(base, 4) == graph(base, 1)


def test_a_second_rollback_must_name_its_version(base: pathlib.Path, capsys):
  assert run(base, 'rollback') == 0
  assert run(base, 'rollback') == 2
  assert 'came back already. Name the one to go back to with --version' in capsys.readouterr().err
  assert list(push.versions(base / 'digits')) == [1, 2, 3, 4]


def tried_and_promoted(base: pathlib.Path) -> None:
  """Version 1 is the stable one before, version 3 the stable one, version 2 was never served."""
  for arguments in (['promote', '--version=1'], ['canary'], ['promote']):
    assert run(base, *arguments) == 0
  assert (known(base), served(base)) == ({'stable': 3}, {1, 3})


def test_the_stable_label_goes_back_at_once_to_the_stable_version_before(base: pathlib.Path):
  tried_and_promoted(base)
  assert run(base, 'rollback') == 0
  assert graph(base, 4) == graph(base, 1)
  assert (known(base), served(base)) == ({'stable': 1}, {1, 3, 4})
  assert run(base, 'promote') == 0
  assert (known(base), served(base)) == ({'stable': 4}, {1, 4})


def test_the_stable_label_waits_for_a_version_that_is_not_served(base: pathlib.Path, capsys):
  tried_and_promoted(base)
  assert run(base, 'rollback', '--version=2') == 0
  assert graph(base, 4) == graph(base, 2)
  assert (known(base), served(base)) == ({'stable': 3}, {3, 4})
  assert 'serves version 4: python -m serving.push promote --version=4' in capsys.readouterr().out
  assert run(base, 'promote', '--version=4') == 0
  assert known(base) == {'stable': 4}


def test_a_rollback_from_the_canary_leaves_the_stable_label(base: pathlib.Path):
  assert [run(base, *each) for each in (['promote', '--version=1'], ['canary'])] == [0, 0]
  assert run(base, 'rollback') == 0
  assert graph(base, 4) == graph(base, 1)
  assert (known(base), served(base)) == ({'stable': 1, 'canary': 3}, {1, 3, 4})


def test_a_second_rollback_with_labels_must_name_its_version(base: pathlib.Path, capsys):
  assert run(base, 'promote') == 0  # version 2 was never served
  assert [run(base, 'rollback'), run(base, 'rollback')] == [0, 2]
  assert 'came back already' in capsys.readouterr().err


def test_a_canary_is_tried_and_then_promoted(base: pathlib.Path):
  assert run(base, 'promote', '--version=1') == 0
  assert run(base, 'canary') == 0
  assert known(base) == {'stable': 1, 'canary': 3}
  assert run(base, 'promote') == 0
  assert known(base) == {'stable': 3}


def test_another_canary_gets_the_label_when_it_is_served(base: pathlib.Path, capsys):
  assert [run(base, *each) for each in (['promote', '--version=1'], ['canary'])] == [0, 0]
  assert run(base, 'canary', '--version=2') == 0
  assert (known(base), served(base)) == ({'stable': 1, 'canary': 3}, {1, 2, 3})
  assert 'serves version 2: python -m serving.push canary --version=2' in capsys.readouterr().out
  assert run(base, 'canary', '--version=2') == 0
  assert (known(base), served(base)) == ({'stable': 1, 'canary': 2}, {1, 2})


def test_the_newest_is_promoted_where_there_is_no_canary(base: pathlib.Path):
  assert run(base, 'promote') == 0
  assert known(base) == {'stable': 3}


def test_another_version_than_the_canary_leaves_it(base: pathlib.Path):
  for arguments in (['promote', '--version=1'], ['canary'], ['rollback']):
    assert run(base, *arguments) == 0
  assert run(base, 'promote', '--version=4') == 0
  assert known(base) == {'stable': 4, 'canary': 3}


@pytest.mark.parametrize('arguments', [['promote'], ['promote', '--version=3']])
def test_a_version_that_is_not_served_is_not_promoted(base: pathlib.Path, capsys, arguments):
  assert run(base, 'promote', '--version=1') == 0
  assert run(base, *arguments) == 2
  assert capsys.readouterr().err == (
    'Version 3 is not served, and a server moves a label only to a version that it has loaded.'
    ' First: python -m serving.push canary --version=3\n'
  )
  assert (known(base), served(base)) == ({'stable': 1}, {1})


def test_list_tells_labels_sizes_and_what_came_back(base: pathlib.Path, capsys):
  for arguments in (['promote', '--version=1'], ['rollback', '--version=1']):
    assert run(base, *arguments) == 0
  capsys.readouterr()
  assert run(base, 'list') == 0
  rows = [line.split() for line in capsys.readouterr().out.splitlines() if 'MB' in line]
  assert [row[0] for row in rows] == ['4', '3', '2', '1']
  assert ' '.join(rows[0]).endswith('MB the same files as 1')
  assert rows[1][-1] == 'MB'
  assert rows[3][-1] == 'stable'


@pytest.mark.parametrize(
  ('arguments', 'said'),
  [
    (['rollback', '--version=9'], '--version=9 is not in'),
    (['canary'], 'has no stable version'),
    (['promote', '--version=9'], 'which holds 1, 2, 3'),
    (['list', '--version=9'], '--version=9'),
  ],
)
def test_what_can_not_be_is_one_line(base: pathlib.Path, capsys, arguments, said):
  assert run(base, *arguments) == 2
  told = capsys.readouterr().err
  assert said in told
  assert told.count('\n') == 1


def test_a_model_that_is_not_there(tmp_path: pathlib.Path, capsys):
  assert run(tmp_path, 'list') == 2
  assert 'Check --serving_model_dir and --model_name' in capsys.readouterr().err


def test_nothing_to_go_back_to(saved_model: pathlib.Path, tmp_path: pathlib.Path, capsys):
  push.publish(saved_model, tmp_path / 'base', 'digits')
  assert run(tmp_path / 'base', 'rollback') == 2
  assert 'nothing to go back to' in capsys.readouterr().err


def test_a_damaged_file_of_labels(base: pathlib.Path, capsys):
  (base / labels.FILE).write_text('oops')
  assert run(base, 'promote') == 2
  assert 'no configuration of TF Serving' in capsys.readouterr().err
