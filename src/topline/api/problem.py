"""Errors as `application/problem+json` (RFC 9457): what is wrong, and what to do about it."""

import logging
from collections.abc import Callable

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from topline.accounts.scopes import WholeShopError
from topline.api.parser import MediaTypeError
from topline.units.errors import FieldsError, ToplineError

log = logging.getLogger(__name__)


def problem(status: int, code: str, title: str, **members: object) -> HttpResponse:
    """A problem document: `type` is a stable code, `title` a translated sentence."""
    content = {"type": f"urn:topline:{code}", "code": code, "title": title, "status": status, **members}
    return JsonResponse(content, status=status, content_type="application/problem+json")


def too_large() -> HttpResponse:
    return problem(413, "too_large", _("More than 10 MB are too much for one request. Send it in parts."))


def of_topline(error: ToplineError) -> HttpResponse:
    """404 when a named thing doesn't exist, 403 for who sees a part only, 422 for anything else that one can mend."""
    status = 403 if isinstance(error, WholeShopError) else 404 if error.code.startswith("unknown_") else 422
    members: dict[str, object] = {}
    if isinstance(error, FieldsError):
        members["errors"] = [
            {"where": field, "what": _(each.message) % each.params} for field, each in error.errors.items()
        ]
    return problem(status, error.code, _(error.message) % error.params, **members)


class ProblemMiddleware:
    """Errors under /api/ that no endpoint answers: an address that isn't there, a method that it doesn't take."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponse]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.answer(request)
        is_told = "json" in response.headers.get("Content-Type", "")
        if response.status_code < 400 or is_told or not request.path_info.startswith("/api/"):
            return response
        return _outside(request, response)


def _outside(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The problem document of a plain error."""
    match response.status_code:
        case 404:
            return problem(
                404, "not_found", _("There is nothing under this address. /api/v1/docs lists what there is.")
            )
        case 405:
            allowed = response.headers.get("Allow", "")
            title = _("This address doesn't take %(method)s. It takes %(allowed)s.")
            told = problem(405, "method", title % {"method": request.method, "allowed": allowed})
            told.headers["Allow"] = allowed
            return told
        case status if status < 500:
            return problem(status, "bad_request", response.reason_phrase)
        case status:
            return problem(status, "unexpected", _("Something went wrong on our side. It was logged; try again."))


def register(api: NinjaAPI) -> None:
    """Answer every error of the API as a problem document."""

    @api.exception_handler(ToplineError)
    def topline(request: HttpRequest, error: ToplineError) -> HttpResponse:
        return of_topline(error)

    @api.exception_handler(ValidationError)
    def validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
        errors = [{"where": ".".join(str(part) for part in each["loc"]), "what": each["msg"]} for each in error.errors]
        return problem(422, "invalid_request", _("The request doesn't fit the endpoint; see `errors`."), errors=errors)

    @api.exception_handler(AuthenticationError)
    def authentication(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
        title = _("Send an API token of yours: “Authorization: Bearer TOKEN”. Settings, Tokens makes one.")
        return problem(401, "not_signed_in", title)

    @api.exception_handler(PermissionDenied)
    def permission(request: HttpRequest, error: PermissionDenied) -> HttpResponse:
        title = _("This token may not do that: it needs the scope “%(permission)s”.") % {"permission": error}
        return problem(403, "not_allowed", title, permission=str(error))

    @api.exception_handler(Http404)
    def absent(request: HttpRequest, error: Http404) -> HttpResponse:
        return problem(404, "not_found", _("There is nothing under this address."))

    @api.exception_handler(HttpError)
    def http(request: HttpRequest, error: HttpError) -> HttpResponse:
        match error.__cause__:
            case ToplineError() as cause:
                status = 415 if isinstance(cause, MediaTypeError) else error.status_code
                return problem(status, cause.code, _(cause.message) % cause.params)
        return problem(error.status_code, "bad_request", str(error))

    @api.exception_handler(MultiPartParserError)
    def form(request: HttpRequest, error: MultiPartParserError) -> HttpResponse:
        title = _(
            "The form can't be read: %(what)s. Send it as multipart/form-data with its boundary, as curl -F does."
        )
        return problem(400, "not_a_form", title % {"what": str(error).rstrip(".")})

    @api.exception_handler(SuspiciousOperation)
    def excess(request: HttpRequest, error: SuspiciousOperation) -> HttpResponse:
        return too_large() if isinstance(error, RequestDataTooBig) else problem(400, "bad_request", str(error))

    @api.exception_handler(Exception)
    def unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
        log.exception("API request failed", extra={"path": request.path})
        return problem(500, "unexpected", _("Something went wrong on our side. It was logged; try again."))
