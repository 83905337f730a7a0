# ruff: noqa: E501
"""Pipeline, operations and plan again, in SQL written by hand; `oracle` has the rest and explains the braces.

A state (see `STATES`) is asked for one bucket at a time: `{end}` is the first day after it.
"""

VIEWS = """
    CREATE TABLE last_day AS SELECT DATE '2025-01-08' AS last;
    CREATE TABLE step AS SELECT *, row_number() OVER (
            PARTITION BY deal_key ORDER BY "at", state <> 'open', position, version, key) AS n FROM deal_stage;
    CREATE TABLE present AS SELECT deal_key, owner, territory, channel, market, product_line, state, stage, value_shop, lead_key,
            customer_key, reason, created_on, n FROM step s
        WHERE n = (SELECT max(n) FROM step z WHERE z.deal_key = s.deal_key);
    CREATE TABLE deal AS SELECT p.*, CASE WHEN state <> 'open' THEN (
            SELECT min(s."on") FROM step s WHERE s.deal_key = p.deal_key AND s.state = p.state
                AND s.n > coalesce((SELECT max(n) FROM step o WHERE o.deal_key = p.deal_key AND o.state = 'open'), 0)
        ) END AS closed_on FROM present p;
    CREATE TABLE created AS SELECT *, created_on AS d, created_on AS w FROM deal;
    CREATE TABLE closed AS SELECT *, closed_on AS d, closed_on AS w FROM deal WHERE closed_on IS NOT NULL;
    CREATE TABLE entry AS SELECT deal_key, stage, position, state, "on", n FROM step s
        WHERE stage IS DISTINCT FROM (SELECT stage FROM step b WHERE b.deal_key = s.deal_key AND b.n = s.n - 1);
    CREATE TABLE move AS SELECT e.deal_key, e.stage, e.position, e.state, e."on" AS d, e."on" AS w, f.stage AS next_stage,
            f.position AS next_position, f.state AS next_state, f."on" AS left_on, b.position AS position_before,
            p.owner, p.territory, p.channel, p.market, p.product_line
        FROM entry e JOIN present p USING (deal_key)
        LEFT JOIN entry f ON f.deal_key = e.deal_key AND f.n = (
            SELECT min(n) FROM entry x WHERE x.deal_key = e.deal_key AND x.n > e.n)
        LEFT JOIN entry b ON b.deal_key = e.deal_key AND b.n = (
            SELECT max(n) FROM entry x WHERE x.deal_key = e.deal_key AND x.n < e.n);
    CREATE TABLE stay AS SELECT * EXCLUDE (d, w), date_diff('day', d, left_on) AS days, left_on AS d, left_on AS w
        FROM move WHERE state = 'open' AND left_on IS NOT NULL;
    CREATE TABLE lead_fate AS SELECT lead_key, min("on") FILTER (event = 'created') AS d, min("on") FILTER (event = 'created') AS w,
            min("on") FILTER (event = 'converted') AS converted_on,
            max("on") FILTER (event = 'lost') AS lost_on, max("at") FILTER (event = 'lost') AS lost_at,
            max("at") FILTER (event <> 'lost') AS other_at,
            arg_max(owner, "at") AS owner, arg_min(channel, "at") AS channel, arg_min(campaign, "at") AS campaign,
            arg_min(market, "at") AS market, arg_min(product_line, "at") AS product_line,
            arg_max(coalesce(k.person_id, e.customer_key), "at") AS person
        FROM lead_event e LEFT JOIN identity_link k USING (customer_key) GROUP BY lead_key;
    CREATE TABLE lead AS SELECT *, CASE WHEN converted_on IS NOT NULL THEN 'passed'
            WHEN lost_at > other_at THEN 'failed' ELSE 'open' END AS fate,
        date_diff('day', d, CASE WHEN converted_on IS NOT NULL THEN converted_on WHEN lost_at > other_at THEN lost_on
            ELSE (SELECT last FROM last_day) END) AS age FROM lead_fate;
    CREATE TABLE lead_step AS SELECT e.lead_key, e.event AS stage, e."on" AS d, e."on" AS w,
            l.owner, l.channel, l.campaign, l.market, l.product_line,
            (SELECT arg_min(x.event, (x."at", x.place)) FROM (FROM lead_place) x
                WHERE x.lead_key = e.lead_key AND (x."at", x.place) > (e."at", e.place)) AS next_event,
            (SELECT min(("at", place, "on"))[3] FROM lead_place x
                WHERE x.lead_key = e.lead_key AND (x."at", x.place) > (e."at", e.place)) AS left_on,
            e.place
        FROM lead_place e JOIN lead l USING (lead_key) WHERE e.event NOT IN ('converted', 'lost');
    CREATE TABLE deal_age AS SELECT *, CASE state WHEN 'won' THEN 'passed' WHEN 'lost' THEN 'failed' ELSE 'open' END AS fate,
        date_diff('day', created_on, coalesce(closed_on, (SELECT last FROM last_day))) AS age FROM created;
    CREATE TABLE identified AS SELECT coalesce(k.person_id, s.customer_key) AS person, min("on") AS visit_on,
            arg_min(channel, "at") AS channel, arg_min(market, "at") AS market
        FROM session s LEFT JOIN identity_link k USING (customer_key) WHERE s.customer_key IS NOT NULL GROUP BY 1;
    CREATE TABLE first_buy AS SELECT person, min(d) AS order_on FROM buyer GROUP BY person;
    CREATE TABLE course AS
        SELECT deal_key AS id, CASE WHEN state = 'won' THEN closed_on END AS sold_on, state, owner, territory, product_line,
            CASE WHEN visit_on < created_on AND visit_on <= coalesce(lead_on, visit_on) THEN 'visit'
                WHEN lead_on <= created_on THEN 'lead' ELSE 'deal' END AS contact,
            least(created_on, lead_on, visit_on) AS contact_on,
            CASE contact WHEN 'visit' THEN visit_channel WHEN 'lead' THEN lead_channel ELSE channel END AS channel,
            CASE contact WHEN 'visit' THEN visit_market WHEN 'lead' THEN lead_market ELSE market END AS market
        FROM (SELECT p.*, l.d AS lead_on, l.channel AS lead_channel, l.market AS lead_market,
                    i.channel AS visit_channel, i.market AS visit_market,
                    CASE WHEN b.order_on IS NULL OR b.order_on >= p.created_on THEN i.visit_on END AS visit_on
                FROM deal p LEFT JOIN lead l USING (lead_key) LEFT JOIN identified i ON i.person = p.customer_key
                LEFT JOIN first_buy b ON b.person = p.customer_key)
        UNION ALL BY NAME
        SELECT person AS id, order_on AS sold_on, 'won' AS state, contact,
            CASE contact WHEN 'visit' THEN visit_on ELSE lead_on END AS contact_on,
            CASE contact WHEN 'visit' THEN i_channel ELSE l_channel END AS channel,
            CASE contact WHEN 'visit' THEN i_market ELSE l_market END AS market,
            CASE contact WHEN 'lead' THEN l_owner END AS owner, CASE contact WHEN 'lead' THEN l_line END AS product_line
        FROM (SELECT b.*, i.visit_on, l.d AS lead_on, i.channel AS i_channel, l.channel AS l_channel, i.market AS i_market,
                    l.market AS l_market, l.owner AS l_owner, l.product_line AS l_line,
                    CASE WHEN i.visit_on <= coalesce(l.d, i.visit_on) THEN 'visit' ELSE 'lead' END AS contact
                FROM first_buy b LEFT JOIN identified i USING (person) LEFT JOIN lead l USING (person)
                WHERE NOT EXISTS (SELECT 1 FROM deal WHERE deal.customer_key = b.person AND created_on <= order_on))
        WHERE contact_on <= order_on
        UNION ALL BY NAME
        SELECT lead_key AS id, 'lead' AS contact, d AS contact_on, CASE fate WHEN 'failed' THEN 'lost' ELSE 'open' END AS state,
            owner, channel, market, product_line FROM lead
        WHERE fate <> 'passed' AND lead_key NOT IN (SELECT lead_key FROM deal WHERE lead_key IS NOT NULL);
    CREATE TABLE sale AS SELECT *, date_diff('day', contact_on, sold_on) AS days, sold_on AS d, sold_on AS w
        FROM course WHERE sold_on IS NOT NULL;
    CREATE TABLE contact_age AS SELECT *, contact_on AS d, contact_on AS w,
            CASE WHEN sold_on IS NULL THEN 'open' ELSE 'passed' END AS fate,
            date_diff('day', contact_on, coalesce(sold_on, (SELECT last FROM last_day))) AS age
        FROM course WHERE state <> 'lost';
    CREATE TABLE done AS SELECT *, "on" AS d, "on" AS w FROM activity WHERE is_done;
    CREATE TABLE credited AS SELECT c.* REPLACE (coalesce(s.owner, c.owner) AS owner),
            c.value_shop * coalesce(s.share / (SELECT sum(share) FROM deal_credit z WHERE z.deal_key = c.deal_key), 1) AS credit
        FROM closed c LEFT JOIN deal_credit s USING (deal_key) WHERE state = 'won';
    CREATE TABLE shipment AS SELECT *, "on" AS d, "on" AS w,
            (SELECT count(*) FROM range(ordered_on + 1, shipped_on + 1, INTERVAL 1 DAY) t(x)
                WHERE isodow(x) < 6 AND x::DATE NOT IN ('2024-01-01', '2024-03-29', '2024-04-01', '2024-05-01')) AS working,
            date_diff('day', ordered_on, delivered_on) AS door FROM fulfilment;
    CREATE TABLE promise AS SELECT *, promised_on AS d, promised_on AS w FROM fulfilment
        WHERE promised_on IS NOT NULL AND (delivered_on IS NOT NULL OR promised_on <= (SELECT last FROM last_day));
    CREATE TABLE handling AS SELECT *, "on" AS d, "on" AS w FROM fulfilment_cost;
    CREATE TABLE shelf AS SELECT s.*, "on" AS d, "on" AS w, category, subcategory, brand, supplier,
            greatest(reserved - on_hand, 0) AS short,
            greatest(reserved - on_hand, 0) - coalesce((SELECT arg_max(greatest(b.reserved - b.on_hand, 0), b."on")
                FROM stock_level b WHERE b.product_key = s.product_key AND b.warehouse = s.warehouse AND b."on" < s."on"), 0) AS grown
        FROM stock_level s LEFT JOIN product USING (product_key);
    CREATE TABLE demand AS SELECT product_key, coalesce((SELECT sum(quantity) FROM counted c
            WHERE c.product_key = s.product_key AND c.kind = 'goods_sold'), 0) / count(DISTINCT "on") AS daily
        FROM stock_level s WHERE is_sellable AND on_hand > reserved GROUP BY product_key;
    CREATE TABLE tally AS SELECT c.*, "on" AS d, "on" AS w, category, subcategory, brand, supplier
        FROM stock_count c LEFT JOIN product USING (product_key);
    CREATE TABLE talk AS SELECT *, "on" AS d, "on" AS w FROM support_conversation;
    CREATE TABLE aim AS SELECT *, "on" AS d, "on" AS w FROM target WHERE owner IS NULL;
    CREATE TABLE budget AS SELECT *, "on" AS d, "on" AS w FROM planned_spend;
    CREATE TABLE hours AS SELECT *, "on" AS d, "on" AS w FROM capacity;
    CREATE TABLE quota AS SELECT *, "on" AS d, "on" AS w FROM target WHERE metric = 'won_value' AND owner IS NOT NULL;
"""
VIEWS = VIEWS.replace(
    "    CREATE TABLE lead_step",
    """    CREATE TABLE lead_place AS SELECT *, list_position(
            ['created', 'consented', 'qualified', 'converted', 'lost'], event) AS place FROM lead_event;
    CREATE TABLE lead_step""",
)


