"""A Kubernetes control plane on this machine, with all that config/ holds applied: `make control-plane`.

API server, etcd, controllers and scheduler, with RBAC and an audit log; no nodes, so pods stay Pending. Prints what a
shell needs to speak to it, and keeps it until Ctrl-C. What it holds goes with it.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tools.kubernetes.handle import ControlPlaneServers, control_plane
from tools.servers.cache import Missing
from tools.servers.server import told_to_end

CONFIG = Path(__file__).parents[2] / "config"


def page(made: ControlPlaneServers) -> str:
    """What there is, in lines that a shell may read: comments, then exports."""
    return f"""\
# Kubernetes {made.versions["kubernetes"]}, etcd {made.versions["etcd"]}: {made.url}
#   processes {" ".join(map(str, made.pids()))}; data and audit.log in {made.folder}
export KUBECONFIG={made.kubeconfig}
export PATH={made.programs}:$PATH
"""


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(
        prog="make control-plane ARGS=...", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--env", type=Path, help="also write the lines to this file, for `source`")
    return parser.parse_args(arguments)


def main() -> int:
    """Start, print, wait, end."""
    options = parsed(sys.argv[1:])
    told = told_to_end()
    try:
        with control_plane() as made:
            made.kubectl("apply", "--server-side", "-k", str(CONFIG))
            print(page(made), end="", flush=True)
            if options.env:
                options.env.write_text(page(made), "utf-8")
            told.wait()
    except Missing as error:
        print(f"no control plane here: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
