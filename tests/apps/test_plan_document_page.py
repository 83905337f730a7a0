"""The plan as a document in the browser: read, write in place, talk, look back."""

import shutil
from datetime import UTC, date, datetime
from urllib.parse import urlencode

import pytest
from django.test import Client

import plan_shop
from topline.accounts import operations as accounts
from topline.journal import operations as journal
from topline.lake.store import Lake
from topline.plans import document, operations, outline
from topline.plans.models import Plan, PlanVersion, State
from topline.plans.outline import Behaviour
from topline.workbench.models import Comment, Notification

pytestmark = pytest.mark.once

NOW = datetime(2026, 10, 1, 9, tzinfo=UTC)
HX = {"HX-Request": "true"}


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    root = tmp_path_factory.mktemp("documents")
    plan_shop.fill(Lake(root, "gifts"), days=500)
    return root


@pytest.fixture
def version(shop, owner, history, tmp_path):
    shutil.copytree(history / "gifts", tmp_path / "lake" / "gifts")
    journal.open_batch(shop="gifts", batch_id="test", source="test", now=NOW)
    journal.make_live(shop="gifts", batch_id="test", now=NOW)
    accounts.pin_clock(shop=shop, on=date(2026, 12, 15), actor_id=None)
    plan = Plan.objects.create(
        shop=shop, kind="both", title="Autumn", starts_on=date(2026, 10, 1), ends_on=date(2027, 1, 1), currency="GBP",
        owner=owner, created_at=NOW,
    )  # fmt: skip
    return PlanVersion.objects.create(
        plan=plan, number=1, as_of=date(2026, 10, 1), snapshot=1, created_at=NOW, blocks=["Lamps", "Rugs"],
        markets=["GB", "IE"],
    )  # fmt: skip


@pytest.fixture
def client(owner):
    signed_in = Client()
    signed_in.force_login(owner)
    return signed_in


class Document:
    """The document of a plan, as a person uses it."""

    def __init__(self, client: Client, version: PlanVersion) -> None:
        self.client, self.base = client, f"/shop/gifts/plans/{version.plan_id}/document"

    def section(self, number: int) -> str:
        response = self.client.get(f"{self.base}?section={number}")
        assert response.status_code == 200, response.content[:500]
        return response.content.decode()

    def look(self, field: str, **asked: str) -> str:
        response = self.client.get(f"{self.base}/{field}?{urlencode(asked)}", headers=HX)
        assert response.status_code == 200
        return response.content.decode()

    def post(self, field: str, **posted: object) -> str:
        response = self.client.post(f"{self.base}/{field}", posted, headers=HX)
        assert response.status_code == 200, response.content[:300]
        return response.content.decode()


@pytest.fixture
def paper(client, version):
    return Document(client, version)


def test_every_section_opens_and_asks_its_questions(paper):
    for section in outline.SECTIONS:
        html = paper.section(section.number)
        for field in section.fields:
            assert f'id="f-{section.number}-{field.id}"' in html


def test_every_table_has_a_form_with_an_input_for_each_column(paper):
    for name, field in outline.fields().items():
        html = paper.look(name, edit="new") if field.columns else ""
        for column in () if field.is_of_team else field.stored:
            assert f'name="{column.id}"' in html or f'name="has-{column.id}"' in html, f"{name}.{column.id}"


def test_a_text_is_written_with_live_numbers_in_it(paper, version):
    html = paper.post("5.positioning", do="keep", seen=0, text="We sell {net_sales category=Lamps} and <b>more</b>.")
    assert 'class="live-number"' in html
    assert "£" in html
    assert "&lt;b&gt;" in html
    assert version.document()["5.positioning"][0]["cells"]["text"].startswith("We sell {net_sales")
    html = paper.post("5.positioning", do="keep", seen=1, text="Now {net_sales color=red}.")
    assert "live-number bad" in html


def test_a_form_that_is_kept_as_it_was_changes_nothing(paper, version):
    said = {}
    for name, field in outline.fields().items():
        if field.behaviour == Behaviour.TEXT:
            said[name] = {"text": f"What we say of {field.id}."}
        elif field.behaviour == Behaviour.CHOICE:
            said[name] = {"choice": next(iter(field.options))}
    assert len(said) > 10
    for name, cells in said.items():
        paper.post(name, do="keep", seen=0, **cells)
    for name, cells in said.items():
        shown = {f"was-{id_}": value for id_, value in cells.items() if id_ == "text"}
        paper.post(name, do="keep", seen=1, **cells, **shown)
        (row,) = document.rows(version, name)
        assert (row.cells, row.revision) == (cells, 1), name


def test_a_row_with_a_wrong_cell_comes_back_with_what_was_written(paper, version):
    html = paper.post("8.fronts", do="keep", name="Search", budget="a lot")
    assert "“a lot” is not a number" in html
    assert 'value="Search"' in html
    assert not version.entries.exists()
    html = paper.post(
        "8.fronts", do="keep", name="Search", budget="12,500.50", focus="bottom", channels=["google", "bing"]
    )
    (row,) = document.rows(version, "8.fronts")
    assert row.cells == {"name": "Search", "budget": "12500.5", "focus": "bottom", "channels": ["google", "bing"]}
    assert "£12,500.50" in html


