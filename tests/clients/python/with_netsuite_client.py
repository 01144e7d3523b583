"""netsuite-client (PyPI) against the NetSuite twin, with token-based authentication.

The client knows GET and POST. Its `get` and `post` take a full address; SuiteQL goes through `post` too, because
`get_suiteql_query` fixes the vendor's host. It has neither upsert nor batch. It repeats a POST whose empty answer it
cannot read as JSON: what an external id keeps single is part of what is tried here.
"""

import logging

from netsuite_client import NetSuiteClient, NetSuiteError

from checks import address, check, expired_token, records, refused

logging.disable(logging.CRITICAL)
REST = f"{address('netsuite')}/services/rest"


def client(secret="fairlead-development-token-secret", repeats=0):
    return NetSuiteClient(
        realm="7001234_SB1",
        account="7001234-sb1",
        consumer_key="fairlead-development-consumer-key",
        consumer_secret="fairlead-development-consumer-secret",
        token_id="fairlead-development-token",
        token_secret=secret,
        max_retries=repeats,
    )


netsuite = client()


def customer(name, **more):
    return {"companyName": name, "entityId": name, "subsidiary": {"id": "1"}, **more}


def suiteql(q, limit, offset):
    return netsuite.post(f"{REST}/query/v1/suiteql?limit={limit}&offset={offset}", {"q": q})


@check("signs every request, and is refused with a wrong secret")
def _():
    assert netsuite.get(f"{REST}/record/v1/subsidiary/3")["country"]
    error = refused(NetSuiteError, client("wrong").get, f"{REST}/record/v1/subsidiary/3")
    assert "HTTP 401" in str(error) and "INVALID_LOGIN" in str(error)


@check("creates records, whose empty answer it takes for an error")
def _():
    for n in range(12):
        body = customer(f"Client {n}", externalId=f"client-{n}")
        refused(NetSuiteError, netsuite.post, f"{REST}/record/v1/customer", body)
    made = [r for r in records("netsuite", "customer") if r["fields"].get("companyName", "").startswith("Client ")]
    assert len(made) == 12


@check("sends a create again after the empty answer, and the external id keeps it single")
def _():
    body = customer("Sent twice", externalId="client-twice")
    error = refused(NetSuiteError, client(repeats=1).post, f"{REST}/record/v1/customer", body)
    assert "HTTP 400" in str(error), error
    assert [r["fields"]["companyName"] for r in records("netsuite", "customer")].count("Sent twice") == 1


@check("queries through several pages")
def _():
    q = "SELECT id FROM customer WHERE companyname LIKE 'Client %' ORDER BY id"
    rows, more = [], True
    while more:
        page = suiteql(q, limit=5, offset=len(rows))
        rows, more = rows + page["items"], page["hasMore"]
    assert len({row["id"] for row in rows}) == 12 == page["totalResults"]


@check("is told of a missing field, a bad column, a missing record and an expired token in the vendor's words")
def _():
    error = refused(NetSuiteError, suiteql, "SELECT nothing FROM customer", 10, 0)
    assert "HTTP 400" in str(error) and "o:errorDetails" in str(error)
    error = refused(NetSuiteError, netsuite.post, f"{REST}/record/v1/customer", {"companyName": "No subsidiary"})
    assert "HTTP 400" in str(error) and "o:errorDetails" in str(error)
    error = refused(NetSuiteError, netsuite.get, f"{REST}/record/v1/customer/999999")
    assert "HTTP 404" in str(error) and "NONEXISTENT_ID" in str(error)
    with expired_token("netsuite", "services/rest"):
        error = refused(NetSuiteError, netsuite.get, f"{REST}/record/v1/subsidiary/3")
        assert "HTTP 401" in str(error) and "INVALID_LOGIN" in str(error)
