"""TLS and mutual TLS: whom a client trusts, and as whom it shows itself."""

import dataclasses
import pathlib
import ssl

from serving.client.errors import InvalidRequestError


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tls:
  """PEM files. Without `ca_cert`, public authorities are trusted: gRPC's or this machine's."""

  ca_cert: pathlib.Path | str | None = None
  client_cert: pathlib.Path | str | None = None  # with client_key: mutual TLS
  client_key: pathlib.Path | str | None = None

  def __post_init__(self) -> None:
    if (self.client_cert is None) != (self.client_key is None):
      raise InvalidRequestError(
        f'client_cert={self.client_cert} and client_key={self.client_key} (Tls). Pass both or none.'
      )
    self.ssl_context()  # so that a wrong file is found before the first call

  def read(self, name: str) -> bytes | None:
    """The contents of one of the files; None if it was not named."""
    path = getattr(self, name)
    return None if path is None else pathlib.Path(path).read_bytes()

  def ssl_context(self) -> ssl.SSLContext:
    """The same for HTTP.

    Raises:
      InvalidRequestError: a file that is missing or no PEM, or a key of another certificate.
    """
    try:
      context = ssl.create_default_context(cafile=self.ca_cert)
      if self.client_cert is not None:
        context.load_cert_chain(self.client_cert, self.client_key)
    except OSError as error:  # ssl.SSLError is one
      raise InvalidRequestError(
        f'{self} can not be used: {error}. Name PEM files, and the key of the certificate.'
      ) from error
    return context