def test_a_form_that_others_overtook_changes_only_what_its_author_changed(paper, version):
    paper.post("3.competitors", do="keep", name="Acme", strengths="Fast")
    (row,) = document.rows(version, "3.competitors")
    document.write(
        version=version,
        field="3.competitors",
        key=row.key,
        changes={"strengths": "Very fast"},
        seen=1,
        actor=None,
        now=NOW,
    )
    paper.post(
        "3.competitors", do="keep", key=row.key, seen=1, name="Acme", strengths="Fast", weaknesses="Dear",
        **{"was-name": "Acme", "was-strengths": "Fast", "was-weaknesses": ""},
    )  # fmt: skip
    row.refresh_from_db()
    assert row.cells == {"name": "Acme", "strengths": "Very fast", "weaknesses": "Dear"}
    html = paper.post("3.competitors", do="keep", key=row.key, seen=1, strengths="Slow", **{"was-strengths": "Fast"})
    assert "Somebody else changed the same words" in html
    assert "Slow" in html


def test_history_shows_who_and_puts_back(paper, version):
    paper.post("5.advantages", do="keep", seen=0, text="Cheap")
    paper.post("5.advantages", do="keep", seen=1, text="Near", **{"was-text": "Cheap"})
    html = paper.look("5.advantages", history="1")
    assert "Olive Owner" in html
    assert "<del>Cheap</del>" in html
    newest = version.entry_edits.order_by("-pk").first()
    paper.post("5.advantages", do="put_back", edit=newest.pk)
    assert version.document()["5.advantages"][0]["cells"] == {"text": "Cheap"}


def test_a_row_taken_out_comes_back_from_the_history(paper, version):
    paper.post("3.competitors", do="keep", name="Acme")
    (row,) = document.rows(version, "3.competitors")
    paper.post("3.competitors", do="remove", key=row.key)
    assert not document.rows(version, "3.competitors")
    assert "Bring back" in paper.look("3.competitors", history="1")
    paper.post("3.competitors", do="restore", key=row.key)
    assert len(document.rows(version, "3.competitors")) == 1


def test_who_is_named_in_a_comment_finds_it_in_the_inbox(paper, version, member, shop):
    other = member("support")
    paper.post("5.positioning", do="comment", text=f"What do you think, @{other}?")
    (comment,) = Comment.objects.all()
    assert (comment.subject, comment.mentioned) == (f"plan/{version.plan_id}/5.positioning", [other.pk])
    note = Notification.objects.get(recipient_id=other.pk)
    client = Client()
    client.force_login(other)
    assert "named you in" in client.get("/shop/gifts/inbox").content.decode()
    assert client.get(note.path.split("#")[0]).status_code == 200
    paper.post("5.positioning", do="resolve", comment=comment.pk)
    comment.refresh_from_db()
    assert comment.resolved_at


def test_a_comment_on_the_next_version_leads_to_it(paper, version, member):
    version.state = State.ACTIVE
    version.save()
    operations.revise(version=version, actor=None, now=NOW)
    sent = {"do": "comment", "text": f"Is this right, @{member('support')}?"}
    paper.client.post(f"{paper.base}/5.positioning?version=2", sent, headers=HX)
    assert "?section=5&version=2#" in Notification.objects.get().path


def test_a_reader_talks_but_does_not_write(version, member):
    client = Client()
    client.force_login(member("support"))
    paper = Document(client, version)
    assert client.post(f"{paper.base}/5.positioning", {"do": "keep", "text": "x"}, headers=HX).status_code == 403
    paper.post("5.positioning", do="comment", text="Good.")
    assert Comment.objects.count() == 1
    assert "edit=" not in paper.section(5)


def test_a_locked_version_shows_no_tools(paper, version):
    PlanVersion.objects.filter(pk=version.pk).update(state=State.ACTIVE)
    assert "edit=" not in paper.section(8)


def test_a_persona_is_a_live_segment(paper, version):
    html = paper.post("4.personas", do="keep", name="Regulars", rule="orders>=2")
    assert "Customers" in html
    assert "£" in html


def test_fronts_and_content_pages_open(client, version):
    base = f"/shop/gifts/plans/{version.plan_id}"
    paper = Document(client, version)
    paper.post("8.fronts", do="keep", name="Search", budget="900", channels=["google"])
    (front,) = document.rows(version, "8.fronts")
    paper.post(
        "8.actions", do="keep", name="Brand ads", front=front.key, stage="bottom", channel="google", budget="100"
    )
    html = client.get(f"{base}/fronts").content.decode()
    assert "Brand ads" in html
    assert "No action at this stage: Top, Middle." in html
    assert "nothing expected yet" in html
    assert "budget £100.00" in html
    assert "Actual: say by which metric it is measured" in html  # why no actual stands there
    paper.post("10.pieces", do="keep", name="Gift guide", type="guide", on="2026-12-24")
    html = client.get(f"{base}/content").content.decode()
    assert "1 piece is late." in html
    assert "Gift guide" in html
