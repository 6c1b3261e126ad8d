"""Who calls: bearer tokens of identity, and the administrator's token. Knows nothing of HTTP."""

from footfall_common.auth.admin import AdminToken
from footfall_common.auth.tokens import AUDIENCE, TOKEN_TYPE, TokenClaims, read_token
from footfall_common.auth.verifier import TRACKING_API, Claims, KeysAndClients, TokenVerifier

__all__ = [
    "AUDIENCE",
    "TOKEN_TYPE",
    "TRACKING_API",
    "AdminToken",
    "Claims",
    "KeysAndClients",
    "TokenClaims",
    "TokenVerifier",
    "read_token",
]
