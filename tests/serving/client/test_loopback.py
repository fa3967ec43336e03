import pytest

from serving.client import grpc_transport
from serving.client.loopback import is_loopback


@pytest.mark.parametrize(
  ('host', 'expected'),
  [
    ('localhost', True),
    ('127.0.0.1', True),
    ('127.9.9.9', True),
    ('::1', True),
    ('128.0.0.1', False),
    ('::2', False),
    ('localhost.example', False),
    ('127.0.0.1.example', False),
    ('', False),
  ],
)
def test_hosts(host: str, expected: bool):
  assert is_loopback(host) == expected


@pytest.mark.parametrize(
  ('address', 'host'),
  [
    ('localhost:8500', 'localhost'),
    ('localhost', 'localhost'),
    ('dns:localhost:8500', 'localhost'),
    ('dns:///localhost:8500', 'localhost'),
    ('dns://127.0.0.1/models.example:8500', 'models.example'),
    ('ipv4:127.0.0.1:8500', '127.0.0.1'),
    ('ipv4:127.0.0.1:8500,10.0.0.1:8500', ''),
    ('ipv6:[::1]:8500', '::1'),
    ('[::1]:8500', '::1'),
    ('unix:/run/models', ''),
    ('[::1', ''),
  ],
)
def test_host_in_a_name_that_grpc_resolves(address: str, host: str):
  assert grpc_transport._host(address) == host
