"""The API: signing in, permissions, problems, and writes that happen once."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from topline.accounts import operations, permissions
from topline.accounts.models import ApiToken
from topline.workbench.models import IdempotencyKey

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(shop, owner):
    """Calls the API with a token of the owner that permits everything."""
    return caller(shop, owner)


def caller(shop, user, scopes=tuple(permissions.PERMISSIONS), **token):
    _, secret = operations.create_token(user=user, shop=shop, name="a test", scopes=scopes, actor_id=user.pk, **token)
    client = Client(headers={"authorization": f"Bearer {secret}"})

    def call(method, path, content=None, **headers):
        return client.generic(
            method,
            f"/api/v1{path}",
            json.dumps(content) if content is not None else "",
            content_type="application/json",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    return call


def test_a_shop_tells_its_settings_and_its_clock(call):
    shop = call("GET", "/shops/gifts").json()
    assert shop["currency"] == "GBP"
    assert shop["today"] == "2011-09-01"
    assert [each["slug"] for each in call("GET", "/shops").json()] == ["gifts"]


def test_without_a_token_it_says_how_to_sign_in(client):
    answer = client.get("/api/v1/shops")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Bearer" in answer.json()["title"]


@pytest.mark.parametrize("how", ["revoked", "expired", "closed account"])
def test_a_dead_token_opens_nothing(shop, owner, member, how):
    user = member("analyst")
    now = datetime.now(UTC)
    call = caller(shop, user, expires_at=now - timedelta(seconds=1) if how == "expired" else None)
    if how == "revoked":
        operations.revoke_token(token=ApiToken.objects.get(), actor_id=owner.pk, now=now)
    if how == "closed account":
        operations.change_profile(user=user, actor_id=owner.pk, is_active=False)
    assert call("GET", "/shops").status_code == 401


def test_a_token_permits_only_its_scopes(shop, owner):
    call = caller(shop, owner, scopes=["settings.read"])
    assert call("GET", "/shops/gifts").status_code == 200
    answer = call("GET", "/shops/gifts/calendar")
    assert answer.status_code == 403
    assert answer.json()["permission"] == "calendar.read"


def test_a_token_never_permits_more_than_its_maker_may(shop, member):
    call = caller(shop, member("content_lead"))
    assert call("PATCH", "/shops/gifts", {"name": "Mine"}).status_code == 403


def test_a_token_knows_only_its_own_shop(shop, owner, call):
    operations.create_shop(
        slug="other", name="Other", currency="EUR", timezone="Europe/Bucharest", country="RO", owner=owner
    )
    answer = call("GET", "/shops/other")
    assert answer.status_code == 404
    assert answer.json()["code"] == "unknown_shop"


def test_a_change_of_settings_is_checked_and_kept(call):
    assert call("PATCH", "/shops/gifts", {"week_start": 7}).json()["week_start"] == 7
    assert call("GET", "/shops/gifts").json()["week_start"] == 7
    answer = call("PATCH", "/shops/gifts", {"week_start": 9})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_a_body_that_does_not_fit_is_explained(call):
    answer = call("PATCH", "/shops/gifts", {"week_start": "soon"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["where"].endswith("week_start")


def test_a_repeated_key_gets_the_first_answer(call):
    first = call("PATCH", "/shops/gifts", {"name": "One"}, Idempotency_Key="k1")
    call("PATCH", "/shops/gifts", {"name": "Two"})
    again = call("PATCH", "/shops/gifts", {"name": "One"}, Idempotency_Key="k1")
    assert again.content == first.content
    assert again.headers["Idempotency-Replayed"] == "true"
    assert call("GET", "/shops/gifts").json()["name"] == "Two"


def test_who_is_not_let_in_leaves_no_key(call, shop, owner):
    strangers = Client(headers={"authorization": "Bearer nobody"})
    asked = {"data": "{}", "content_type": "application/json", "headers": {"Idempotency-Key": "k1"}}
    assert strangers.patch("/api/v1/shops/gifts", **asked).status_code == 401
    looker = caller(shop, owner, scopes=["settings.read"])
    assert looker("PATCH", "/shops/gifts", {"name": "One"}, Idempotency_Key="k1").status_code == 403
    assert not IdempotencyKey.objects.exists()


def test_a_field_that_nobody_knows_is_refused_and_the_nearest_named(call):
    answer = call("PATCH", "/shops/gifts", {"name": "One", "time_zone": "Europe/Paris"})
    assert answer.status_code == 422
    (told,) = answer.json()["errors"]
    assert told["where"].endswith(".time_zone")
    assert told["what"] == "There is no field “time_zone”. Did you mean timezone?"
    assert call("GET", "/shops/gifts").json()["name"] == "Gifts"


@pytest.mark.parametrize(
    ("content", "sent_as", "status", "code"),
    [
        (b'{"name": ', "application/json", 400, "not_json"),
        (b'{"name": "\xff"}', "application/json", 400, "not_json"),
        (b'{"name": NaN}', "application/json", 400, "not_json"),
        (b"[" * 100_000, "application/json", 400, "not_json"),
        (rb'{"name": "a\u0000b"}', "application/json", 400, "unkept_character"),
        (rb'{"name": "a\ud800b"}', "application/json", 400, "unkept_character"),
        (rb'{"a\u0000b": ["x"]}', "application/json", 400, "unkept_character"),
        (b"name=One", "application/x-www-form-urlencoded", 415, "media_type"),
        (b"<name>One</name>", "text/xml", 415, "media_type"),
    ],
)
def test_a_body_that_is_no_json_that_can_be_kept_is_a_problem_that_says_so(
    call, shop, owner, content, sent_as, status, code
):
    _, secret = operations.create_token(user=owner, shop=shop, name="b", scopes=["settings.write"], actor_id=owner.pk)
    client = Client(headers={"authorization": f"Bearer {secret}"})
    answer = client.generic("PATCH", "/api/v1/shops/gifts", content, content_type=sent_as)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert call("GET", "/shops/gifts").json()["name"] == "Gifts"


@pytest.mark.parametrize("more", [{}, {"idempotency-key": "k"}])
def test_a_form_without_a_boundary_says_how_to_send_it(shop, owner, more):
    _, secret = operations.create_token(user=owner, shop=shop, name="b", scopes=["imports.write"], actor_id=owner.pk)
    answer = Client(headers={"authorization": f"Bearer {secret}", **more}).generic(
        "POST", "/api/v1/shops/gifts/imports", b"--x", content_type="multipart/form-data"
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "not_a_form")


@pytest.mark.parametrize(
    ("path", "code", "said"),
    [
        ("/shops/gifts/query?metrics=orders&strat=2011-01", "parameter", "start"),
        ("/shops/gifts?at=2011-01", "parameter", "none"),
        ("/shops/gifts/query?metrics=orders&where=market=%00", "unkept_character", "\\0"),
        ("/shops/gifts/plans/a%00b", "unkept_character", "\\0"),
        ("/shops/gifts/imports?after=dHJ1ZQ", "cursor", "dHJ1ZQ"),
    ],
)
def test_a_parameter_that_is_unknown_or_cannot_be_kept_is_refused(call, client, path, code, said):
    answer = call("GET", path)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert said in answer.json()["title"]
    assert client.get(f"/api/v1{path}").status_code == 401


def test_a_key_is_at_most_so_long(call):
    assert call("PATCH", "/shops/gifts", {"name": "One"}, Idempotency_Key="k" * 255).status_code == 200
    answer = call("PATCH", "/shops/gifts", {"name": "One"}, Idempotency_Key="k" * 256)
    assert (answer.status_code, answer.json()["code"]) == (422, "key_too_long")


def test_a_key_cannot_serve_two_requests(call):
    call("PATCH", "/shops/gifts", {"name": "One"}, Idempotency_Key="k1")
    answer = call("PATCH", "/shops/gifts", {"name": "Two"}, Idempotency_Key="k1")
    assert answer.status_code == 422
    assert answer.json()["code"] == "key_reused"


def test_the_calendar_knows_black_friday(call):
    calendar = call("GET", "/shops/gifts/calendar?country=GB&year=2026").json()
    assert {"2026-11-27"} == {event["start"] for event in calendar["events"] if event["event"] == "black_friday"}
    assert "2026-12-25" in {holiday["on"] for holiday in calendar["holidays"]}


def test_the_calendar_comes_as_a_feed_too(call):
    feed = call("GET", "/shops/gifts/calendar.ics?year=2026")
    assert feed.headers["Content-Type"].startswith("text/calendar")
    assert b"DTSTART;VALUE=DATE:20261127" in feed.content


def test_an_unknown_country_is_named(call):
    answer = call("GET", "/shops/gifts/calendar?country=XX")
    assert answer.status_code == 404
    assert "XX" in answer.json()["title"]


def test_an_unknown_address_is_a_problem_too(call):
    assert call("GET", "/shops/gifts/nothing").status_code == 404


def test_the_description_is_served_from_our_own_assets(client):
    page = client.get("/api/v1/docs")
    assert page.status_code == 200
    assert b"https://" not in page.content
    told = client.get("/api/v1/openapi.json").json()
    assert told["openapi"].startswith("3.")
    asked, written = told["paths"]["/api/v1/shops/{shop}/query"]["get"], told["paths"]["/api/v1/shops/{shop}"]["patch"]
    assert asked["responses"].keys() == {"200", "401", "403", "404", "422"}
    assert "metrics.read" in asked["responses"]["403"]["description"]
    assert "application/problem+json" in asked["responses"]["404"]["content"]
    assert {"400", "409", "413", "415"} <= written["responses"].keys()
    assert "Idempotency-Key" in [one["name"] for one in written["parameters"]]
    assert "Idempotency-Key" not in [one["name"] for one in asked["parameters"]]


@pytest.mark.parametrize(("path", "status"), [("/shops/gifts", 200), ("/shops/other", 404), ("/nothing", 404)])
def test_head_is_answered_as_get_without_the_content(call, path, status):
    asked, head = call("GET", path), call("HEAD", path)
    assert (head.status_code, head.content) == (status, b"")
    for name in ("Content-Type", "Content-Length"):
        assert head.headers.get(name) == asked.headers.get(name)
    assert Client().head(f"/api/v1{path}").status_code == Client().get(f"/api/v1{path}").status_code


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nothing", 404, "not_found"), ("DELETE", "/shops", 405, "method"), ("GET", "/../x", 404, "not_found")],
)
def test_what_no_endpoint_answers_is_a_problem_document_too(call, method, path, status, code):
    answer = call(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["Content-Type"] == "application/problem+json"
    if status == 405:
        assert answer.headers["Allow"] == "GET"
        assert "GET" in answer.json()["title"]
