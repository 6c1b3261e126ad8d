"""What every store keeps about settings, clients and keys."""

import asyncio
import uuid

import pytest

from footfall_common.errors import Conflict, NotFound
from footfall_common.store import ClientRecord, SigningKey, StoredDocument, TenantContext
from tests.contract.store.conftest import OpenStore
from tests.support.stores import OpenedStore, tenant


def key(of: TenantContext, about: int = 0) -> bytes:
    return of.tenant.bytes + uuid.UUID(int=about).bytes


def client(of: TenantContext, name: str = "creatio", created: int = 1) -> ClientRecord:
    return ClientRecord(uuid.uuid4(), of.tenant, name, b"\x00secret\xff", created, ("tracking_api", "admin"))


class TestDocuments:
    async def test_one_that_nobody_wrote(self, opened: OpenedStore) -> None:
        of = tenant()
        assert await opened.store.directory.get(key(of)) is None
        assert list(await opened.store.directory.of_tenant(of)) == []
        assert list(await opened.store.directory.unpublished(10)) == []

    async def test_revisions_follow_one_another(self, opened: OpenedStore) -> None:
        directory, of = opened.store.directory, tenant()
        await directory.put(key(of), b"one", 1)
        await directory.put(key(of), b'{"\x00": "\xf0\x9f\x92\xa9"}', 2)
        assert await directory.get(key(of)) == StoredDocument(key(of), 2, 0, b'{"\x00": "\xf0\x9f\x92\xa9"}')

    @pytest.mark.parametrize("revision", [-1, 0, 1, 2, 4])
    async def test_any_other_revision_is_a_conflict_and_changes_nothing(
        self, opened: OpenedStore, revision: int
    ) -> None:
        directory, of = opened.store.directory, tenant()
        await directory.put(key(of), b"one", 1)
        await directory.put(key(of), b"two", 2)
        with pytest.raises(Conflict):
            await directory.put(key(of), b"other", revision)
        assert await directory.get(key(of)) == StoredDocument(key(of), 2, 0, b"two")

    async def test_the_first_revision_is_one(self, opened: OpenedStore) -> None:
        of = tenant()
        with pytest.raises(Conflict):
            await opened.store.directory.put(key(of), b"", 2)
        assert await opened.store.directory.get(key(of)) is None

    async def test_of_ten_writers_of_one_revision_one_wins(self, opened: OpenedStore) -> None:
        directory, of = opened.store.directory, tenant()
        outcomes = await asyncio.gather(
            *(directory.put(key(of), str(n).encode(), 1) for n in range(10)), return_exceptions=True
        )
        winners = [n for n, outcome in enumerate(outcomes) if outcome is None]
        assert [type(outcome) for outcome in outcomes if outcome is not None] == [Conflict] * 9
        assert await directory.get(key(of)) == StoredDocument(key(of), 1, 0, str(winners[0]).encode())

    @pytest.mark.parametrize("of", [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID(int=255)])
    async def test_a_tenants_documents_are_those_whose_key_begins_with_it(
        self, opened: OpenedStore, of: uuid.UUID
    ) -> None:
        directory = opened.store.directory
        abouts = (0, 1, 2**128 - 1)
        neighbours = {uuid.UUID(int=(of.int + step) % 2**128) for step in (-1, 0, 1)}
        for neighbour in neighbours:
            for about in abouts:
                await directory.put(key(TenantContext(neighbour), about), neighbour.bytes, 1)
        found = await directory.of_tenant(TenantContext(of))
        assert sorted(found) == [StoredDocument(key(TenantContext(of), about), 1, 0, of.bytes) for about in abouts]

    async def test_unpublished_are_those_that_are_behind_oldest_change_first(self, opened: OpenedStore) -> None:
        directory, of = opened.store.directory, tenant()
        for about in (3, 1, 2):
            await directory.put(key(of, about), b"one", 1)
        assert [found.key for found in await directory.unpublished(10)] == [key(of, about) for about in (3, 1, 2)]
        assert [found.key for found in await directory.unpublished(2)] == [key(of, 3), key(of, 1)]
        await directory.published(key(of, 3), 1)
        assert [found.key for found in await directory.unpublished(10)] == [key(of, 1), key(of, 2)]
        await directory.put(key(of, 3), b"two", 2)
        assert list(await directory.unpublished(10)) == [
            StoredDocument(key(of, 1), 1, 0, b"one"),
            StoredDocument(key(of, 2), 1, 0, b"one"),
            StoredDocument(key(of, 3), 2, 1, b"two"),
        ]

    async def test_a_late_note_of_an_older_revision_takes_nothing_back(self, opened: OpenedStore) -> None:
        directory, of = opened.store.directory, tenant()
        for revision in (1, 2):
            await directory.put(key(of), b"", revision)
        await directory.published(key(of), 2)
        await directory.published(key(of), 1)
        assert await directory.get(key(of)) == StoredDocument(key(of), 2, 2, b"")
        assert list(await directory.unpublished(10)) == []

    async def test_a_note_about_the_revision_before_leaves_the_new_one_to_publish(self, opened: OpenedStore) -> None:
        directory, of = opened.store.directory, tenant()
        await directory.put(key(of), b"one", 1)
        await directory.put(key(of), b"two", 2)
        await directory.published(key(of), 1)
        assert list(await directory.unpublished(10)) == [StoredDocument(key(of), 2, 1, b"two")]

    async def test_they_survive_a_restart(self, open_store: OpenStore) -> None:
        of = tenant()
        await (await open_store()).store.directory.put(key(of), b"one", 1)
        assert await (await open_store()).store.directory.get(key(of)) == StoredDocument(key(of), 1, 0, b"one")


