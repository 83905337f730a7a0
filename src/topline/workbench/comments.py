"""Talking about things where they stand: comments, and who is named in them finds it in their inbox."""

from collections.abc import Mapping
from datetime import datetime

from django.db import transaction

from topline.units import errors
from topline.units.text import N_
from topline.workbench import audit, inbox
from topline.workbench.models import Comment

LONGEST = 4000


class CommentError(errors.ToplineError):
    message = N_("A comment has 1 to %(longest)s characters.")


class UnknownCommentError(errors.ToplineError):
    message = N_("There is no open comment %(id)s here.")


def named(text: str, people: Mapping[int, str]) -> list[int]:
    """Ids of the people whom a text names by an @ and their name, the longest name first: @Ana Pop is not @Ana."""
    found, rest = [], text.casefold()
    for id_, name in sorted(people.items(), key=lambda each: -len(each[1])):
        mark = f"@{name.casefold()}"
        if name and mark in rest:
            found.append(id_)
            rest = rest.replace(mark, " ")
    return sorted(found)


def add(
    *,
    shop: str,
    subject: str,
    text: str,
    author_id: int,
    people: Mapping[int, str],
    thing: str,
    path: str,
    at: datetime,
) -> Comment:
    """Say something on a thing; whom it names is told once.

    people : names by id of those who may be named; thing : what it is about, in words; path : where it stands

    Raises CommentError.
    """
    if not 1 <= len(text.strip()) <= LONGEST:
        raise CommentError(longest=LONGEST)
    with transaction.atomic():
        mentioned = named(text, people)
        kept = Comment.objects.create(
            shop=shop, subject=subject, text=text.strip(), author_id=author_id, mentioned=mentioned, at=at
        )
        audit.log("comment.added", actor_id=author_id, shop=shop, subject=subject, comment=kept.pk)
        for recipient in mentioned:
            if recipient != author_id:
                inbox.notify(
                    recipient_id=recipient,
                    shop=shop,
                    key=f"comment-{kept.pk}",
                    message=N_("%(author)s named you in “%(thing)s”: %(text)s"),
                    params={"author": people.get(author_id, ""), "thing": thing, "text": text.strip()[:140]},
                    path=path,
                    at=at,
                )
    return kept


def resolve(*, shop: str, subject: str, comment_id: int, actor_id: int, at: datetime) -> Comment:
    """Mark a comment as dealt with; it stays readable. Raises UnknownCommentError."""
    with transaction.atomic():
        found = Comment.objects.on(shop, subject).open().filter(pk=comment_id).first()
        if found is None:
            raise UnknownCommentError(id=comment_id)
        found.resolved_at, found.resolved_by = at, actor_id
        found.save(update_fields=["resolved_at", "resolved_by"])
        audit.log("comment.resolved", actor_id=actor_id, shop=shop, subject=subject, comment=found.pk)
    return found
