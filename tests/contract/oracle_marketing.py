"""The oracle's statements for traffic, marketing and brand, in SQL written by hand; read as those of `oracle`."""

VIEWS = """
    CREATE TABLE hit AS SELECT *, "on" AS d, "on" AS w FROM web_event;
    CREATE TABLE act AS
        SELECT *, 'order' AS action, orders AS done FROM visit
        UNION ALL SELECT *, 'add_to_cart', carts FROM visit
        UNION ALL SELECT *, 'sign_up', sign_ups FROM visit
        UNION ALL SELECT *, 'download', downloads FROM visit
        UNION ALL SELECT *, 'chat', chats FROM visit;
    CREATE TABLE led AS SELECT *, "on" AS d, "on" AS w FROM lead_event;
    CREATE TABLE told AS SELECT *, send_key AS flow, "on" AS d, "on" AS w FROM message_event;
    CREATE TABLE arrived AS SELECT message_key, min(d) AS d, min(hour) AS hour, true AS is_in
        FROM told WHERE event = 'delivered' GROUP BY 1;
    CREATE TABLE letter AS SELECT s.message_key, send_key, flow, medium, campaign, market, lead_key,
            coalesce(person_id, customer_key) AS person, coalesce(a.d, s.d) AS d, coalesce(a.d, s.d) AS w,
            coalesce(a.hour, s.hour) AS hour, coalesce(is_in, false) AS is_in,
            s.message_key IN (SELECT message_key FROM told WHERE event = 'opened' AND NOT is_machine) AS is_open,
            s.message_key IN (SELECT message_key FROM told WHERE event = 'clicked' AND NOT is_machine) AS is_click,
            s.message_key IN (SELECT message_key FROM told WHERE event = 'bounced') AS is_back,
            s.message_key IN (SELECT message_key FROM told WHERE event = 'unsubscribed') AS is_off
        FROM told s LEFT JOIN arrived a USING (message_key) LEFT JOIN identity_link USING (customer_key)
        WHERE event = 'sent';
    CREATE TABLE linked AS SELECT l.*, t.link, coalesce(person, lead_key) AS who,
            EXISTS (FROM told c WHERE c.message_key = l.message_key AND c.link = t.link AND c.event = 'clicked'
                AND NOT c.is_machine) AS is_followed
        FROM letter l JOIN (SELECT DISTINCT send_key, link FROM told WHERE link IS NOT NULL) t USING (send_key)
        WHERE is_in;
    CREATE TABLE post AS
        SELECT *, "on" AS d, "on" AS w, likes + comments + shares + saves + other AS n FROM social_post;
    CREATE TABLE touch AS
        SELECT *, 'likes' AS kind, likes AS m FROM post UNION ALL SELECT *, 'comments', comments FROM post
        UNION ALL SELECT *, 'shares', shares FROM post UNION ALL SELECT *, 'saves', saves FROM post
        UNION ALL SELECT *, 'other', other FROM post;
    CREATE TABLE account AS SELECT *, "on" AS d, "on" AS w FROM followers;
    CREATE TABLE piece AS SELECT *, content_key AS content, "on" AS d, "on" AS w FROM content_interaction;
    CREATE TABLE sign AS SELECT *, "on" AS d, "on" AS w FROM brand_signal;
    CREATE TABLE reply AS SELECT *, "on" AS d, "on" AS w FROM survey_response;
    CREATE TABLE outside AS SELECT *, "on" AS d, "on" AS w FROM external_series;
    CREATE TABLE paid AS SELECT c.* FROM counted c JOIN (
        SELECT DISTINCT channel FROM spend WHERE "on" >= DATE '{start}' AND "on" < DATE '{end}') USING (channel);
    CREATE TABLE advertised AS SELECT c.* FROM counted c JOIN (SELECT DISTINCT channel FROM spend
        WHERE kind = 'ads' AND "on" >= DATE '{start}' AND "on" < DATE '{end}') USING (channel);
"""


def _of(source: str, what: str) -> str:
    return f"SELECT {{by}} AS k, {what} FROM {source} WHERE {{inside}} GROUP BY 1"


def _share(source: str, part: str, whole: str) -> str:
    """How many are in the part, of those in the whole."""
    return _of(source, f"count(*) FILTER ({part})::DOUBLE / nullif(count(*) FILTER ({whole}), 0)")


