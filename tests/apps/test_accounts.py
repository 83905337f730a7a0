"""People, shops, roles, links and tokens."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from topline.accounts import operations, permissions, vault
from topline.accounts.models import ApiToken, Shop, SignInLink, UnknownShopError, User
from topline.accounts.permissions import Role
from topline.journal import operations as journal
from topline.units.errors import CurrencyError
from topline.workbench.models import AuditEntry, AuditError, Job

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_owner_may_do_everything(shop, owner):
    assert owner.permissions_in(shop) == frozenset(permissions.PERMISSIONS)


def test_stranger_may_do_nothing(shop):
    stranger = operations.create_user(email="stranger@example.org", actor_id=None)
    assert stranger.permissions_in(shop) == frozenset()
    assert not stranger.shops().exists()


def test_roles_add_up(shop, member):
    person = member("support")
    operations.set_roles(shop=shop, user=person, roles=["support", "operations"], actor_id=None)
    assert person.permissions_in(shop) == permissions.ROLES[Role.SUPPORT] | permissions.ROLES[Role.OPERATIONS]


def test_closed_account_may_do_nothing(shop, member):
    person = operations.change_profile(user=member("analyst"), actor_id=None, is_active=False)
    assert person.permissions_in(shop) == frozenset()


def test_every_role_has_texts_and_known_permissions():
    assert set(permissions.ROLES) == set(permissions.LABELS) == set(permissions.DESCRIPTIONS) == set(Role)
    assert all(codes <= set(permissions.PERMISSIONS) for codes in permissions.ROLES.values())


def test_last_owner_stays(shop, owner, member):
    with pytest.raises(operations.LastOwnerError):
        operations.set_roles(shop=shop, user=owner, roles=["analyst"], actor_id=owner.pk)
    second = member("owner")
    operations.set_roles(shop=shop, user=owner, roles=[], actor_id=second.pk)
    assert owner.roles_in(shop) == frozenset()


def test_email_is_one_however_written(owner):
    with pytest.raises(operations.UserExistsError):
        operations.create_user(email=" OWNER@Example.org ", actor_id=None)
    assert User.objects.named("OWNER@example.org") == owner


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"currency": "XXZ"}, CurrencyError),
        ({"timezone": "Europe/Atlantis"}, operations.TimezoneError),
        ({"timezone": "../etc/passwd"}, operations.TimezoneError),
        ({"country": "QQ"}, operations.CountryError),
        ({"week_start": 0}, operations.RangeError),
        ({"week_start": "monday"}, operations.RangeError),
        ({"fiscal_first_month": 13}, operations.RangeError),
        ({"order_basis": "payment"}, operations.ChoiceError),
        ({"name": ""}, operations.RangeError),
        ({"colour": "red"}, operations.ChoiceError),
    ],
)
def test_wrong_settings_are_refused(shop, change, error):
    with pytest.raises(error):
        operations.change_settings(shop=shop, actor_id=None, today=date(2026, 3, 1), **change)
    shop.refresh_from_db()
    assert (shop.currency, shop.week_start) == ("GBP", 1)


@pytest.mark.parametrize("slug", ["", "Gifts", "a b", "../x", "x" * 51, "é"])
def test_wrong_slug_is_refused(db, slug):
    with pytest.raises(operations.SlugError):
        operations.create_shop(slug=slug, name="x", currency="EUR", timezone="Europe/Paris", country="FR")


def test_currency_is_fixed_once_there_is_a_fact(shop):
    operations.change_settings(shop=shop, actor_id=None, today=date(2026, 3, 1), currency="eur")
    assert shop.currency == "EUR"
    journal.open_batch(shop=shop.slug, batch_id="b1", source="file", now=NOW)
    with pytest.raises(operations.CurrencyFixedError):
        operations.change_settings(shop=shop, actor_id=None, today=date(2026, 3, 1), currency="GBP")


def test_change_of_zone_is_dated(shop):
    operations.change_settings(shop=shop, actor_id=None, today=date(2026, 3, 1), timezone="Europe/Bucharest")
    operations.change_settings(shop=shop, actor_id=None, today=date(2026, 5, 1), timezone="Asia/Tokyo")
    days = [date(2026, 2, 28), date(2026, 3, 1), date(2026, 4, 30), date(2026, 5, 1)]
    zones = ["Europe/London", "Europe/Bucharest", "Europe/Bucharest", "Asia/Tokyo"]
    assert [shop.zone_on(day) for day in days] == [ZoneInfo(zone) for zone in zones]


def test_pinned_clock_steps(shop):
    assert (shop.today(), shop.now()) == (date(2011, 9, 1), datetime(2011, 9, 1, 11, tzinfo=UTC))
    assert operations.step_clock(shop=shop, actor_id=None).today() == date(2011, 9, 2)
    assert operations.step_clock(shop=shop, actor_id=None, days=29).today() == date(2011, 10, 1)
    assert operations.step_clock(shop=shop, actor_id=None, to=date(2011, 12, 1)).today() == date(2011, 12, 1)
    operations.pin_clock(shop=shop, on=None, actor_id=None)
    with pytest.raises(operations.ClockError):
        operations.step_clock(shop=shop, actor_id=None, days=1)


def test_link_signs_in_once_and_only_its_digest_is_kept(owner):
    token = operations.create_link(user=owner, actor_id=None, now=NOW)
    assert token not in str(SignInLink.objects.values().get())
    assert operations.link_user(token=token, now=NOW) == owner
    assert operations.use_link(token=token, now=NOW) == owner
    with pytest.raises(operations.LinkError):
        operations.use_link(token=token, now=NOW)


def test_old_link_is_refused(owner):
    token = operations.create_link(user=owner, actor_id=None, now=NOW)
    with pytest.raises(operations.LinkError):
        operations.use_link(token=token, now=NOW + timedelta(days=operations.LINK_DAYS, seconds=1))


def test_token_is_shown_once_and_never_exceeds_its_maker(shop, member):
    analyst = member("analyst")
    scopes = ["metrics.read", "people.write"]
    token, secret = operations.create_token(user=analyst, shop=shop, name="sheet", scopes=scopes, actor_id=analyst.pk)
    assert secret not in str(ApiToken.objects.values().get())
    found = operations.authenticate_token(secret=secret, now=NOW)
    assert found == token
    assert found.permissions() == {"metrics.read"}
    assert ApiToken.objects.get().last_used_at == NOW
    operations.revoke_token(token=token, actor_id=analyst.pk, now=NOW)
    assert operations.authenticate_token(secret=secret, now=NOW) is None


def test_token_expires(shop, owner):
    _, secret = operations.create_token(
        user=owner, shop=shop, name="x", scopes=["metrics.read"], actor_id=None, expires_at=NOW + timedelta(days=1)
    )
    assert operations.authenticate_token(secret=secret, now=NOW)
    assert operations.authenticate_token(secret=secret, now=NOW + timedelta(days=1)) is None
    with pytest.raises(operations.UnknownPermissionError):
        operations.create_token(user=owner, shop=shop, name="x", scopes=["all"], actor_id=None)


def test_customer_key_is_stable_and_says_nothing(shop):
    key = shop.hmac("file", "12345678901234")
    assert key == Shop.objects.get().hmac("file", "12345678901234")
    assert len(key) == 32
    assert key.isalpha()
    assert key not in (shop.hmac("other", "12345678901234"), shop.hmac("file", "12345678901235"))


def test_secret_is_sealed(shop):
    assert vault.unseal(shop.secret) not in shop.secret
    with pytest.raises(vault.VaultError):
        vault.unseal(shop.secret[:-2] + "xx")


def test_changes_are_audited_and_the_log_only_grows(shop, owner):
    operations.change_settings(shop=shop, actor_id=owner.pk, today=date(2026, 3, 1), week_start=7)
    entry = AuditEntry.objects.of(shop.slug)[0]
    assert (entry.action, entry.actor_id) == ("shop.change_settings", owner.pk)
    assert entry.detail == {"before": {"week_start": 1}, "after": {"week_start": 7}}
    for act in (
        entry.save,
        entry.delete,
        AuditEntry.objects.all().delete,
        lambda: AuditEntry.objects.update(action="x"),
    ):
        with pytest.raises(AuditError):
            act()


def test_preferences_are_remembered(owner):
    operations.prefer(user=owner, name="against", value="last_year")
    assert User.objects.get(pk=owner.pk).preferences == {"against": "last_year"}
    operations.prefer(user=owner, name="against", value=None)
    assert User.objects.get(pk=owner.pk).preferences == {}


def test_the_first_account_becomes_its_owners(db):
    token = operations.first_link(now=datetime.now(UTC))
    page = Client().get(f"/start/{token}/").content.decode()
    assert "localhost.localdomain" not in page
    wrong = Client().post(f"/start/{token}/", {"email": "me@example.org", "password": "123"})
    assert (wrong.status_code, User.objects.get().email) == (400, operations.FIRST_EMAIL)
    client = Client()
    begun = client.post(
        f"/start/{token}/", {"email": "Me@example.org", "name": "Mia", "password": "correct horse battery"}
    )
    assert begun["Location"] == "/"
    user = User.objects.get()
    assert (user.email, user.name, user.check_password("correct horse battery")) == ("me@example.org", "Mia", True)
    with pytest.raises(operations.NotFirstAccountError):
        operations.claim(user=user, email="other@example.org", name="", password=None)
    asked = {"name": "Gifts & More", "currency": "GBP", "country": "GB", "timezone": "Nowhere"}
    assert "Your shop" in client.get("/").content.decode()
    assert client.post("/", asked).status_code == 400
    assert client.post("/", asked | {"timezone": "Europe/London"})["Location"] == "/shop/gifts-more/imports"
    assert user.roles_in(Shop.objects.get()) == {"owner"}
    stranger = Client()
    stranger.force_login(operations.create_user(email="stranger@example.org", actor_id=None))
    assert stranger.post("/", asked | {"timezone": "Europe/London"}).status_code == 200
    assert Shop.objects.count() == 1


def test_an_owner_makes_further_shops_in_the_browser(shop, owner, member):
    client = Client()
    client.force_login(owner)
    assert 'href="/shops/new"' in client.get("/shop/gifts/").content.decode()
    form = client.get("/shops/new").content.decode()
    assert '<option value="GB" data-currency="GBP" selected>' in form
    assert '<option value="GBP" selected>' in form
    assert 'name="name" value=""' in form
    wanted = {"name": "Gifts", "currency": "RON", "country": "RO", "timezone": "Europe/Bucharest"}
    wrong = client.post("/shops/new", wanted | {"currency": "XYZW"})
    assert (wrong.status_code, '<option value="RO" data-currency="RON" selected>' in wrong.content.decode()) == (
        400,
        True,
    )
    assert client.post("/shops/new", wanted)["Location"] == "/shop/gifts-2/imports"
    assert client.post("/shops/new", wanted | {"name": "Подарки"})["Location"] == "/shop/shop/imports"
    made = Shop.objects.get(slug="gifts-2")
    assert (made.name, made.currency, made.timezone, owner.roles_in(made)) == (
        "Gifts", "RON", "Europe/Bucharest", {"owner"},
    )  # fmt: skip
    entry = AuditEntry.objects.of("gifts-2").get(action="shop.create")
    assert (entry.actor_id, entry.subject) == (owner.pk, "Gifts")
    analyst = Client()
    analyst.force_login(member("analyst"))
    assert 'href="/shops/new"' not in analyst.get("/shop/gifts/").content.decode()
    assert (analyst.get("/shops/new").status_code, analyst.post("/shops/new", wanted).status_code) == (403, 403)
    assert Client().get("/shops/new")["Location"].startswith("/account/login/")
    assert Shop.objects.count() == 3


def test_only_the_command_line_names_a_command(shop):
    with pytest.raises(UnknownShopError) as unknown:
        Shop.objects.named("elsewhere")
    assert "topline" not in str(unknown.value)


def test_an_invitation_is_mailed_where_a_server_is_set(shop, owner, settings):
    client = Client()
    client.force_login(owner)
    people, asked = "/shop/gifts/settings/people", {"do": "invite", "email": "new@example.org", "roles": ["analyst"]}
    client.post(people, asked)
    assert "/start/" in client.get(people).content.decode()
    assert not Job.objects.filter(kind="workbench.mail").exists()
    settings.HAS_MAIL = True
    client.post(people, asked | {"email": "two@example.org"})
    page = client.get(people).content.decode()
    assert "/start/" not in page
    assert "on its way to two@example.org" in page
    letter = Job.objects.get(kind="workbench.mail").params
    assert letter["to"] == "two@example.org"
    assert "invites you to Gifts" in letter["subject"]
    assert "/start/" in letter["body"]
