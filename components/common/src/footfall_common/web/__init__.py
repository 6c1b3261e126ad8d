"""The web layer that every component stands on: one way to build, to read, to answer, to fail, to probe and to stop."""

from footfall_common.process import Drain
from footfall_common.web.app import build_app
from footfall_common.web.body import Reply, body, form
from footfall_common.web.errors import error_reply, status_of
from footfall_common.web.security import admin, bearer
from footfall_common.web.serve import listen, serve

__all__ = [
    "Drain",
    "Reply",
    "admin",
    "bearer",
    "body",
    "build_app",
    "error_reply",
    "form",
    "listen",
    "serve",
    "status_of",
]
