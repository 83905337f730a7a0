"""HEAD under /api/, which every address that takes GET takes too (RFC 9110, 9.1)."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse


class HeadMiddleware:
    """Answers HEAD under /api/ as GET is answered, without the content."""

    def __init__(self, answer: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.answer = answer

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "HEAD" or not request.path_info.startswith("/api/"):
            return self.answer(request)
        request.method = "GET"
        response = self.answer(request)
        request.method = "HEAD"
        if isinstance(response, StreamingHttpResponse):
            response.streaming_content = []
        elif isinstance(response, HttpResponse):
            response.content = b""
        return response
