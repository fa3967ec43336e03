"""Keys and certificates for gRPC; REST has none, as in TF Serving."""

import grpc

from serving.server import config_files
from serving.server.config_messages import SSLConfig
from serving.server.errors import invalid
from serving.server.options import StartError, start_failed


def credentials(path: str) -> grpc.ServerCredentials | None:
  """What a text proto SSLConfig says, with its PEM texts inline; None without a file.

  Raises:
    StartError: 255, the file can't be used.
  """
  if not path:
    return None
  config = config_files.read_at_start(path, SSLConfig)
  if not config.server_key or not config.server_cert:
    raise _error(path, 'server_key or server_cert is missing. Put both in as PEM text.')
  if config.client_verify and not config.custom_ca:
    raise _error(path, 'client_verify needs custom_ca. Put the certificate authority in.')
  return grpc.ssl_server_credentials(
    [(config.server_key.encode(), config.server_cert.encode())],
    root_certificates=config.custom_ca.encode() or None,
    require_client_auth=config.client_verify,
  )


def _error(path: str, reason: str) -> StartError:
  return start_failed(invalid(f'{path}: {reason}'))
