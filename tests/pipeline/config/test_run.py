from pipeline.config.flags import parse
from pipeline.config.run import from_json, to_json


def test_json_round_trip():
  run, _ = parse(['--network=dcgan', '--loss=non_saturating'])
  assert from_json(to_json(run)) == run
