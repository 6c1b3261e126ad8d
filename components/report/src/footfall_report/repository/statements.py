"""The SQL of the overview, one statement a question. Tables and columns are told by their CREATE statements.

`step` = an event of a visitor and the `first` one of its visit, by whose number `n` a visit is known. $start and $stop
bound the range.
"""

TABLES = """
CREATE TEMP TABLE midnight (zone INTEGER, day INTEGER, start BIGINT);
CREATE TEMP TABLE site (resource UUID, zone INTEGER);
CREATE TEMP TABLE chosen (resource UUID);
CREATE TEMP TABLE rule (
    goal INTEGER, resource UUID, since BIGINT, until BIGINT, type VARCHAR,
    name_kind TINYINT, name VARCHAR, value_kind TINYINT, value VARCHAR, cost_kind TINYINT, cost DOUBLE);
CREATE TEMP TABLE event (
    event_id UUID, tracking_id UUID, resource UUID, occurred_day INTEGER, ts BIGINT, received BIGINT,
    type VARCHAR, name VARCHAR, value VARCHAR, cost DOUBLE,
    device VARCHAR, os VARCHAR, browser VARCHAR, channel VARCHAR, source VARCHAR, origin UHUGEINT, campaign UHUGEINT);
"""

# Names and values are looked at by goals alone, and take most room; campaigns are only told apart: by digests.
LOAD = """
INSERT INTO event
SELECT event_id, tracking_id, resource, occurred_day, ts, received, type,
    CASE WHEN resource IN (SELECT resource FROM rule) THEN name ELSE '' END,
    CASE WHEN resource IN (SELECT resource FROM rule) THEN value ELSE '' END,
    cost, device, os, browser, channel, source, md5_number(channel || '|' || source),
    CASE WHEN campaign <> '' THEN md5_number(campaign) END
FROM batch
WHERE ts >= $low AND ts < $high AND type NOT IN (SELECT unnest($hidden))
    AND (NOT $some OR resource IN (SELECT resource FROM chosen))
"""

# Each event once, the number of its row (rowid) its own. Not DISTINCT ON, which keeps all texts in memory at once.
DISTINCT = """
DELETE FROM event
WHERE rowid IN (
    SELECT n
    FROM (SELECT rowid AS n, row_number() OVER (PARTITION BY tracking_id, occurred_day, event_id) AS copy FROM event)
    WHERE copy > 1)
"""

# The one window query of visits. `apart`: no event of the visitor came within 30 minutes before, or it came on another
# day of the site's zone. Inside such a span, the visit's campaign is the last one named: every event before the first
# that differs from the visit's has the visit's own, or none. So an event begins a visit where it is apart, or names a
# campaign other than the one held.
STEPS = """
CREATE TEMP TABLE step AS
WITH local AS (
    SELECT e.n, e.resource, e.tracking_id, e.ts, e.event_id, e.campaign, e.type, e.origin, m.day
    FROM (
        SELECT e.rowid AS n, e.*, coalesce(s.zone, 0) AS zone
        FROM event e LEFT JOIN site s USING (resource)
        WHERE e.tracking_id IS NOT NULL
    ) e ASOF JOIN midnight m ON m.zone = e.zone AND m.start <= e.ts
), parted AS (
    SELECT *, coalesce(ts - lag(ts) OVER in_order > 1800000 OR day <> lag(day) OVER in_order, true) AS apart
    FROM local
    WINDOW in_order AS (PARTITION BY resource, tracking_id ORDER BY ts, event_id)
), spanned AS (
    SELECT *, count(*) FILTER (WHERE apart) OVER (
        PARTITION BY resource, tracking_id ORDER BY ts, event_id ROWS UNBOUNDED PRECEDING) AS span
    FROM parted
), carried AS (
    SELECT *, last_value(campaign IGNORE NULLS) OVER (
        PARTITION BY resource, tracking_id, span ORDER BY ts, event_id
        ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS held
    FROM spanned
), begun AS (
    SELECT *, CASE WHEN apart OR (campaign IS NOT NULL AND campaign IS DISTINCT FROM held)
        THEN {'n': n, 'ts': ts, 'origin': origin} END AS begins
    FROM carried
)
SELECT n, resource, tracking_id, type, last_value(begins IGNORE NULLS) OVER (
    PARTITION BY resource, tracking_id ORDER BY ts, event_id ROWS UNBOUNDED PRECEDING) AS first
FROM begun
"""

