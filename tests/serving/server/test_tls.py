import pathlib

import grpc
import pytest
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc

from serving.server import grpc_service, inference, metrics, model_set, models, ports, tls
from serving.server.config_messages import SSLConfig
from serving.server.options import Options, StartError
from serving.server.ports import free_ports
from tests.serving.server import live

# Made for these tests: they sign for localhost, until 2126.
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtS5wByAgW0ITs1Vi
63Fi73eWuhKZOICnxrWBlTvCH56hRANCAAR/TT45UW88D2xSXNoK+HEbla1RGCQg
2ujoy21ZTG16zHOl0OqPEjHWHzHDxi21O1N3Fq55CPmL90Pe7IyVrNfD
-----END PRIVATE KEY-----
"""
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUDFfJIDOB++NyjUmc06Xv3CbNtPUwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMjA5MjA1NloYDzIxMjYxMDI5
MDkyMDU2WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAR/TT45UW88D2xSXNoK+HEbla1RGCQg2ujoy21ZTG16zHOl0OqPEjHW
HzHDxi21O1N3Fq55CPmL90Pe7IyVrNfDo28wbTAdBgNVHQ4EFgQUFguvT2UEbfaV
psCcJeypjqu2ZZYwHwYDVR0jBBgwFoAUFguvT2UEbfaVpsCcJeypjqu2ZZYwGgYD
VR0RBBMwEYIJbG9jYWxob3N0hwR/AAABMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZI
zj0EAwIDSQAwRgIhAP7DQUR3iGD6yP7LJAy+kvHOTgTSzBs4QpmCLvCv4uIoAiEA
zMm0rCHMhyQOJ4TUVxbeL1FECl1wtPyIm3N5kkRA6m0=
-----END CERTIFICATE-----
"""


def ssl_config(folder: pathlib.Path, **fields) -> str:
  path = folder / 'ssl.config'
  path.write_text(text_format.MessageToString(SSLConfig(**fields)))
  return str(path)


def start(port: int, socket_path: str, credentials) -> grpc.Server:
  """A server without models."""
  options = Options(enable_grpc_healthcheck_service=True, grpc_max_threads=2)
  none = models.Models()
  server = grpc_service.create_server(
    inference.Inference(none, metrics.Metrics(), options),
    model_set.ModelSet(none, None, labels_before_versions=False),
    options,
  )
  ports.open_grpc(server, '127.0.0.1', port, socket_path, credentials)
  return server


def check(channel: grpc.Channel) -> str:
  """What the server says of its health."""
  with channel:
    stub = health_pb2_grpc.HealthStub(channel)
    response = stub.Check(health_pb2.HealthCheckRequest(), timeout=20)
  return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)


def secure(target: str, **identity: bytes) -> grpc.Channel:
  credentials = grpc.ssl_channel_credentials(CERTIFICATE.encode(), **identity)
  return grpc.secure_channel(target, credentials, [('grpc.ssl_target_name_override', 'localhost')])


IDENTITY = {'private_key': KEY.encode(), 'certificate_chain': CERTIFICATE.encode()}


@pytest.mark.parametrize('verify', [False, True])
def test_port_and_socket_speak_tls(tmp_path: pathlib.Path, verify: bool):
  path = ssl_config(
    tmp_path,
    server_key=KEY,
    server_cert=CERTIFICATE,
    custom_ca=CERTIFICATE if verify else '',
    client_verify=verify,
  )
  (port,) = free_ports(1)
  targets = f'127.0.0.1:{port}', f'unix:{tmp_path}/socket'
  server = start(port, f'{tmp_path}/socket', tls.credentials(path))
  try:
    for target in targets:
      assert check(secure(target, **IDENTITY)) == 'SERVING'
      with pytest.raises(grpc.RpcError) as caught:
        check(grpc.insecure_channel(target))
      assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
      if verify:
        with pytest.raises(grpc.RpcError):
          check(secure(target))
      else:
        assert check(secure(target)) == 'SERVING'
  finally:
    server.stop(0).wait()


@pytest.mark.parametrize(
  'fields',
  [
    {},
    {'server_key': KEY},
    {'server_key': KEY, 'server_cert': CERTIFICATE, 'client_verify': True},
  ],
)
def test_incomplete_files(tmp_path: pathlib.Path, fields: dict):
  with pytest.raises(StartError, match=r'ssl\.config: ') as caught:
    tls.credentials(ssl_config(tmp_path, **fields))
  assert caught.value.exit_code == 255


def test_keys_that_are_none(tmp_path: pathlib.Path):
  path = ssl_config(tmp_path, server_key='no key', server_cert='no certificate')
  with pytest.raises(StartError, match="Can't listen on"):
    start(free_ports(1)[0], '', tls.credentials(path))


def test_no_file_is_no_tls():
  assert tls.credentials('') is None


def test_socket_without_a_port(tmp_path: pathlib.Path):
  server = start(0, f'{tmp_path}/socket', None)
  try:
    assert check(grpc.insecure_channel(f'unix:{tmp_path}/socket')) == 'SERVING'
  finally:
    server.stop(0).wait()


@pytest.mark.parametrize('service', ['', 'ModelService', 'PredictionService'])
def test_health(odd_server: live.Server, service: str):
  stub = health_pb2_grpc.HealthStub(odd_server.channel)
  response = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=60)
  assert response.status == health_pb2.HealthCheckResponse.SERVING


def test_health_is_off_unless_asked_for(server: live.Server):
  stub = health_pb2_grpc.HealthStub(server.channel)
  with pytest.raises(grpc.RpcError) as caught:
    stub.Check(health_pb2.HealthCheckRequest(), timeout=60)
  assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_health_of_an_unknown_service(odd_server: live.Server):
  stub = health_pb2_grpc.HealthStub(odd_server.channel)
  with pytest.raises(grpc.RpcError) as caught:
    stub.Check(health_pb2.HealthCheckRequest(service='x'), timeout=60)
  assert caught.value.code() is grpc.StatusCode.NOT_FOUND


@pytest.mark.parametrize(
  ('text', 'pairs'),
  [
    ('', []),
    ('grpc.a=5,grpc.b=x', [('grpc.a', 5), ('grpc.b', 'x')]),
    ('grpc.a=-1', [('grpc.a', -1)]),
  ],
)
def test_channel_arguments(text: str, pairs: list):
  assert grpc_service._channel_arguments(text) == pairs


@pytest.mark.slow
@pytest.mark.parametrize('tls', [True, False])
def test_flags_of_a_real_server(base_path: pathlib.Path, tmp_path: pathlib.Path, tls: bool):
  config = ssl_config(tmp_path, server_key=KEY, server_cert=CERTIFICATE)
  flags = ['--enable_grpc_healthcheck_service', f'--grpc_socket_path={tmp_path}/socket']
  connect = grpc.insecure_channel
  if tls:
    flags.append(f'--ssl_config_file={config}')
    connect = secure
  with live.Server(base_path, *flags) as server:
    for target in (f'127.0.0.1:{server.grpc_port}', f'unix:{tmp_path}/socket'):
      assert check(connect(target)) == 'SERVING'
      with pytest.raises(grpc.RpcError):
        check((grpc.insecure_channel if tls else secure)(target))
    assert server.rest(f'/v1/models/{live.NAME}')[0] == 200  # never TLS
