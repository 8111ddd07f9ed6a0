"""Identities: service-account keys, access tokens, OIDC tokens and the token server."""

from devcloud.identity.identity import Caller, Identity, Unauthenticated
from devcloud.identity.token_server import TokenServer

__all__ = ["Caller", "Identity", "TokenServer", "Unauthenticated"]