class TestClients:
    async def test_nobody(self, opened: OpenedStore) -> None:
        assert await opened.store.directory.client(uuid.uuid4()) is None
        assert list(await opened.store.directory.clients_of(tenant())) == []

    async def test_everything_of_a_client_comes_back(self, opened: OpenedStore) -> None:
        directory, of = opened.store.directory, tenant()
        records = [client(of), client(of, "Creatio \U0001f4a9'; --", 2)._replace(scopes=(), disabled=True)]
        for record in records:
            await directory.add_client(record)
            assert await directory.client(record.client) == record
        assert sorted(await directory.clients_of(of)) == sorted(records)
        assert list(await directory.clients_of(tenant())) == []

    async def test_a_name_is_taken_within_its_tenant(self, opened: OpenedStore) -> None:
        directory, one, two = opened.store.directory, tenant(), tenant()
        first = client(one)
        await directory.add_client(first)
        with pytest.raises(Conflict):
            await directory.add_client(client(one))
        await directory.add_client(client(two))
        assert list(await directory.clients_of(one)) == [first]

    async def test_an_id_is_taken_everywhere(self, opened: OpenedStore) -> None:
        directory, of = opened.store.directory, tenant()
        first = client(of)
        await directory.add_client(first)
        with pytest.raises(Conflict):
            await directory.add_client(client(tenant(), "other")._replace(client=first.client))
        assert await directory.client(first.client) == first

    async def test_of_ten_writers_of_one_name_one_wins(self, opened: OpenedStore) -> None:
        directory, of = opened.store.directory, tenant()
        records = [client(of) for _ in range(10)]
        outcomes = await asyncio.gather(*map(directory.add_client, records), return_exceptions=True)
        winners = [record for record, outcome in zip(records, outcomes, strict=True) if outcome is None]
        assert list(await directory.clients_of(of)) == winners
        assert len(winners) == 1

    async def test_secret_disabled_and_revocation_change(self, opened: OpenedStore) -> None:
        directory = opened.store.directory
        record = client(tenant())
        await directory.add_client(record)
        changed = record._replace(secret=b"new", disabled=True, revoked_before=77)
        await directory.update_client(changed)
        assert await directory.client(record.client) == changed

    async def test_one_that_does_not_stand_cannot_change(self, opened: OpenedStore) -> None:
        directory = opened.store.directory
        record = client(tenant())
        await directory.add_client(record)
        with pytest.raises(NotFound):
            await directory.update_client(client(tenant()))
        with pytest.raises(NotFound):
            await directory.update_client(record._replace(tenant=uuid.uuid4(), secret=b"stolen"))
        assert await directory.client(record.client) == record


class TestKeys:
    async def test_newest_first(self, opened: OpenedStore) -> None:
        directory = opened.store.directory
        assert list(await directory.keys()) == []
        keys = [SigningKey(f"k{created}", created, b'{"kty":"RSA"}') for created in (2, 3, 1)]
        for added in keys:
            await directory.add_key(added)
        assert [found.created for found in await directory.keys()] == [3, 2, 1]
        assert set(await directory.keys()) == set(keys)

    async def test_an_id_is_taken(self, opened: OpenedStore) -> None:
        directory = opened.store.directory
        await directory.add_key(SigningKey("k", 1, b"first"))
        with pytest.raises(Conflict):
            await directory.add_key(SigningKey("k", 2, b"second"))
        assert list(await directory.keys()) == [SigningKey("k", 1, b"first")]


async def test_a_store_that_works_says_nothing(opened: OpenedStore) -> None:
    assert await opened.store.check() is None