def _of(source: str, value: str) -> str:
    return f"SELECT {{by}} AS k, {value} FROM {source} WHERE {{inside}} GROUP BY 1"


def _incidence(source: str) -> str:
    """Aalen and Johansen: the sum over ages of those still waiting before it, times the share that passes at it."""
    return f"""
        SELECT k, sum(waiting * passed / at_risk) FROM (
            SELECT k, passed, at_risk, coalesce(product(1 - (passed + failed) / at_risk) OVER (
                PARTITION BY k ORDER BY age ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 1) AS waiting
            FROM (SELECT {{by}} AS k, age, count(*) FILTER (fate = 'passed') AS passed,
                count(*) FILTER (fate = 'failed') AS failed,
                sum(count(*)) OVER (PARTITION BY {{by}} ORDER BY age DESC) AS at_risk
                FROM {source} WHERE {{inside}} GROUP BY {{by}}, age)
        ) GROUP BY k"""


_MEDIAN = """
    SELECT k, min(age) FILTER (waiting <= 0.5 + 1e-12) FROM (
        SELECT k, age, product(1 - passed / at_risk) OVER (PARTITION BY k ORDER BY age) AS waiting
        FROM (SELECT {by} AS k, age, count(*) FILTER (fate = 'passed') AS passed,
            sum(count(*)) OVER (PARTITION BY {by} ORDER BY age DESC) AS at_risk
            FROM contact_age WHERE {inside} GROUP BY {by}, age)
    ) GROUP BY k"""

