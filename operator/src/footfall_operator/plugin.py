"""`kubectl footfall`: what platform engineers say to claims."""

import argparse
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any, Final

import urllib3
from kubernetes.client import ApiException, CustomObjectsApi

from footfall_common.tenancy import wire_guid
from footfall_operator.access import access, for_threads
from footfall_operator.resources import CLAIM, GROUP, VERSION

_CLAIM: Final = re.compile(r"host-[0-9a-f]{20}")
_TENANT: Final = re.compile(r"[a-z][a-z0-9-]{1,30}[a-z0-9]|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HOLDER: Final = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)/([a-z0-9]([a-z0-9.-]*[a-z0-9])?)")


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The command; ends the process with a sentence where it is none."""
    parser = argparse.ArgumentParser(prog="kubectl footfall", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    release = commands.add_parser(
        "release",
        help="let another tenant take over an id or a host, with all that it holds outside Kubernetes",
        description="Lets the tenant NAMESPACE/NAME take over what the claim ID holds: topics, keyspace, or a host.",
    )
    release.add_argument("id", type=_claim, help="a tenant's id or GUID, or a host's claim, as the condition names it")
    release.add_argument(
        "--to", type=_holder, required=True, metavar="NAMESPACE/NAME", help="the tenant that may take it"
    )
    return parser.parse_args(arguments)


def _claim(text: str) -> str:
    if _CLAIM.fullmatch(text):
        return text
    if _TENANT.fullmatch(text):
        return str(wire_guid(text))
    raise argparse.ArgumentTypeError(f"{text} is neither a tenant's id nor a host's claim (kubectl get trackingclaims)")


def _holder(text: str) -> dict[str, str]:
    found = _HOLDER.fullmatch(text)
    if found is None:
        raise argparse.ArgumentTypeError(f"{text} is not of the form NAMESPACE/NAME")
    return {"namespace": found[1], "name": found[3]}


def release(api: CustomObjectsApi, claim: str, holder: Mapping[str, str]) -> str:
    """Say whom the claim may pass to; what was done, in a sentence. Raises ApiException."""
    before: Any = api.get_cluster_custom_object(GROUP, VERSION, CLAIM.plural, claim)
    body = {"metadata": {"resourceVersion": before["metadata"]["resourceVersion"]}, "spec": {"releaseTo": dict(holder)}}
    api.patch_cluster_custom_object(GROUP, VERSION, CLAIM.plural, claim, body)
    was, now = before["spec"]["holder"], f"{holder['namespace']}/{holder['name']}"
    return f"{claim}: held by {was['namespace']}/{was['name']}, released to {now}"


def main() -> int:
    """The exit code: 0 = done, 1 = the API server would not, 2 = wrong usage."""
    options = parsed(sys.argv[1:])
    api = CustomObjectsApi(for_threads(access(os.environ)))
    try:
        print(release(api, options.id, options.to))  # noqa: T201 - it talks to a person
    except ApiException as error:
        print(f"kubectl footfall: {_words(error)}", file=sys.stderr)  # noqa: T201 - likewise
        return 1
    except (OSError, urllib3.exceptions.HTTPError) as error:
        print(f"kubectl footfall: the API server does not answer: {error}", file=sys.stderr)  # noqa: T201 - likewise
        return 1
    return 0


def _words(error: ApiException) -> str:
    try:
        return str(json.loads(error.body or "")["message"])
    except (ValueError, KeyError, TypeError):
        return f"{error.status} {error.reason}"


if __name__ == "__main__":
    sys.exit(main())
