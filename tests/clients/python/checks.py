"""What every client's script needs: named checks, the twins' addresses, fault control."""

import json
import os
import sys
import traceback
import urllib.request

CLIENT = os.path.basename(sys.argv[0]).removesuffix(".py").removeprefix("with_")


def check(what):
    """Runs the function at once; one line says how it went."""

    def run(function):
        try:
            function()
        except Exception:
            print(f"not ok - {CLIENT}: {what}", flush=True)
            traceback.print_exc(limit=4)
        else:
            print(f"ok - {CLIENT}: {what}", flush=True)

    return run


def refused(error, function, *arguments, **named):
    """The error that a call must end with."""
    try:
        answer = function(*arguments, **named)
    except error as raised:
        return raised
    raise AssertionError(f"was not refused but answered {answer!r}")


def address(twin):
    return os.environ[f"TWIN_{twin.upper()}"]


def control(twin, method, path, body=None):
    """A call of a twin's own control surface."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{address(twin)}/_twin/{path}", data, headers, method=method)
    with urllib.request.urlopen(request) as answer:
        text = answer.read()
    return json.loads(text) if text else None


class expired_token:
    """While it lasts, the twin takes every token for an expired one."""

    def __init__(self, twin, path):
        self.twin, self.path = twin, path

    def __enter__(self):
        rule = {"path": self.path, "fault": {"kind": "expired_token"}}
        control(self.twin, "PUT", "faults", {"rules": [rule]})

    def __exit__(self, *_):
        control(self.twin, "PUT", "faults", {"rules": []})


def records(twin, table):
    """Records of a table that were created and not deleted since the twin began, newest state."""
    newest = {}
    for entry in control(twin, "GET", "writes"):
        if entry["table"] == table:
            newest[entry["record"]["id"]] = entry["record"]
    return [record for record in newest.values() if not record["deleted"]]
