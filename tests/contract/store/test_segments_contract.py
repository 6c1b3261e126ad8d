"""What every store keeps about segments."""

import uuid
from collections.abc import Iterable, Mapping, Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall_common.documents import NIL
from footfall_common.events.times import DAY, bucket_of, day_of, day_of_bucket
from footfall_common.store import Folded, Segment, Span
from tests.contract.store.conftest import OpenStore
from tests.support.stores import NOON, OpenedStore, tenant

BUCKET = bucket_of(NOON)
TODAY = day_of(NOON)
FIRST = bucket_of(TODAY * DAY)
RESOURCE = uuid.UUID(int=7)
few = settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],  # each example is a new tenant
)


def chunk(n: int) -> bytes:
    return n.to_bytes(32, "big")


def segment(
    version: int,
    chunks: Sequence[int] = (),
    *,
    resource: uuid.UUID = RESOURCE,
    bucket: int = BUCKET,
    watermark: Mapping[int, int] | None = None,
) -> Segment:
    return Segment(resource, bucket, version, watermark or {0: version}, [chunk(n) for n in chunks], len(chunks))


def folding(version: int, chunks: Sequence[int], folded: Mapping[int, int]) -> list[Segment]:
    """A day's segments: one resource's and NIL's, holding buckets up to those versions."""
    day = segment(version, chunks, bucket=FIRST, watermark={})._replace(span=Span.DAY, watermark={})
    upto = {bucket: Folded(top, {0: top}) for bucket, top in folded.items()}
    return [day, day._replace(resource=NIL, chunks=[], members={RESOURCE: version}, folded=upto)]


def bodies(*numbers: int) -> dict[bytes, bytes]:
    return {chunk(n): b"PAR1" * n for n in numbers}


def by_key(segments: Iterable[Segment]) -> dict[tuple[object, ...], Segment]:
    return {(one.span, one.bucket, one.resource, one.version): one for one in segments}


class TestHeads:
    async def test_none(self, opened: OpenedStore) -> None:
        segments = opened.store.segments
        assert list(await segments.heads(tenant(), [])) == []
        assert list(await segments.heads(tenant(), [day_of(NOON)])) == []
        assert list(await segments.bucket_heads(tenant(), BUCKET)) == []

    async def test_everything_of_a_segment_comes_back(self, opened: OpenedStore) -> None:
        of, segments = tenant(), opened.store.segments
        watermark = {0: 5, 3: 2**53, (7 << 16) | 2: 0}
        late = segment(9, [1, 2], watermark=watermark)._replace(sizes=(4, 2**20), base=3)
        own = late._replace(resource=NIL, chunks=[], sizes=(), members={RESOURCE: 9}, closed=True)
        folded = {BUCKET: Folded(7, watermark), -5: Folded(0, {})}
        day = Segment(NIL, FIRST, 11, {}, [], 8, span=Span.DAY, members={RESOURCE: 0}, folded=folded)
        await segments.put(of, [late, own, day], bodies(1, 2), NOON)
        assert by_key(await segments.bucket_heads(of, BUCKET)) == by_key([late, own])
        assert by_key(await segments.day_heads(of, TODAY)) == by_key([day])
        assert by_key(await segments.heads(of, [TODAY])) == by_key([late, own, day])

    async def test_a_day_and_its_first_bucket_are_two(self, opened: OpenedStore) -> None:
        of, segments = tenant(), opened.store.segments
        first, days = segment(5, [5], bucket=FIRST), folding(2, [2], {FIRST: 4})
        await segments.put(of, [first, *days], bodies(2, 5), NOON)
        assert list(await segments.bucket_heads(of, FIRST)) == [first]
        assert by_key(await segments.day_heads(of, TODAY)) == by_key(days)
        assert by_key(await segments.heads(of, [TODAY])) == by_key([first, *days])
        assert list(await segments.day_heads(of, TODAY + 1)) == []

    async def test_the_highest_version_stands_whatever_came_last(self, opened: OpenedStore) -> None:
        of = tenant()
        for version in (2, 10, 9):
            await opened.store.segments.put(of, [segment(version, [version])], bodies(version), NOON)
        assert list(await opened.store.segments.bucket_heads(of, BUCKET)) == [segment(10, [10])]

    async def test_of_one_version_put_twice_one_stands(self, opened: OpenedStore) -> None:
        of, either = tenant(), [segment(1, [1]), segment(1, [2])]
        for written, body in zip(either, (bodies(1), bodies(2)), strict=True):
            await opened.store.segments.put(of, [written], body, NOON)
        (stands,) = await opened.store.segments.bucket_heads(of, BUCKET)
        assert stands in either
        assert set(await opened.store.segments.chunks(of, stands.chunks)) == set(stands.chunks)

    async def test_the_days_that_were_asked(self, opened: OpenedStore) -> None:
        of = tenant()
        buckets = (-97, -96, -1, 0, 95, 96, BUCKET)
        written = [segment(1, bucket=bucket, resource=uuid.UUID(int=n)) for bucket in buckets for n in (0, 1)]
        await opened.store.segments.put(of, written, {}, NOON)
        for days in ([-1], [0], [-2, 1], [0, 0, day_of(NOON)], list(range(-200, 200))):
            expected = [of for of in written if day_of_bucket(of.bucket) in days]
            assert by_key(await opened.store.segments.heads(of, days)) == by_key(expected)

    async def test_many_resources_and_buckets(self, opened: OpenedStore) -> None:
        of = tenant()
        start = day_of(NOON) * 96
        older, newer = (
            [segment(v, bucket=start + n, resource=uuid.UUID(int=m)) for n in range(96) for m in range(4)]
            for v in (1, 2)
        )
        await opened.store.segments.put(of, older, {}, NOON)
        await opened.store.segments.put(of, newer, {}, NOON)
        assert by_key(await opened.store.segments.heads(of, [day_of(NOON)])) == by_key(newer)

    @few
    @given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 9)), max_size=20))
    async def test_the_standing_one_is_the_greatest(
        self, opened: OpenedStore, puts: list[tuple[int, int, int]]
    ) -> None:
        of = tenant()
        greatest: dict[tuple[int, int], int] = {}
        for bucket, resource, version in puts:
            await opened.store.segments.put(
                of, [segment(version, bucket=bucket, resource=uuid.UUID(int=resource))], {}, NOON
            )
            greatest[bucket, resource] = max(version, greatest.get((bucket, resource), 0))
        heads = await opened.store.segments.heads(of, [0])
        assert {(head.bucket, head.resource.int): head.version for head in heads} == greatest
        assert len(heads) == len(greatest)


