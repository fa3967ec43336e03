"""Addresses of this machine's own. No proxy reaches them, whatever the environment says."""

import ipaddress


def is_loopback(host: str) -> bool:
  """Whether a name or an IP address is one."""
  try:
    return host == 'localhost' or ipaddress.ip_address(host).is_loopback
  except ValueError:  # another name
    return False
