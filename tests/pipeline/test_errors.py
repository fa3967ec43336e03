"""What a failure looks like to the person who reads it."""

import pytest

from pipeline import errors, run


@pytest.mark.parametrize(
  ('text', 'line'),
  [
    ('a plain name: café 日本\u3000語 👩‍🔬 \\n', 'a plain name: café 日本\u3000語 👩‍🔬 \\n'),
    ('new\nline', 'new\\nline'),
    ('\x1b[2Jcleared\r\x07', '\\x1b[2Jcleared\\r\\x07'),
    ('\u2028\x85', '\\u2028\\x85'),
    ('\udcff', '\udcff'),  # a byte of a name that is not UTF-8, which standard error escapes
  ],
)
def test_one_line(text, line):
  assert errors.one_line(text) == line
  assert len(errors.one_line(text).splitlines()) == 1


def test_a_name_with_a_line_break_is_told_in_one_line(tmp_path, capsys):
  source = tmp_path / 'source'
  source.mkdir()
  (source / 'new\nline \x1b[31m').symlink_to(tmp_path)
  flags = (f'--data_dir={source}', f'--run_dir={tmp_path}/run')
  assert run.main(['--dataset=image_folder', '--stages=ingest', *flags]) == 3
  assert capsys.readouterr().err == (
    f'DataError: {source}/new\\nline \\x1b[31m is a link to a folder, which is not followed.'
    ' Put the folder itself there, or remove the link.\n'
  )
