"""simple-salesforce against the Salesforce twin.

The client builds https://<domain>.salesforce.com itself and has no option for another address: its own session is given
an adapter that sends every request to the twin instead. Nothing else of it is changed.
"""

import csv
import io
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

from checks import address, check, expired_token, refused

TWIN = address("salesforce")
USER = "integration@northwind-advisory.example"


class ToTheTwin(HTTPAdapter):
    def send(self, request, **named):
        scheme, host = urlsplit(TWIN)[:2]
        request.url = urlunsplit((scheme, host, *urlsplit(request.url)[2:]))
        return super().send(request, **named)


def session():
    made = requests.Session()
    made.trust_env = False
    made.mount("https://", ToTheTwin())
    return made


def client_credentials(secret="fairlead-development-secret"):
    return Salesforce(
        consumer_key="fairlead-development", consumer_secret=secret, domain="northwind.my", session=session()
    )


sf = client_credentials()


@check("signs in by client credentials, by password over SOAP and OAuth, and is refused with a wrong secret")
def _():
    assert sf.query("SELECT COUNT() FROM User")["totalSize"] > 5
    Salesforce(username=USER, password="fairlead-development", security_token="DEVELOPMENT", session=session()).limits()
    oauth = {"consumer_key": "fairlead-development", "consumer_secret": "fairlead-development-secret"}
    Salesforce(username=USER, password="fairlead-development", session=session(), **oauth).limits()
    error = refused(SalesforceAuthenticationFailed, client_credentials, secret="wrong")
    assert "invalid_client" in str(error), error


@check("creates, reads, updates and deletes a record")
def _():
    made = sf.Account.create({"Name": "Aldermann & Söhne", "Website": "https://aldermann.example"})
    assert made["success"] and len(made["id"]) == 18
    assert sf.Account.update(made["id"], {"BillingCity": "Köln"}) == 204
    read = sf.Account.get(made["id"])
    assert (read["Name"], read["BillingCity"], read["CurrencyIsoCode"]) == ("Aldermann & Söhne", "Köln", "USD")
    assert sf.Account.delete(made["id"]) == 204


@check("upserts by external id, once")
def _():
    statuses = [sf.Account.upsert("Fairlead_Id__c/simple-1", {"Name": f"Upsert {n}"}) for n in range(2)]
    assert statuses == [201, 200], statuses
    found = sf.query("SELECT Name FROM Account WHERE Fairlead_Id__c = 'simple-1'")
    assert [row["Name"] for row in found["records"]] == ["Upsert 1"]


@check("writes in bulk with a result for each row, and queries in bulk")
def _():
    rows = [{"Name": f"Bulk {n:03}", "Fairlead_Id__c": f"simple-bulk-{n}"} for n in range(450)]
    rows[7]["Name"] = "x" * 256
    job = sf.bulk2.Account.upsert(records=rows, external_id_field="Fairlead_Id__c")[0]
    assert (int(job["numberRecordsTotal"]), int(job["numberRecordsFailed"])) == (450, 1), job
    failed = list(csv.DictReader(io.StringIO(sf.bulk2.Account.get_failed_records(job["job_id"]))))
    assert failed[0]["Fairlead_Id__c"] == "simple-bulk-7" and failed[0]["sf__Error"].startswith("STRING_TOO_LONG:")
    pages = sf.bulk2.Account.query("SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk %'")
    assert sum(len(list(csv.DictReader(io.StringIO(page)))) for page in pages) == 449


@check("queries through several pages")
def _():
    soql = "SELECT Id, Name FROM Account WHERE Name LIKE 'Bulk %' ORDER BY Name"
    small = {"Sforce-Query-Options": "batchSize=200"}
    first = sf.query(soql, headers=small)
    assert (len(first["records"]), first["done"], first["totalSize"]) == (200, False, 449)
    rows = sf.query_all(soql, headers=small)["records"]
    names = [row["Name"] for row in rows]
    assert len(rows) == 449 and names == sorted(names)


@check("is told of a bad field, a missing field and a missing record in the vendor's words")
def _():
    error = refused(SalesforceMalformedRequest, sf.query, "SELECT Nothing__c FROM Account")
    assert error.content[0]["errorCode"] == "INVALID_FIELD" and "No such column 'Nothing__c'" in error.content[0]["message"]
    error = refused(SalesforceMalformedRequest, sf.Account.create, {"Name": "x", "Nothing__c": 1})
    assert error.content[0]["errorCode"] == "INVALID_FIELD"
    error = refused(SalesforceMalformedRequest, sf.Contact.create, {"FirstName": "x"})
    assert error.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING" and error.content[0]["fields"] == ["LastName"]
    error = refused(SalesforceResourceNotFound, sf.Account.get, "001000000009999AAA")
    assert error.content[0]["errorCode"] == "NOT_FOUND"


@check("meets an expired session: signs in again when it can, else says so")
def _():
    direct = Salesforce(session_id=sf.session_id, instance_url=TWIN.replace("http", "https"), session=session())
    assert direct.limits()
    with expired_token("salesforce", "services/data"):
        error = refused(SalesforceExpiredSession, direct.limits)
        assert error.content[0]["errorCode"] == "INVALID_SESSION_ID"
    assert sf.limits()["DailyApiRequests"]["Max"] > 0
