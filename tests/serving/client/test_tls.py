"""TLS and mutual TLS against servers with certificates made here."""

import contextlib
import pathlib
import ssl
from collections.abc import Callable, Iterator

import grpc
import pytest
import trustme

from serving.client import (
  Client,
  InvalidRequestError,
  ResponseError,
  ServerUnavailableError,
  Tls,
  TlsError,
)
from serving.client.retries import Retry
from tests.serving.client import small_rest_server, small_server
from tests.serving.client.kinds import KINDS


class Certificates:
  """An authority, a server's and a client's certificate, and an authority nobody trusts."""

  def __init__(self, folder: pathlib.Path) -> None:
    self.authority, other = trustme.CA(), trustme.CA()
    self.server = self.authority.issue_cert('localhost')
    self.wrong_name = self.authority.issue_cert('elsewhere.example')
    client = self.authority.issue_cert('client.example')
    self.files = {
      'ca': self.authority.cert_pem,
      'other_ca': other.cert_pem,
      'cert': client.cert_chain_pems[0],
      'key': client.private_key_pem,
    }
    for name, blob in self.files.items():
      blob.write_to_path(folder / f'{name}.pem')
    (folder / 'text.pem').write_text('no certificate')
    self.folder = folder

  def tls(self, *, ca: str = 'ca', client: bool = False) -> Tls:
    names = {'client_cert': 'cert', 'client_key': 'key'} if client else {}
    paths = {key: self.folder / f'{name}.pem' for key, name in names.items()}
    return Tls(ca_cert=self.folder / f'{ca}.pem', **paths)

  def grpc_credentials(self, server: trustme.LeafCert, mutual: bool) -> grpc.ServerCredentials:
    pair = (server.private_key_pem.bytes(), server.cert_chain_pems[0].bytes())
    authority = self.authority.cert_pem.bytes() if mutual else None
    return grpc.ssl_server_credentials([pair], authority, mutual)

  def ssl_context(self, server: trustme.LeafCert, mutual: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.configure_cert(context)
    if mutual:
      context.verify_mode = ssl.CERT_REQUIRED
      self.authority.configure_trust(context)
    return context


@pytest.fixture(scope='module')
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
  return Certificates(tmp_path_factory.mktemp('certificates'))


@pytest.fixture(params=KINDS)
def ask(request: pytest.FixtureRequest, certificates: Certificates) -> Callable:
  """Asks a server with a certificate for the status, once."""
  kind, protocol = KINDS[request.param]

  @contextlib.contextmanager
  def serve(server: trustme.LeafCert, mutual: bool) -> Iterator[str]:
    if protocol == 'grpc':
      with small_server.serve(certificates.grpc_credentials(server, mutual)) as small:
        yield small.address
    else:
      context = certificates.ssl_context(server, mutual)
      with small_rest_server.serve(context=context) as small:
        yield small.address

  def ask(tls: Tls | None, *, server: str = 'server', mutual: bool = False) -> int:
    with (
      serve(getattr(certificates, server), mutual) as address,
      kind(
        address,
        model_name='m',
        protocol=protocol,
        tls=tls,
        retry=Retry(max_attempts=2),
        timeout_s=20,
      ) as client,
    ):
      return client.status()[0].version

  ask.protocol = protocol
  return ask


def test_trusted_server(ask: Callable, certificates: Certificates):
  assert ask(certificates.tls()) == 3


def test_mutual_trust(ask: Callable, certificates: Certificates):
  assert ask(certificates.tls(client=True), mutual=True) == 3


def test_authority_that_is_not_trusted(ask: Callable, certificates: Certificates):
  with pytest.raises(TlsError, match=r'no trusted connection.*Check ca_cert'):
    ask(certificates.tls(ca='other_ca'))


def test_certificate_of_another_server(ask: Callable, certificates: Certificates):
  with pytest.raises(TlsError, match=r'no trusted connection.*Check ca_cert'):
    ask(certificates.tls(), server='wrong_name')


def test_authorities_of_this_machine_do_not_trust_it(ask: Callable):
  with pytest.raises(TlsError, match='no trusted connection'):
    ask(Tls())


def test_client_without_a_certificate_is_not_trusted(ask: Callable, certificates: Certificates):
  # gRPC only says that the connection was closed.
  error = TlsError if ask.protocol == 'rest' else ServerUnavailableError
  with pytest.raises(error):
    ask(certificates.tls(), mutual=True)


def test_client_in_the_clear(ask: Callable):
  with pytest.raises((ServerUnavailableError, ResponseError)):
    ask(None)


@pytest.mark.parametrize(
  ('files', 'message'),
  [
    ({'ca_cert': 'missing'}, 'No such file'),
    ({'ca_cert': 'text'}, 'Name PEM files'),
    ({'client_cert': 'cert'}, 'Pass both or none'),
    ({'client_key': 'key'}, 'Pass both or none'),
    ({'client_cert': 'cert', 'client_key': 'text'}, 'Name PEM files'),
  ],
)
def test_files_that_can_not_be_used(certificates: Certificates, files, message: str):
  with pytest.raises(InvalidRequestError, match=message):
    Tls(**{key: certificates.folder / f'{name}.pem' for key, name in files.items()})


def test_rest_in_the_clear_with_certificates(certificates: Certificates):
  with (
    small_rest_server.serve() as server,
    Client(server.address, model_name='m', protocol='rest', tls=certificates.tls()) as client,
    pytest.raises(TlsError, match='whether this port speaks TLS'),
  ):
    client.status()
