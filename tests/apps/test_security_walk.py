"""Every address of the product, walked as a stranger, as a person of another shop, and in every role."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from topline.accounts import operations, permissions
from topline.accounts.permissions import Role
from topline.web.page import pages

PUBLIC = re.compile(
    r"/healthz|/favicon\.ico|/account/(login|signup|inactive|confirm-email|password/reset|2fa/(authenticate|webauthn/login))|/start/|/language|/screen/|/shared/|/unsubscribe/|/api/v1/(docs|openapi)"
)
"""What anyone may see: signing in, whether the process is alive, how the API is called, and what a link is a key to."""

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
SAMPLES = {"slug": "gifts", "int": "1", "str": "some", "uuid": "00000000-0000-4000-8000-000000000000", "path": "some"}


def addresses(patterns=None, before: str = "/") -> Iterator[str]:
    """An example of every address there is."""
    for each in patterns if patterns is not None else get_resolver().url_patterns:
        route = str(each.pattern).lstrip("^").replace("\\Z", "").rstrip("$")
        example = before + re.sub(r"<(?:(\w+):)?\w+>", lambda found: SAMPLES[found[1] or "str"], route)
        if isinstance(each, URLResolver):
            yield from addresses(each.url_patterns, example)
        elif isinstance(each, URLPattern) and "(" not in example:
            yield example


@pytest.fixture
def stranger(shop) -> Client:
    """Someone who is signed in and has no role in the shop."""
    client = Client()
    client.force_login(operations.create_user(email="stranger@example.org", actor_id=None))
    return client


def test_there_are_addresses():
    assert len(list(addresses())) > 30


def test_nobody_gets_in_without_signing_in(shop):
    client = Client()
    for address in addresses():
        response = client.get(address)
        if PUBLIC.match(address):
            continue
        to_sign_in = response.status_code == 302 and response["Location"].startswith("/account/login/")
        assert to_sign_in or response.status_code in (401, 403, 404, 405), address


def test_another_shop_does_not_exist(stranger):
    for address in addresses():
        if address.startswith("/shop/"):
            assert stranger.get(address).status_code in (404, 405), address


def test_every_answer_is_guarded(shop, owner):
    client = Client()
    client.force_login(owner)
    for address in ["/healthz", "/account/login/", "/nowhere", "/shop/gifts/", "/api/v1/shops", "/account/2fa/"]:
        response = client.get(address)
        assert {name: response[name] for name in HEADERS} == HEADERS, address
        if "/docs" not in address:
            policy = response["Content-Security-Policy"]
            assert "default-src 'self'" in policy, address
            assert "unsafe" not in policy, address


def test_writes_need_the_csrf_token(shop, owner):
    client = Client(enforce_csrf_checks=True)
    client.force_login(owner)
    for address in addresses():
        if address.startswith("/shop/"):
            assert client.post(address).status_code in (403, 404, 405), address


@pytest.mark.parametrize("role", list(Role))
def test_a_page_opens_for_those_who_may_see_it_only(shop, member, role):
    client = Client()
    client.force_login(member(role))
    refused = [
        page for page in pages().values() if page.permission not in permissions.ROLES[role] and "<" not in page.path
    ]
    for page in refused:
        assert client.get(f"/shop/gifts/{page.path}").status_code == 403, page.name


def test_an_outlook_is_kept_from_those_who_see_a_part_of_the_shop(shop, member):
    rep = member(Role.REP)
    operations.name_owner(shop=shop, user=rep, owner_key="tom", actor_id=None)
    scopes = permissions.ROLES[Role.REP]
    _, secret = operations.create_token(user=rep, shop=shop, name="t", scopes=scopes, actor_id=None)
    client = Client()
    client.force_login(rep)
    everywhere = [each.replace("/shops/some/", "/shops/gifts/") for each in addresses()]
    ahead = [
        each for each in everywhere if re.search(r"/outlook|/check\b|/scenarios", each) and "/pipeline" not in each
    ]
    assert len(ahead) >= 20
    for address in ahead:
        answer = client.get(address, headers={"authorization": f"Bearer {secret}"})
        assert answer.status_code in (403, 405), address
    whole = client.get("/api/v1/shops/gifts/outlook/customers", headers={"authorization": f"Bearer {secret}"})
    assert whole.json()["code"] == "whole_shop"
    assert "only what is yours" in client.get("/shop/gifts/outlook").content.decode()
    assert client.get("/shop/gifts/outlook/pipeline").status_code == 200
    links = client.get("/shop/gifts/outlook/pipeline").content.decode()
    assert "/outlook/customers" not in links


def test_nobody_signs_up(db):
    response = Client().post(
        "/account/signup/", {"email": "a@example.org", "password1": "x" * 20, "password2": "x" * 20}
    )
    assert response.status_code == 200
    assert not operations.User.objects.exists()


def test_a_password_signs_in_and_a_wrong_one_does_not(owner):
    client = Client()
    wrong = client.post("/account/login/", {"login": "owner@example.org", "password": "wrong horse"})
    assert (wrong.status_code, "_auth_user_id" in client.session) == (200, False)
    right = client.post("/account/login/", {"login": "OWNER@example.org", "password": "correct horse"})
    assert (right.status_code, client.session["_auth_user_id"]) == (302, str(owner.pk))


def test_guessing_is_slowed_down(owner):
    from django.core.cache import cache

    cache.clear()
    client = Client()
    tries = [client.post("/account/login/", {"login": "owner@example.org", "password": str(n)}) for n in range(15)]
    assert 429 in {response.status_code for response in tries} or b"Too many" in tries[-1].content
    cache.clear()


def test_a_second_factor_is_asked_for(owner):
    from allauth.mfa.totp.internal.auth import TOTP

    TOTP.activate(owner, "JBSWY3DPEHPK3PXP")
    assert "JBSWY3DPEHPK3PXP" not in str(owner.authenticator_set.values().get())
    client = Client()
    response = client.post("/account/login/", {"login": "owner@example.org", "password": "correct horse"})
    assert response["Location"].startswith("/account/2fa/authenticate/")
    assert "_auth_user_id" not in client.session


def test_a_host_that_is_not_ours_is_refused(db):
    assert Client().get("/account/login/", headers={"host": "evil.example"}).status_code == 400


def test_django_s_own_refusals_look_like_the_product_and_say_what_to_do(member, shop):
    stale = Client(enforce_csrf_checks=True)
    stale.force_login(member("analyst"))
    answer = stale.post(f"/shop/{shop.slug}/")
    assert (answer.status_code, "This page is out of date" in answer.content.decode()) == (403, True)
    answer = Client().get("/", headers={"host": "elsewhere.example"})
    assert (answer.status_code, "stylesheet" in answer.content.decode()) == (400, True)
    assert "Nothing was changed" in answer.content.decode()