class TestChunks:
    async def test_those_that_exist_come(self, opened: OpenedStore) -> None:
        of = tenant()
        large = {chunk(3): bytes(range(256)) * 4_096}
        await opened.store.segments.put(of, [segment(1, [1, 3])], bodies(1) | large, NOON)
        assert await opened.store.segments.chunks(of, []) == {}
        assert await opened.store.segments.chunks(of, [chunk(n) for n in (1, 2, 3, 3)]) == bodies(1) | large

    async def test_hundreds_at_once(self, opened: OpenedStore) -> None:
        of = tenant()
        await opened.store.segments.put(of, [segment(1, range(300))], bodies(*range(300)), NOON)
        assert await opened.store.segments.chunks(of, [chunk(n) for n in range(300)]) == bodies(*range(300))

    async def test_they_survive_a_restart(self, open_store: OpenStore) -> None:
        of = tenant()
        await (await open_store()).store.segments.put(of, [segment(1, [1])], bodies(1), NOON)
        reopened = (await open_store()).store.segments
        assert list(await reopened.bucket_heads(of, BUCKET)) == [segment(1, [1])]
        assert await reopened.chunks(of, [chunk(1)]) == bodies(1)


class TestSweep:
    async def test_nothing_to_sweep(self, opened: OpenedStore) -> None:
        of = tenant()
        await opened.store.segments.put(of, [segment(1, [1])], bodies(1), NOON)
        assert await opened.store.segments.sweep(of, TODAY, NOON + 1) == 0
        assert await opened.store.segments.sweep(tenant(), TODAY, NOON + 1) == 0

    async def test_a_version_goes_once_it_was_superseded_before_that_time(self, opened: OpenedStore) -> None:
        of, segments = tenant(), opened.store.segments
        await segments.put(of, [segment(1, [1, 2])], bodies(1, 2), NOON)
        await segments.put(of, [segment(2, [2, 3])], bodies(3), NOON + 100)
        assert await segments.sweep(of, TODAY, NOON + 100) == 0
        assert await segments.chunks(of, [chunk(n) for n in (1, 2, 3)]) == bodies(1, 2, 3)
        assert await segments.sweep(of, TODAY - 1, NOON + 101) == 0
        assert await segments.sweep(of, TODAY, NOON + 101) == 1
        assert await segments.chunks(of, [chunk(n) for n in (1, 2, 3)]) == bodies(2, 3)
        assert list(await segments.bucket_heads(of, BUCKET)) == [segment(2, [2, 3])]
        assert await segments.sweep(of, TODAY, NOON + 10**9) == 0

    async def test_a_stale_version_that_came_late_goes_too(self, opened: OpenedStore) -> None:
        of, segments = tenant(), opened.store.segments
        await segments.put(of, [segment(2, [2])], bodies(2), NOON)
        await segments.put(of, [segment(1, [1])], bodies(1), NOON + 100)
        assert await segments.sweep(of, TODAY, NOON + 50) == 1
        assert await segments.chunks(of, [chunk(1), chunk(2)]) == bodies(2)

    async def test_a_chunk_of_another_standing_segment_stays(self, opened: OpenedStore) -> None:
        of, segments = tenant(), opened.store.segments
        await segments.put(of, [segment(1, [1]), segment(1, [1], bucket=BUCKET + 1)], bodies(1), NOON)
        await segments.put(of, [segment(2, [])], {}, NOON)
        assert await segments.sweep(of, TODAY, NOON + 1) == 1
        assert await segments.chunks(of, [chunk(1)]) == bodies(1)

    async def test_buckets_that_a_complete_day_holds_go(self, opened: OpenedStore) -> None:
        of, segments = tenant(), opened.store.segments
        newer = segment(9, [4], bucket=BUCKET + 1)
        for one in (segment(3, [1, 2]), segment(5, [3], bucket=BUCKET + 1), newer, segment(5, [5], bucket=BUCKET + 2)):
            await segments.put(of, [one, one._replace(resource=NIL, chunks=[])], bodies(1, 2, 3, 4, 5), NOON)
        day = folding(7, [1, 3, 6], {BUCKET: 3, BUCKET + 1: 5})
        await segments.put(of, day, bodies(6), NOON + 100)
        await segments.sweep(of, TODAY, NOON + 100)
        assert await segments.bucket_heads(of, BUCKET) != []
        assert await segments.sweep(of, TODAY, NOON + 101) == 2
        assert list(await segments.bucket_heads(of, BUCKET)) == []
        assert by_key(await segments.bucket_heads(of, BUCKET + 1)) == by_key(
            [newer, newer._replace(resource=NIL, chunks=[])]
        )
        assert len(await segments.bucket_heads(of, BUCKET + 2)) == 2
        assert await segments.chunks(of, [chunk(n) for n in range(1, 7)]) == bodies(1, 3, 4, 5, 6)

    @pytest.mark.parametrize("missing", [RESOURCE, NIL])
    async def test_nothing_goes_for_a_day_that_is_not_whole(self, opened: OpenedStore, missing: uuid.UUID) -> None:
        of, segments = tenant(), opened.store.segments
        await segments.put(of, [segment(3, [1])], bodies(1), NOON)
        day = [one for one in folding(7, [2], {BUCKET: 3}) if one.resource != missing]
        await segments.put(of, day, bodies(2), NOON)
        assert await segments.sweep(of, TODAY, NOON + 1) == 0

    async def test_more_versions_than_one_transaction_deletes(self, opened: OpenedStore) -> None:
        of, segments = tenant(), opened.store.segments
        versions = [segment(n, [n]) for n in range(450)]
        await segments.put(of, versions, bodies(*range(450)), NOON)
        assert await segments.sweep(of, TODAY, NOON + 1) == 449
        assert list(await segments.bucket_heads(of, BUCKET)) == versions[-1:]
        assert await segments.chunks(of, [chunk(n) for n in range(450)]) == bodies(449)

    @few
    @given(
        st.lists(
            st.tuples(st.integers(0, 1), st.booleans(), st.integers(0, 5), st.sets(st.integers(0, 4))),
            max_size=12,
            unique_by=lambda put: (put[0] * (not put[1]), *put[1:3]),
        )
    )
    async def test_whatever_came_what_stands_is_whole(
        self, opened: OpenedStore, puts: list[tuple[int, bool, int, set[int]]]
    ) -> None:
        of, segments = tenant(), opened.store.segments
        for now, (bucket, day, version, chunks) in enumerate(puts):
            written = segment(version, sorted(chunks), bucket=FIRST + bucket * (not day))
            await segments.put(of, [written._replace(span=Span.DAY if day else Span.BUCKET)], bodies(*chunks), now)
        before = list(await segments.heads(of, [TODAY]))
        await segments.sweep(of, TODAY, len(puts) + 1)
        assert by_key(await segments.heads(of, [TODAY])) == by_key(before)
        listed = {of for head in before for of in head.chunks}
        assert await segments.chunks(of, [chunk(n) for n in range(5)]) == {
            of: body for of, body in bodies(*range(5)).items() if of in listed
        }


async def test_tenants_with_the_same_ids_never_meet(opened: OpenedStore) -> None:
    one, two, segments = tenant(), tenant(), opened.store.segments
    await segments.put(one, [segment(1, [1])], {chunk(1): b"one"}, NOON)
    await segments.put(two, [segment(2, [1])], {chunk(1): b"two"}, NOON)
    assert list(await segments.bucket_heads(one, BUCKET)) == [segment(1, [1])]
    assert list(await segments.heads(two, [day_of(NOON)])) == [segment(2, [1])]
    assert await segments.chunks(one, [chunk(1)]) == {chunk(1): b"one"}
    assert await segments.chunks(two, [chunk(1)]) == {chunk(1): b"two"}
    await segments.put(one, [segment(3, [])], {}, NOON)
    assert await segments.sweep(one, TODAY, NOON + 1) == 1
    assert await segments.chunks(two, [chunk(1)]) == {chunk(1): b"two"}
    assert await segments.sweep(two, TODAY, NOON + 1) == 0
    assert await segments.chunks(tenant(), [chunk(1)]) == {}
