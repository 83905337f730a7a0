"""Second factors in a browser: a passkey added, renamed, signed in with and removed; codes of an app, for recovery."""

import pytest
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value, yield_hotp_counters_from_time

pytestmark = pytest.mark.soak

AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def code(secret: str) -> str:
    """What an app shows now."""
    return format_hotp_value(hotp_value(secret, next(iter(yield_hotp_counters_from_time()))))


def sure(visitor) -> None:
    """Says the password again where that is asked."""
    if "reauthenticate" in visitor.page.url:
        visitor.page.fill("[name=password]", "correct horse")
        visitor.page.click("main form[action*=reauthenticate] button")
        visitor.page.wait_for_url(lambda url: "reauthenticate" not in url)
        visitor.said = []  # Chromium's advice to password managers, whose form names the person above it


def account(visitor, path: str) -> None:
    visitor.page.goto(f"{visitor.url}/account/2fa/{path}")
    sure(visitor)
    visitor.look()


def follow(visitor, link: str) -> None:
    with visitor.page.expect_navigation():
        visitor.page.click(link)
    sure(visitor)
    visitor.look()


def sign_out(visitor) -> None:
    visitor.page.context.clear_cookies()
    visitor.page.goto(f"{visitor.url}/account/login/")
    visitor.look()


def test_a_passkey_and_codes_sign_in(visit, live_server):
    visitor = visit()
    visitor.url = visitor.url.replace("127.0.0.1", "localhost")
    page = visitor.page
    devtools = page.context.new_cdp_session(page)
    devtools.send("WebAuthn.enable")
    devtools.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    visitor.sign_in()

    account(visitor, "webauthn/add/")
    page.fill("[name=name]", "Laptop")
    page.check("[name=passwordless]")
    page.click("#mfa_webauthn_add")
    page.wait_for_url(lambda url: "/add/" not in url)
    visitor.look()
    account(visitor, "webauthn/")
    assert "Laptop" in page.inner_text("main")
    follow(visitor, "main a[href*='/edit/']")
    page.fill("[name=name]", "Old laptop")
    page.click("#mfa_webauthn_edit")
    page.wait_for_url("**/webauthn/")
    visitor.look()
    assert "Old laptop" in page.inner_text("main")

    sign_out(visitor)
    page.click("#passkey_login")
    page.wait_for_url("**/shop/lamps/")
    visitor.look()

    account(visitor, "totp/activate/")
    secret = page.input_value("#authenticator_secret")
    page.fill("[name=code]", code(secret))
    page.click("main form button.primary, main form button[type=submit]")
    page.wait_for_url(lambda url: "/activate/" not in url)
    visitor.look()
    account(visitor, "recovery-codes/")
    recovery = page.input_value("#recovery_codes").split()
    assert len(set(recovery)) == 10

    for answer in (lambda: code(secret), lambda: recovery[0]):
        sign_out(visitor)
        page.fill("[name=login]", "ana@example.org")
        page.fill("[name=password]", "correct horse")
        page.click("main button.primary")
        page.wait_for_url("**/2fa/authenticate/**")
        visitor.look()
        page.fill("[name=code]", answer())
        page.click("main form:has([name=code]) button[type=submit]")
        page.wait_for_url("**/shop/lamps/")

    account(visitor, "webauthn/")
    follow(visitor, "main a[href*='/remove/']")
    page.click("main form button[type=submit]")
    page.wait_for_url("**/webauthn/")
    visitor.look()
    assert "Old laptop" not in page.inner_text("main")
