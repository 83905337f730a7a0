"""What OpenAPI says of every operation: its errors, the scope it needs, the key that makes a write happen once."""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from topline.api import words
from topline.api.once import LONGEST_KEY

_PROBLEM = {
    "type": "object",
    "required": ["type", "code", "title", "status"],
    "properties": {
        "type": {"type": "string"},
        "code": {"type": "string", "description": "What went wrong, for programs"},
        "title": {"type": "string", "description": "What went wrong and what to do, for people"},
        "status": {"type": "integer"},
        "permission": {"type": "string", "description": "The scope that is lacking"},
        "errors": {"type": "array", "items": {"type": "object"}, "description": "What is wrong, part by part"},
    },
}
_ERRORS = {
    401: "No token, or one that is revoked, expired, or whose maker has left",
    404: "A named thing doesn't exist",
    422: "Something in the request must be mended",
}
_ERRORS_OF_WRITES = {
    400: "The body or the form can't be read",
    409: "The first request with this key still runs",
    413: "More than 10 MB in one request",
    415: "The body is sent as something else than JSON",
}
_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "schema": {"type": "string", "maxLength": LONGEST_KEY},
    "description": "A key of your own: a request that is repeated with it happens once",
}


class Api(NinjaAPI):
    """An API whose description is complete without each operation saying what all share."""

    def get_openapi_schema(self, **asked: Any) -> OpenAPISchema:
        found = super().get_openapi_schema(**asked)
        found["components"]["schemas"]["Problem"] = _PROBLEM
        scopes = {
            self.get_openapi_operation_id(operation): getattr(operation.auth_callbacks[0], "permission", "")
            for _, router in self._routers
            for view in router.path_operations.values()
            for operation in view.operations
            if operation.auth_callbacks
        }
        for methods in found["paths"].values():
            for method, operation in methods.items():
                _complete(operation, scopes.get(operation["operationId"], ""), is_write=method != "get")
        for name, schema in found["components"]["schemas"].items():
            for field, described in schema.get("properties", {}).items():
                if said := words.FIELDS.get(f"{name}.{field}", words.FIELDS.get(field)):
                    described.setdefault("description", said)
        return found


def _complete(operation: dict[str, Any], scope: str, *, is_write: bool) -> None:
    answers = operation.setdefault("responses", {})
    errors = {**_ERRORS, **(_ERRORS_OF_WRITES if is_write else {})}
    if scope:
        errors[403] = f"The token lacks the scope {scope}, or its owner sees only a part of the shop"
    for status, said in sorted(errors.items()):
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        answers.setdefault(status, {"description": said, "content": content})
    parameters = operation.setdefault("parameters", [])
    for one in parameters:
        if meaning := words.PARAMETERS.get(one["name"]):
            one.setdefault("description", meaning)
    if is_write:
        parameters.append(_KEY)