_ENGAGED = (
    "(duration_seconds > 10 OR views >= 2 OR orders > 0 OR carts > 0 OR sign_ups > 0 OR downloads > 0 OR chats > 0)"
)
_NET = "sum(amount_shop) FILTER (kind IN ('goods_sold', 'discount', 'goods_cancelled', 'refund'))"
_COST = "coalesce(sum(cost_shop) FILTER (kind IN ('goods_sold', 'goods_cancelled', 'refund')), 0)"
_Z = 1.959963984540054
_P, _N = (
    "count(*) FILTER (survey = 'csat' AND score >= coalesce(scale, 5) - 1)",
    "count(*) FILTER (survey = 'csat' AND score IS NOT NULL)",
)
_UP, _DOWN = "count(*) FILTER (survey = 'nps' AND score >= 9)", "count(*) FILTER (survey = 'nps' AND score <= 6)"
_ANSWERS = "count(*) FILTER (survey = 'nps' AND score IS NOT NULL)"


def _wilson(sign: str) -> str:
    """Wilson's interval, as its closed form is printed: (p + z²/2n ± z sqrt(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    z = _Z
    return f"""
        SELECT k, round((p + {z}*{z}/(2*n) {sign} {z}*sqrt(p*(1-p)/n + {z}*{z}/(4*n*n))) / (1 + {z}*{z}/n), 15) FROM (
        SELECT {{by}} AS k, {_N}::DOUBLE AS n, {_P}::DOUBLE / nullif({_N}, 0) AS p FROM reply
        WHERE {{inside}} GROUP BY 1) WHERE n > 0"""


def _wald(sign: str) -> str:
    """Three answers are added, three quarters of one to each side."""
    return f"""SELECT k, u - v {sign} {_Z}*sqrt((u + v - (u - v)*(u - v)) / n) FROM (
        SELECT {{by}} AS k, {_ANSWERS} + 3 AS n, ({_UP} + 0.75)::DOUBLE / ({_ANSWERS} + 3) AS u,
            ({_DOWN} + 0.75)::DOUBLE / ({_ANSWERS} + 3) AS v FROM reply WHERE {{inside}} GROUP BY 1
    ) WHERE n > 3"""


def _over(above: str, below: str, source: str = "counted", ads: bool = True) -> str:
    kinds = " FILTER (kind = 'ads')" if ads else ""
    return f"""SELECT k_2, coalesce(n, 0)::DOUBLE / m FROM (
            SELECT {{by}} AS k_2, sum(amount_shop){kinds} AS m FROM {below} WHERE {{inside}} GROUP BY 1)
        LEFT JOIN (SELECT {{by}} AS k, {above} AS n FROM {source} WHERE {{inside}} GROUP BY 1)
            ON k IS NOT DISTINCT FROM k_2 WHERE m > 0"""


SQL = {
    "engaged_sessions": _of("visit", f"count(*) FILTER {_ENGAGED}"),
    "bounce_rate": _of("visit", f"1 - count(*) FILTER {_ENGAGED}::DOUBLE / count(*)"),
    "page_views": _of("hit", "count(*) FILTER (event = 'page_view')"),
    "visitor_conversion_rate": _of(
        "visit", "count(DISTINCT visitor_key) FILTER (orders > 0)::DOUBLE / count(DISTINCT visitor_key)"
    ),
    "visitor_conversion_rate by action": _of(
        "act",
        "count(DISTINCT visitor_key) FILTER (done > 0)::DOUBLE / count(DISTINCT visitor_key) FILTER (done IS NOT NULL)",
    ),
    "product_view_rate": _share("visit", "furthest >= 1", "furthest IS NOT NULL"),
    "add_to_cart_rate": _share("visit", "furthest >= 2", "furthest IS NOT NULL"),
    "checkout_rate": _share("visit", "furthest >= 3", "furthest IS NOT NULL"),
    "cart_abandonment_rate": _share("visit", "carts > 0 AND orders = 0", "carts > 0"),
    "checkout_abandonment_rate": _share("visit", "checkouts > 0 AND orders = 0", "checkouts > 0"),
    "impressions": _of("spent", "sum(impressions)"),
    "clicks": _of("spent", "sum(clicks)"),
    "click_through_rate": _of(
        "spent", "sum(clicks) FILTER (impressions > 0)::DOUBLE / sum(impressions) FILTER (clicks IS NOT NULL)"
    ),
    "cost_per_click": _of(
        "spent",
        "sum(amount_shop) FILTER (kind = 'ads' AND clicks > 0)::DOUBLE / sum(clicks) FILTER (kind = 'ads')",
    ),
    "leads": _of("led", "count(DISTINCT lead_key) FILTER (event = 'consented')"),
    "qualified_leads": _of("led", "count(DISTINCT lead_key) FILTER (event = 'qualified')"),
    "cost_per_lead": """SELECT k, m::DOUBLE / nullif(n, 0) FROM (
            SELECT {by} AS k, sum(amount_shop) FILTER (kind = 'ads') AS m FROM spent WHERE {inside} GROUP BY 1)
        JOIN (SELECT {by} AS k_1, count(DISTINCT lead_key) FILTER (event = 'consented') AS n FROM led
            WHERE {inside} GROUP BY 1) ON k IS NOT DISTINCT FROM k_1""",
    "messages_sent": _of("letter", "count(*)"),
    "messages_delivered": _of("letter", "count(*) FILTER (is_in)"),
    "open_rate": _share("letter", "is_in AND is_open", "is_in"),
    "message_click_rate": _share("letter", "is_in AND is_click", "is_in"),
    "click_to_open_rate": _share("letter", "is_in AND is_click", "is_in AND is_open"),
    "unsubscribe_rate": _share("letter", "is_in AND is_off", "is_in"),
    "bounce_rate_messages": _share("letter", "is_back", "true"),
    "link_click_rate": _of("linked", "count(DISTINCT who) FILTER (is_followed)::DOUBLE / count(DISTINCT who)"),
    "social_interactions": _of("post", "sum(n)"),
    "social_interactions by kind": _of("touch", "sum(m)"),
    "social_engagement_rate": _of("post", "sum(n) FILTER (reach > 0)::DOUBLE / sum(reach)"),
    "social_leads": _of("post", "sum(people)"),
    "followers": """SELECT k, sum((SELECT arg_max(b.count, b.d) FROM (
            SELECT *, {by} AS bucket FROM account WHERE {before}) b WHERE b.channel = c.channel AND b.bucket <= k))
        FROM (SELECT DISTINCT {by} AS k FROM account WHERE {inside}), (SELECT DISTINCT channel FROM account) c
        GROUP BY 1""",
    "followers by channel": "SELECT channel, arg_max(count, d) FROM account WHERE {before} GROUP BY 1",
    "content_interactions": _of("piece", "count(*) FILTER (kind <> 'download')"),
    "content_engagement_rate": _of(
        "piece", "count(DISTINCT session_key) FILTER (is_engaged)::DOUBLE / nullif(count(DISTINCT session_key), 0)"
    ),
    "roas": _over(_NET, "spent", "advertised"),
    "marketing_efficiency_ratio": _over(_NET, "spent"),
    "marketing_roi": f"""SELECT k_2, (coalesce(n, 0) - coalesce(s, 0) - m)::DOUBLE / m FROM (
            SELECT {{by}} AS k_2, sum(amount_shop) AS m FROM spent WHERE {{inside}} GROUP BY 1)
        LEFT JOIN (SELECT {{by}} AS k, coalesce({_NET}, 0) - {_COST} AS n,
                count(*) FILTER (kind = 'goods_sold' AND cost_shop IS NULL) AS uncosted FROM paid
                WHERE {{inside}} GROUP BY 1)
            ON k IS NOT DISTINCT FROM k_2
        LEFT JOIN (SELECT {{by}} AS k_1, sum(shipping_cost_shop + payment_fee_shop) AS s,
                count(*) - count(shipping_cost_shop + payment_fee_shop) AS unknown FROM shipped
            WHERE {{inside}} AND channel IN (SELECT channel FROM paid) GROUP BY 1) ON k_1 IS NOT DISTINCT FROM k_2
        WHERE coalesce(uncosted, 0) = 0 AND coalesce(unknown, 0) = 0""",
    "csat": _of("reply", f"{_P}::DOUBLE / nullif({_N}, 0)"),
    "csat_low": _wilson("-"),
    "csat_high": _wilson("+"),
    "nps": _of("reply", f"({_UP} - {_DOWN})::DOUBLE / nullif({_ANSWERS}, 0)"),
    "nps_low": _wald("-"),
    "nps_high": _wald("+"),
    "survey_responses": _of("reply", "count(score)"),
    "response_rate": _share("reply", "is_asked AND score IS NOT NULL", "is_asked"),
    "brand_awareness": _of(
        "sign", "sum(count) FILTER (kind = 'aware_yes')::DOUBLE / sum(count) FILTER (kind IN ('aware_yes', 'aware_no'))"
    ),
    "branded_searches": _of("sign", "sum(count) FILTER (kind = 'branded_search')"),
    "brand_mentions": _of("sign", "sum(count) FILTER (kind = 'mention')"),
    "price_premium": _of("outside", "avg(value) FILTER (series = 'price_premium')"),
}
