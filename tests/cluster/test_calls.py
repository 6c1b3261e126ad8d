"""The calls that a pass makes, where it matters how the real API server answers."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from footfall_operator.access import Access, for_asyncio
from footfall_operator.cluster import Body, Changed, Cluster
from footfall_operator.drift import Whole
from footfall_operator.lease import Fence
from footfall_operator.resources import ref_of
from tests.support.operating import Installation, account

pytestmark = pytest.mark.integration


@pytest.fixture
async def cluster(common: Installation, tmp_path: Path) -> AsyncIterator[Cluster]:
    """As the operator itself."""
    mounted = account(common.api.client, common.servers, tmp_path / "account")
    access = Access(common.servers.url, str(mounted / "ca.crt"), token_file=mounted / "token")
    fence = Fence(lambda: 0.0)
    fence.extend(1.0)
    client = for_asyncio(access, 1)
    yield Cluster(client, access, fence, 10, lambda _: None)
    await client.close()  # type: ignore[no-untyped-call] # generated


async def test_a_list_is_put_back_only_where_nobody_wrote_meanwhile(common: Installation, cluster: Cluster) -> None:
    ports: list[Body] = [{"name": name, "port": port} for name, port in (("http", 80), ("spy", 81))]
    body: Body = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "s", "namespace": common.namespace()},
        "spec": {"ports": ports},
    }
    looked_at = (await cluster.create(body))["metadata"]["resourceVersion"]
    await cluster.merge(ref_of(body), {"metadata": {"labels": {"written": "meanwhile"}}})
    with pytest.raises(Changed):
        await cluster.put_back(ref_of(body), [Whole("/spec/ports", ports[:1])], looked_at)
    live = await cluster.get(ref_of(body))
    assert live is not None
    assert len(live["spec"]["ports"]) == 2
    live = await cluster.put_back(ref_of(body), [Whole("/spec/ports", ports[:1])], live["metadata"]["resourceVersion"])
    assert [one["name"] for one in live["spec"]["ports"]] == ["http"]
