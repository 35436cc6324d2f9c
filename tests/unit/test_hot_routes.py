"""The short way of quote and sale stands beside the one that makes the API document: they must not drift apart."""

import inspect
from typing import Any

from fastapi.routing import APIRoute

from agent.api import sales
from agent.api.document import till_api
from agent.api.hot import hot_routes

_NO_SERVICES: Any = None  # nothing is called here


def test_every_hot_route_is_in_the_document_with_the_same_body_and_the_same_function() -> None:
    document = till_api().openapi()
    told = {f"/v1{route.path}": route.endpoint for route in sales.router.routes if isinstance(route, APIRoute)}
    for route in hot_routes(_NO_SERVICES):
        body = document["paths"][route.path]["post"]["requestBody"]["content"]["application/json"]["schema"]
        bound = inspect.getclosurevars(route.endpoint).nonlocals
        assert body == {"$ref": f"#/components/schemas/{bound['model'].__name__}"}
        assert bound["call"] is told[route.path]
        assert route.methods == {"POST"}
