"""Kafka and Cassandra on this machine, with topics, user and keyspace of the pooled placement: `make stack`.

Prints addresses, administrators, and the variables that a component needs to run on them, as lines for a shell; keeps
both until Ctrl-C. What they hold goes with them. Data lies in memory where there is room, or in the folder that the
variable SERVERS_DIR names.
"""

import argparse
import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from footfall_common.documents import NIL
from footfall_common.placement import Placement, names
from tools.cassandra.handle import CassandraServers, nodes
from tools.kafka.handle import KafkaServers, brokers
from tools.servers.cache import Missing
from tools.servers.handle import Credentials
from tools.servers.server import told_to_end

NAMES = names(NIL, Placement.POOLED)


class Stack(NamedTuple):
    """Both, and the folder of the files that `variables` name; it goes with the servers."""

    kafka: KafkaServers
    cassandra: CassandraServers
    folder: Path
    variables: Mapping[str, str]


@contextmanager
def stack(options: argparse.Namespace) -> Iterator[Stack]:
    """Both while the block lasts."""
    shared = {"tls": options.tls, "san": options.san, "profile": options.profile}
    bind = options.bind[0] if options.bind else "127.0.0.1"
    with (
        brokers(brokers=options.brokers, bind=bind, advertise=options.advertise, **shared) as kafka,
        nodes(nodes=options.nodes, hosts=options.bind, broadcast=options.broadcast, **shared) as cassandra,
    ):
        folder = kafka.folder / "stack"
        folder.mkdir()
        yield Stack(kafka, cassandra, folder, provisioned(kafka, cassandra, folder, options.partitions))


def provisioned(kafka: KafkaServers, cassandra: CassandraServers, folder: Path, partitions: int) -> dict[str, str]:
    """Make all that the pooled placement needs; what a component is told of it. Passwords go into files of `folder`."""
    user = Credentials(NAMES.kafka_user, secrets.token_hex(16))
    role = Credentials(NAMES.role, secrets.token_hex(16))
    kafka.provision(NAMES, user, partitions)
    cassandra.provision(NAMES.keyspace, role)
    files = {
        "kafka": user.password,
        "kafka-admin": kafka.admin.password,
        "cassandra": role.password,
        "cassandra-admin": cassandra.admin.password,
        "admin": secrets.token_hex(16),
    }
    for name, secret in files.items():
        (folder / f"{name}.password").write_text(secret, "utf-8")
    return variables(kafka, cassandra, user, role, folder)


def variables(
    kafka: KafkaServers, cassandra: CassandraServers, user: Credentials, role: Credentials, folder: Path
) -> dict[str, str]:
    """The settings of any component on these servers."""
    found = {
        "FOOTFALL_KAFKA_SERVERS": kafka.bootstrap,
        "FOOTFALL_KAFKA_SECURITY": kafka.protocol,
        "FOOTFALL_KAFKA_USER": user.user,
        "FOOTFALL_KAFKA_PASSWORD_FILE": str(folder / "kafka.password"),
        "FOOTFALL_CASSANDRA_HOSTS": ",".join(cassandra.hosts),
        "FOOTFALL_CASSANDRA_PORT": str(cassandra.port),
        "FOOTFALL_CASSANDRA_USER": role.user,
        "FOOTFALL_CASSANDRA_PASSWORD_FILE": str(folder / "cassandra.password"),
        "FOOTFALL_CASSANDRA_REPLICATION": str(min(3, len(cassandra.hosts))),
        "FOOTFALL_PROCESS_ADMIN_TOKEN_FILE": str(folder / "admin.password"),
    }
    if kafka.ca and cassandra.ca:
        found |= {"FOOTFALL_KAFKA_CA_FILE": str(kafka.ca), "FOOTFALL_CASSANDRA_CA_FILE": str(cassandra.ca)}
    return found


def page(made: Stack) -> str:
    """What there is, in lines that a shell may read: comments, then exports."""
    kafka, cassandra = made.kafka, made.cassandra
    cql = " ".join(f"{host}:{cassandra.port}" for host in cassandra.hosts)
    kafka_pids, cassandra_pids = (" ".join(map(str, servers.pids())) for servers in (kafka, cassandra))
    text = f"""\
# Kafka {kafka.versions["kafka"]}: {kafka.bootstrap} ({kafka.protocol}, SCRAM-SHA-512)
#   user {NAMES.kafka_user}; administrator {kafka.admin.user}
#   processes {kafka_pids}; data in {kafka.folder}
# Cassandra {cassandra.versions["cassandra"]}: {cql}
#   role {NAMES.role}, keyspace {NAMES.keyspace}; superuser {cassandra.admin.user}
#   processes {cassandra_pids}; data in {cassandra.folder}
# Administrators' passwords: {made.folder}/*-admin.password
"""
    return text + "".join(f"export {name}={value}\n" for name, value in made.variables.items())


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """The options; ends the process with a sentence where they do not fit together."""
    parser = argparse.ArgumentParser(
        prog="make stack ARGS=...", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--brokers", type=int, choices=(1, 3), default=1, help="Kafka brokers (default 1)")
    add("--nodes", type=int, choices=(1, 2, 3, 4), default=1, help="Cassandra nodes (default 1)")
    add("--tls", action="store_true", help="clients speak TLS; the authority is made for this run")
    add("--bind", action="append", default=[], metavar="ADDRESS",
        help="an address of this machine to listen on: one for each node, of which brokers use the first")  # fmt: skip
    add("--san", action="append", default=[], metavar="NAME", help="one more name or address in the certificates")
    add("--advertise", action="append", default=[], metavar="HOST:PORT",
        help="where clients find a broker, if not where it listens: one for each broker")  # fmt: skip
    add("--broadcast", action="append", default=[], metavar="ADDRESS",
        help="where clients find a node, if not where it listens: one for each node")  # fmt: skip
    add("--partitions", type=int, default=6, help="of the topics that are consumed (default 6)")
    add("--profile", choices=("test", "load"), default="test", help="load: larger heaps, full JIT")
    add("--env", type=Path, help="also write the lines to this file, for `source`")
    options = parser.parse_args(arguments)
    for option, count in (("bind", options.nodes), ("advertise", options.brokers), ("broadcast", options.nodes)):
        if len(getattr(options, option)) not in {0, count}:
            parser.error(f"--{option}: {len(getattr(options, option))} given, {count} needed")
    return options


def main() -> int:
    """Start, print, wait, end."""
    options = parsed(sys.argv[1:])
    told = told_to_end()
    try:
        with stack(options) as made:
            text = page(made)
            print(text, flush=True)
            if options.env:
                options.env.write_text(text, "utf-8")
            print("# Both serve. Next: footfall migrate; python -m footfall_receiver. Ctrl-C ends them.", flush=True)
            told.wait()
    except Missing as error:
        print(f"make stack: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
