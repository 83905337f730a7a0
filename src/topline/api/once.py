"""Writes that happen once: a request repeated with the same Idempotency-Key gets the first one's answer."""

import hashlib
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import wraps
from typing import Any

from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.utils import timezone
from django.utils.translation import gettext as _

from topline.api.problem import problem, too_large
from topline.workbench.models import IdempotencyKey

LONGEST_RUN = timedelta(minutes=10)
LONGEST_KEY = 255


def once(run: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Make an operation answer a repeated key with what it answered first. For `ninja.decorators.decorate_view`.

    A key belongs to the token that sent it; who may not do this is refused before. The same key for another request
    is refused, and so is a second request while the first still runs; an answer that says "try again" (5xx) is not
    kept.
    """

    operation: Any = run.__self__  # type: ignore[attr-defined]  # Ninja's, which knows whom it lets through

    @wraps(run)
    def answer(request: HttpRequest, **path: Any) -> HttpResponse:
        if _is_large(request):
            return too_large()
        key = request.headers.get("Idempotency-Key")
        if not key:
            return run(request, **path)
        if len(key) > LONGEST_KEY:
            title = _("An Idempotency-Key has at most %(most)s characters.") % {"most": LONGEST_KEY}
            return problem(422, "key_too_long", title)
        refused: HttpResponse | None = operation._run_checks(request)
        if refused:
            return refused
        owner = _digest(request.headers.get("Authorization", "").encode())
        try:
            asked = _digest(f"{request.method} {request.get_full_path()}".encode(), *_content(request))
        except (MultiPartParserError, SuspiciousOperation) as error:  # a form that can't be read
            return operation.api.on_exception(request, error)  # type: ignore[no-any-return]
        now = timezone.now()
        IdempotencyKey.objects.filter(owner=owner, key=key, status=None, created_at__lt=now - LONGEST_RUN).delete()
        try:
            with transaction.atomic():
                claim = IdempotencyKey.objects.create(owner=owner, key=key, request=asked, created_at=now)
        except IntegrityError:
            return _again(IdempotencyKey.objects.filter(owner=owner, key=key).first(), asked)
        try:
            response = run(request, **path)
        except BaseException:
            claim.delete()
            raise
        if response.status_code >= 500:
            claim.delete()
        else:
            claim.status = response.status_code
            claim.content_type = response.headers["Content-Type"]
            claim.content = response.content
            claim.save()
        return response

    return answer


def _again(first: IdempotencyKey | None, asked: str) -> HttpResponse:
    """The answer to a key that was taken. first : None where its request failed just now and gave the key back"""
    if first and first.request != asked:
        return problem(422, "key_reused", _("This Idempotency-Key was sent with another request. Take a new one."))
    if first is None or first.status is None:
        return problem(409, "still_running", _("The first request with this Idempotency-Key still runs. Wait for it."))
    response = HttpResponse(bytes(first.content), status=first.status, content_type=first.content_type)
    response.headers["Idempotency-Replayed"] = "true"
    return response


def _is_large(request: HttpRequest) -> bool:
    """Whether the body is more than is read into memory; files are not."""
    length = request.headers.get("Content-Length", "")
    is_file = (request.content_type or "").startswith("multipart/")
    return not is_file and length.isdecimal() and int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE


def _content(request: HttpRequest) -> Iterator[bytes]:
    """The request's body; of a form its fields and files, as the marks between its parts differ each time."""
    if not (request.content_type or "").startswith("multipart/"):
        yield request.body
        return
    for name, values in request.POST.lists():
        yield json.dumps([name, values]).encode()
    for name, files in request.FILES.lists():
        for file in files:
            yield json.dumps([name, file.name, file.size]).encode()
            yield hashlib.file_digest(file, "sha256").digest()
            file.seek(0)


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()