SQL = {
    "lead_conversion_rate": _incidence("lead"),
    "deals_created": _of("created", "count(*)"),
    "deals_won": _of("closed", "count(*) FILTER (state = 'won')"),
    "deals_lost": _of("closed", "count(*) FILTER (state = 'lost')"),
    "won_value": _of("closed", "sum(value_shop) FILTER (state = 'won')"),
    "win_rate": _of("closed", "avg((state = 'won')::INT)"),
    "win_rate_by_creation": _incidence("deal_age"),
    "average_deal_size": _of("closed", "avg(value_shop) FILTER (state = 'won')"),
    "sales_cycle_days": _of("sale", "avg(days)"),
    "sales_cycle_days_median": _of("sale", "median(days)"),
    "sales_cycle_days_survival_median": _MEDIAN,
    "stage_conversion_rate": _of(
        "move",
        """count(*) FILTER (state = 'open' AND next_state <> 'lost' AND next_position > position)
            / nullif(count(*) FILTER (state = 'open'), 0)""",
    ),
    "stage_skips": _of("move", "count(*) FILTER (state <> 'lost' AND position > position_before + 1)"),
    "stage_steps_back": _of("move", "count(*) FILTER (state <> 'lost' AND position < position_before)"),
    "days_in_stage": _of("stay", "median(days)"),
    "lead_stage_conversion_rate": _of(
        "lead_step",
        """count(*) FILTER (next_event <> 'lost'
            AND list_position(['created', 'consented', 'qualified', 'converted'], next_event) > place) / count(*)""",
    ),
    "lead_days_in_stage": """
        SELECT {by} AS k, median(days) FROM (
            SELECT * EXCLUDE (d, w), date_diff('day', d, left_on) AS days, left_on AS d, left_on AS w FROM lead_step
            WHERE left_on IS NOT NULL)
        WHERE {inside} GROUP BY 1""",
    "pipeline_velocity": """
        SELECT k, created * value / (won + lost) * 1.0 / nullif(days, 0) * won FROM (
            SELECT {by} AS k, count(*) FILTER (state = 'won') AS won, count(*) FILTER (state = 'lost') AS lost,
                sum(value_shop) FILTER (state = 'won') AS value,
                sum(date_diff('day', created_on, closed_on)) FILTER (state = 'won') AS days
            FROM closed WHERE {inside} GROUP BY 1)
        LEFT JOIN (SELECT {by} AS k_1, count(*) AS created FROM created WHERE {inside} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1 WHERE won > 0""",
    "activities": _of("done", "count(*)"),
    "credited_value": _of("credited", "sum(credit)"),
    "quota_attainment": """
        SELECT k, coalesce(won, 0) / quota FROM (SELECT {by} AS k, sum(amount) AS quota FROM quota WHERE {inside} GROUP BY 1)
        LEFT JOIN (SELECT {by} AS k_1, sum(credit) AS won FROM credited WHERE {inside} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
}

_AIM = """
    SELECT k, coalesce(came, 0) / nullif(wanted, 0) FROM (
        SELECT {{by}} AS k, sum(amount) FILTER ({due}) AS wanted FROM aim WHERE metric = 'net_sales' AND {{inside}} GROUP BY 1)
    LEFT JOIN (SELECT {{by}} AS k_1, sum(amount_shop) FILTER (kind IN ('goods_sold', 'discount', 'goods_cancelled', 'refund'))
        AS came FROM counted WHERE {{inside}} GROUP BY 1) ON k IS NOT DISTINCT FROM k_1"""

SQL |= {
    "fulfilment_accuracy": _of("shipment", "avg((is_complete AND is_right)::INT)"),
    "on_time_rate": _of("promise", "avg(coalesce(delivered_on <= promised_on, false)::INT)"),
    "fulfilment_days": _of("shipment", "median(working)"),
    "delivery_days": _of("shipment", "median(door)"),
    "fulfilment_cost_per_order": """
        SELECT k, coalesce(cost, 0) / shipped FROM (
            SELECT {by} AS k, count(DISTINCT order_key) AS shipped FROM shipment WHERE {inside} GROUP BY 1)
        LEFT JOIN (SELECT {by} AS k_1, sum(amount_shop) AS cost FROM handling WHERE {inside} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
    "inventory_accuracy": _of("tally", "avg((counted = recorded)::INT)"),
    "inventory_accuracy_units": _of("tally", "1 - sum(abs(counted - recorded)) / sum(recorded)"),
    "first_response_hours": _of("talk", "median(date_diff('second', \"at\", first_reply_at) / 3600)"),
    "resolution_hours": _of("talk", "median(date_diff('second', \"at\", resolved_at) / 3600)"),
    "contacts_per_order": """
        SELECT k, coalesce(asked, 0) / o FROM (
            SELECT {by} AS k, count(DISTINCT order_key) AS o FROM sold WHERE {inside} GROUP BY 1)
        LEFT JOIN (SELECT {by} AS k_1, sum(contacts) AS asked FROM talk WHERE {inside} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
    "stockout_rate": _of(
        "shelf", "count(*) FILTER (is_sellable AND on_hand <= reserved) / nullif(count(*) FILTER (is_sellable), 0)"
    ),
    "stockout_rate_weighted": _of(
        "shelf JOIN demand USING (product_key)",
        "coalesce(sum(daily) FILTER (is_sellable AND on_hand <= reserved), 0) / sum(daily) FILTER (is_sellable)",
    ),
    "oversold_rate": """
        SELECT k, coalesce(beyond, 0) / units FROM (
            SELECT {by} AS k, sum(quantity) AS units FROM counted WHERE kind = 'goods_sold' AND {inside} GROUP BY 1)
        LEFT JOIN (SELECT {by} AS k_1, sum(grown) FILTER (grown > 0) AS beyond FROM shelf WHERE {inside} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
    "stock_turns": """
        SELECT k, CASE WHEN uncosted > 0 THEN NULL ELSE coalesce(cost, 0) / nullif(worth, 0) END FROM (
            SELECT {by} AS k, sum(on_hand * unit_cost_shop) / count(DISTINCT d) AS worth FROM shelf WHERE {inside} GROUP BY 1)
        LEFT JOIN (
            SELECT {by} AS k_1, sum(cost_shop) FILTER (kind IN ('goods_sold', 'goods_cancelled', 'refund')) AS cost,
                count(*) FILTER (kind = 'goods_sold' AND cost_shop IS NULL) AS uncosted
            FROM counted WHERE {inside} GROUP BY 1) ON k IS NOT DISTINCT FROM k_1""",
    "goal_attainment": _AIM.format(due="true"),
    "pace": _AIM.format(due="d <= (SELECT last FROM last_day)"),
    "budget_used": """
        SELECT k, (coalesce(spent, 0) + committed) / nullif(planned, 0) FROM (
            SELECT {by} AS k, sum(amount_shop) AS planned, sum(committed_shop) AS committed
            FROM budget WHERE {inside} GROUP BY 1)
        LEFT JOIN (SELECT {by} AS k_1, sum(amount_shop) AS spent FROM spent WHERE {inside} GROUP BY 1)
        ON k IS NOT DISTINCT FROM k_1""",
    "capacity_used": _of("hours", "sum(planned_hours) / sum(available_hours)"),
}

_STANDING = """SELECT s.stage, s.value_shop, s.probability, s.expected_close, s.state, p.owner, p.territory, p.channel, p.market,
        p.product_line FROM step s JOIN present p USING (deal_key)
    WHERE s.n = (SELECT max(n) FROM step z WHERE z.deal_key = s.deal_key AND z."on" < {end}) AND s.state = 'open'"""

_SHELF = """SELECT {by} AS k, sum(on_hand) AS there FROM shelf s
    WHERE s."on" = (SELECT max("on") FROM shelf z WHERE z.product_key = s.product_key AND z.warehouse = s.warehouse
        AND z."on" < {end}) GROUP BY 1"""
_SOLD = """SELECT {by} AS k_1, sum(quantity) FILTER (kind = 'goods_sold') AS units FROM counted
    WHERE w >= {start} AND w < {end} GROUP BY 1"""

STATES = {
    "pipeline_value": f"SELECT {{by}} AS k, sum(value_shop) FROM ({_STANDING}) GROUP BY 1",
    "weighted_pipeline": f"""SELECT {{by}} AS k,
        CASE WHEN count(*) = count(probability) THEN sum(value_shop * probability) END FROM ({_STANDING}) GROUP BY 1""",
    "pipeline_past_due": f"""SELECT {{by}} AS k, sum(value_shop) FILTER (expected_close < {{end}})
        FROM ({_STANDING}) GROUP BY 1""",
    "sell_through_rate": f"""SELECT k, coalesce(units, 0) / nullif(coalesce(units, 0) + there, 0) FROM ({_SHELF})
        LEFT JOIN ({_SOLD}) ON k IS NOT DISTINCT FROM k_1""",
    "stock_cover_days": f"""
        SELECT k, there / nullif(units, 0) * ({{end}} - greatest({{start}}, DATE '2024-01-10')) FROM ({_SHELF})
        LEFT JOIN ({_SOLD}) ON k IS NOT DISTINCT FROM k_1""",
}
