"""The pages of one's own account: each opens for who has a passkey, an app for codes and recovery codes."""

import re
from datetime import date
from html import unescape

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.test import Client
from django.urls import reverse
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

from topline.accounts import operations
from topline.workbench.models import AuditEntry

PAGES = [
    "account_reauthenticate",
    "mfa_reauthenticate",
    "mfa_reauthenticate_webauthn",
    "account_email",
    "account_change_password",
    "account_logout",
    "mfa_index",
    "mfa_deactivate_totp",
    "mfa_view_recovery_codes",
    "mfa_generate_recovery_codes",
    "mfa_list_webauthn",
    "mfa_add_webauthn",
]


@pytest.fixture
def key(owner) -> Authenticator:
    """A passkey of the owner's, as a browser would have registered it."""
    public = ES256({1: 2, 3: -7, -1: 1, -2: b"x" * 32, -3: b"y" * 32})
    kept = AttestedCredentialData.create(b"\0" * 16, b"laptop", public)
    shown = AuthenticatorData.create(b"\0" * 32, AuthenticatorData.FLAG.UP | AuthenticatorData.FLAG.AT, 0, kept)
    credential = {
        "type": "public-key",
        "id": websafe_encode(b"laptop"),
        "rawId": websafe_encode(b"laptop"),
        "response": {
            "clientDataJSON": websafe_encode(b'{"type": "webauthn.create", "challenge": "", "origin": ""}'),
            "attestationObject": websafe_encode(AttestationObject.create("none", shown, {})),
        },
        "clientExtensionResults": {"credProps": {"rk": True}},
    }
    return Authenticator.objects.create(
        user=owner, type=Authenticator.Type.WEBAUTHN, data={"name": "Laptop", "credential": credential}
    )


@pytest.mark.once
def test_every_page_of_the_account_opens(shop, owner, key):
    page = Client()
    page.force_login(owner)
    page.post(reverse("account_reauthenticate"), {"password": "correct horse"})
    assert page.get(reverse("mfa_activate_totp")).status_code == 200
    TOTP.activate(owner, generate_totp_secret())
    RecoveryCodes.activate(owner)
    for name in PAGES:
        assert page.get(reverse(name)).status_code == 200, name
    assert "Laptop" in page.get(reverse("mfa_list_webauthn")).content.decode()
    for name in ("mfa_edit_webauthn", "mfa_remove_webauthn"):
        assert page.get(reverse(name, args=[key.pk])).status_code == 200, name


def test_the_audit_log_says_in_words_what_became_of_an_account(shop, owner, django_capture_on_commit_callbacks):
    page = Client()
    page.force_login(owner)
    page.post(reverse("account_reauthenticate"), {"password": "correct horse"})
    page.get(reverse("mfa_activate_totp"))
    secret = page.session["mfa.totp.secret"]
    code = format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))
    with django_capture_on_commit_callbacks(execute=True):
        page.post(reverse("mfa_activate_totp"), {"code": code})
    page.post(reverse("mfa_deactivate_totp"))
    new = {"oldpassword": "correct horse", "password1": "battery staple 7", "password2": "battery staple 7"}
    page.post(reverse("account_change_password"), new)
    other = operations.create_user(email="eve@example.org", name="Eve", actor_id=owner.pk)
    operations.set_roles(shop=shop, user=other, roles=["analyst", "rep"], actor_id=owner.pk)
    operations.set_roles(shop=shop, user=other, roles=["analyst"], actor_id=owner.pk)
    operations.change_settings(shop=shop, actor_id=owner.pk, today=date(2026, 3, 1), timezone="Europe/Paris")
    kept = list(AuditEntry.objects.concerning(shop.slug, [owner.pk]).values_list("action", flat=True))
    assert [action for action in reversed(kept) if action.startswith("user.")] == [
        "user.create",
        "user.add_factor",
        "user.renew_codes",
        "user.remove_factor",
        "user.remove_factor",
        "user.change_password",
        "user.set_roles",
        "user.set_roles",
    ]
    owner.refresh_from_db()
    page.force_login(owner)
    shown = unescape(
        re.sub(r"(<[^>]+>)+", "|", page.get(reverse("audit", args=[shop.slug]), follow=True).content.decode())
    )
    for words in (
        "Changed the shop's settings|time zone: Europe/London → Europe/Paris",
        "Changed a person's roles|Eve|Analyst, Sales rep → Analyst",
        "Set a password|Olive Owner|",
        "Added a second factor|Olive Owner|factor: codes of an app",
    ):
        assert words in shown
    assert "user." not in shown
