"""netsuite (PyPI) against the NetSuite twin, with token-based authentication.

Every call of the client takes `url`, with which it is sent to the twin instead of the account's own address.
"""

import asyncio
import json

from netsuite import Config, NetSuiteRestApi, TokenAuth
from netsuite.exceptions import NetsuiteAPIRequestError

from checks import address, check, expired_token, refused

REST = f"{address('netsuite')}/services/rest"
BATCH = "application/vnd.oracle.resource+json; type=collection"


def api(secret="fairlead-development-token-secret"):
    auth = TokenAuth(
        consumer_key="fairlead-development-consumer-key",
        consumer_secret="fairlead-development-consumer-secret",
        token_id="fairlead-development-token",
        token_secret=secret,
    )
    return NetSuiteRestApi(Config(account="7001234_SB1", auth=auth))


netsuite = api()


def call(method, path, client=netsuite, **named):
    return asyncio.run(getattr(client, method)(path, url=f"{REST}{path}", **named))


def raw(method, path, **named):
    return asyncio.run(netsuite.request(method, path, url=f"{REST}{path}", **named))


def suiteql(q, **named):
    return asyncio.run(netsuite.suiteql(q, url=f"{REST}/query/v1/suiteql", **named))


def errors(error):
    body = json.loads(error.response_text)
    assert body["status"] == error.status_code and body["title"], body
    return [detail["o:errorCode"] for detail in body["o:errorDetails"]]


def customer(name, **more):
    return {"companyName": name, "entityId": name, "subsidiary": {"id": "1"}, **more}


@check("signs every request, and is refused with a wrong secret")
def _():
    assert call("get", "/record/v1/subsidiary/1")["name"] == "Northwind Advisory Inc."
    error = refused(NetsuiteAPIRequestError, call, "get", "/record/v1/subsidiary/1", client=api("wrong"))
    assert error.status_code == 401 and errors(error) == ["INVALID_LOGIN"]


@check("creates, reads, updates and deletes a record")
def _():
    made = raw("POST", "/record/v1/customer", json=customer("PyPI One"))
    assert made.status_code == 204
    path = "/record/v1/customer/" + made.headers["location"].rsplit("/", 1)[1]
    assert call("patch", path, json={"comments": "seen"}) is None
    read = call("get", path)
    assert (read["companyName"], read["comments"], read["subsidiary"]["id"]) == ("PyPI One", "seen", "1")
    assert call("delete", path) is None
    error = refused(NetsuiteAPIRequestError, call, "get", path)
    assert error.status_code == 404 and errors(error) == ["NONEXISTENT_ID"]


@check("upserts by external id, once")
def _():
    for name in ("PyPI Upsert", "PyPI Upsert again"):
        call("put", "/record/v1/customer/eid:pypi-1", json=customer(name))
    found = suiteql("SELECT companyname FROM customer WHERE externalid = 'pypi-1'")
    assert [row["companyname"] for row in found["items"]] == ["PyPI Upsert again"], found


@check("writes a batch with a result for each record")
def _():
    items = [customer(f"PyPI batch {n}", externalId=f"pypi-batch-{n}") for n in range(30)]
    items[3]["subsidiary"] = {"id": "99"}
    headers = {"Content-Type": BATCH, "Prefer": "respond-async"}
    taken = raw("PUT", "/record/v1/customer", headers=headers, json={"items": items})
    assert taken.status_code == 202, taken.text
    job = "/async/v1/job/" + taken.headers["location"].rsplit("/", 1)[1]
    while not call("get", job)["completed"]:
        pass
    assert len(call("get", f"{job}/task")["items"]) == 30
    assert raw("GET", f"{job}/task/1/result").status_code == 204
    failed = raw("GET", f"{job}/task/4/result")
    assert failed.status_code == 400 and failed.json()["o:errorDetails"], failed.text


@check("queries through several pages")
def _():
    q = "SELECT id, companyname FROM customer WHERE companyname LIKE 'PyPI batch%' ORDER BY id"
    rows, offset, more = [], 0, True
    while more:
        page = suiteql(q, limit=10, offset=offset)
        rows, offset, more = rows + page["items"], offset + 10, page["hasMore"]
    assert len({row["id"] for row in rows}) == len(rows) == page["totalResults"] == 29, page


@check("is told of a bad field, a bad column and a missing record in the vendor's words")
def _():
    error = refused(NetsuiteAPIRequestError, call, "post", "/record/v1/customer", json=customer("x", nothing=1))
    assert error.status_code == 400 and errors(error), error
    error = refused(NetsuiteAPIRequestError, suiteql, "SELECT nothing FROM customer")
    assert error.status_code == 400 and errors(error), error
    error = refused(NetsuiteAPIRequestError, call, "get", "/record/v1/customer/999999")
    assert error.status_code == 404 and errors(error) == ["NONEXISTENT_ID"]


@check("is told of an expired token in the vendor's words")
def _():
    with expired_token("netsuite", "services/rest"):
        error = refused(NetsuiteAPIRequestError, call, "get", "/record/v1/subsidiary/1")
        assert error.status_code == 401 and errors(error) == ["INVALID_LOGIN"]


@check("reads the catalogue and a record's JSON schema")
def _():
    types = call("get", "/record/v1/metadata-catalog")["items"]
    assert any(item["name"] == "customer" for item in types)
    accept = {"Accept": "application/schema+json"}
    schema = call("get", "/record/v1/metadata-catalog/customer", headers=accept)
    assert "companyName" in schema["properties"]
