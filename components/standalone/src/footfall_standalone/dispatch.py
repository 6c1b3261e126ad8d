"""One port for everything: a raw ASGI callable that hands each request to the component its first segment names."""

from collections.abc import Iterable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from footfall_common.process import Component


class Dispatcher:
    """Routes by exact path to the hot callables, else by prefix to a component, else to `root`.

    A hot callable gets the scope as it came; a component's application gets it with `root_path` set to its prefix.
    """

    def __init__(self, components: Iterable[Component], root: ASGIApp) -> None:
        self._hot: dict[str, ASGIApp] = {}
        self._apps: dict[str, ASGIApp] = {}
        self._root = root
        for component in components:
            self._apps[component.name] = component.app
            self._hot.update({f"/{component.name}{path}": app for path, app in component.hot.items()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        hot = self._hot.get(path)
        if hot is not None:
            await hot(scope, receive, send)
            return
        name = path[1:].partition("/")[0]
        app = self._apps.get(name)
        if app is None:
            await self._root(scope, receive, send)
        elif path == f"/{name}":
            await _slash(name, scope)(scope, receive, send)
        else:
            await app({**scope, "root_path": f"{scope.get('root_path', '')}/{name}"}, receive, send)


def _slash(name: str, scope: Scope) -> Response:
    """To the same address with its slash. Relative: a proxy in front knows another host and scheme than we do."""
    query = scope.get("query_string", b"").decode("latin-1")
    location = f"{name}/?{query}" if query else f"{name}/"
    return Response(status_code=308, headers={"Location": location})
