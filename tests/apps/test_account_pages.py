"""The pages of one's own account: each opens for who has a passkey, an app for codes and recovery codes."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.test import Client
from django.urls import reverse
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import AttestationObject, AttestedCredentialData, AuthenticatorData

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