# No statement below joins two large tables, and no window above carries a text (`origin` is the digest of channel and
# source): neither would fit into a small memory.

NUMBERS = """
SELECT CASE WHEN grouping(m.day) = 0 THEN m.day END, CASE WHEN grouping(e.resource) = 0 THEN e.resource END,
    count(*), count(*) FILTER (WHERE e.type = $page), count(DISTINCT e.tracking_id)
FROM (SELECT ts, resource, type, tracking_id FROM event WHERE ts >= $start AND ts < $stop) e
ASOF JOIN (SELECT * FROM midnight WHERE zone = $zone) m ON m.start <= e.ts
GROUP BY GROUPING SETS ((), (m.day), (e.resource))
"""

VISITS = """
SELECT CASE WHEN grouping(m.day) = 0 THEN m.day END, CASE WHEN grouping(v.resource) = 0 THEN v.resource END, count(*)
FROM (SELECT resource, first.ts AS ts FROM step WHERE n = first.n AND first.ts >= $start AND first.ts < $stop) v
ASOF JOIN (SELECT * FROM midnight WHERE zone = $zone) m ON m.start <= v.ts
GROUP BY GROUPING SETS ((), (m.day), (v.resource))
"""

SOURCES = """
WITH counted AS (
    SELECT first.origin AS origin, count(*) FILTER (WHERE n = first.n) AS visits,
        count(DISTINCT tracking_id) AS visitors, count(*) FILTER (WHERE type = $page) AS views
    FROM step
    WHERE first.ts >= $start AND first.ts < $stop
    GROUP BY first.origin
), named AS (SELECT origin, any_value(channel) AS channel, any_value(source) AS source FROM event GROUP BY origin)
SELECT channel, source, visits, visitors, views
FROM counted JOIN named USING (origin)
ORDER BY visits DESC, channel, source
"""

DEVICES = """
SELECT device, os, browser, count(DISTINCT tracking_id), count(*) FILTER (WHERE type = $page)
FROM event
WHERE ts >= $start AND ts < $stop
GROUP BY device, os, browser
ORDER BY 4 DESC, 5 DESC, 1, 2, 3
"""


def _text_filter(column: str) -> str:
    """Creatio's text filter: 0 none, 1 equal, 2 contains, 3 begins, 4 ends; texts compare without case."""
    event, rule = f"lower(e.{column})", f"lower(r.{column})"
    return f"""CASE r.{column}_kind WHEN 0 THEN true WHEN 1 THEN {event} = {rule} WHEN 2 THEN contains({event}, {rule})
        WHEN 3 THEN starts_with({event}, {rule}) WHEN 4 THEN ends_with({event}, {rule}) END"""


GOALS = f"""
WITH hit AS (
    SELECT r.goal, e.rowid AS n, e.ts, e.tracking_id
    FROM event e JOIN rule r ON e.resource = r.resource AND e.received >= r.since AND e.received < r.until
    WHERE (r.type = '' OR e.type = lower(r.type))
        AND {_text_filter("name")}
        AND {_text_filter("value")}
        AND CASE r.cost_kind WHEN 0 THEN true WHEN 1 THEN e.cost = r.cost WHEN 2 THEN e.cost <= r.cost
            WHEN 3 THEN e.cost >= r.cost END
)
SELECT h.goal,
    count(*) FILTER (WHERE h.ts >= $start AND h.ts < $stop),
    count(DISTINCT s.first.n) FILTER (WHERE s.first.ts >= $start AND s.first.ts < $stop),
    count(DISTINCT h.tracking_id) FILTER (WHERE h.ts >= $start AND h.ts < $stop)
FROM hit h LEFT JOIN step s ON s.n = h.n
GROUP BY h.goal
"""  # noqa: S608 - its parts stand in this module
