"""What schemathesis is told of the worker that it tests: which connectors there are, what to leave alone, and why.

The worker's files are in the folder of the environment variable WHARF_TEST_FILES. `prepare` there makes the connectors.
"""

import json
import os
import urllib.error
import urllib.parse
import urllib.request

import schemathesis
from hypothesis import strategies as st

FILES = os.environ["WHARF_TEST_FILES"]
URL = os.environ["WHARF_TEST_URL"]

SOURCE = {"connector.class": "file-source", "file": f"{FILES}/in.txt", "topic": "orders"}
SINK = {"connector.class": "file-sink", "file": f"{FILES}/out.txt", "topics": "orders"}
# `orders` is also what the description's own examples name. `spare` may be deleted: it is made again.
CONNECTORS = {"orders": SOURCE, "copy": SINK, "spare": {**SOURCE, "topic": "spare"}}

# Operations whose body is a configuration.
CONFIGURED = (
    "putConnectorConfig",
    "createNamedConnector",
    "patchConnectorConfig",
    "validatePluginConfig",
)
# The texts by which Kafka Connect's own 500 for a body that cannot be read is known; its clients rely on that status.
UNREADABLE = (
    "the request body is not the JSON that is wanted here",
    "the request has no body",
    "the request has no `config`",
    "`initial_state` is",
    "the value of `",
    # Kafka Connect, to the letter, where a level is empty.
    "Illegal null or empty Level name.",
)


def operation_id(context):
    return context.operation.definition.raw.get("operationId")


@schemathesis.hook
def flatmap_path_parameters(context, path_parameters):
    """Half of all names are those of connectors, topics and plugins that exist."""
    if context.operation is None or not path_parameters:
        return st.just(path_parameters)
    path = context.operation.path
    known = {}
    if path.startswith("/connectors/{name}"):
        # Only one of them may be deleted, and one that is stopped has no tasks to look at.
        may_vanish = operation_id(context) in ("deleteConnector", "stopConnector")
        known = {"name": ["spare"] if may_vanish else sorted(CONNECTORS), "task": ["0"]}
    elif path.startswith("/topics/{topic}"):
        known = {"topic": ["spare" if operation_id(context) == "deleteTopic" else "orders"], "partition": ["0"]}
    elif path.startswith("/plugins/{name}/{version}"):
        known = {"name": ["file-source"], "version": ["0.1.0"]}
    elif path.startswith("/connector-plugins/{"):
        known = {name: ["file-source", "FileStreamSinkConnector"] for name in path_parameters}
    values = {name: st.sampled_from(known.get(name, [value])) for name, value in path_parameters.items()}
    return st.one_of(st.just(path_parameters), st.fixed_dictionaries(values))


@schemathesis.hook
def flatmap_body(context, body):
    """Some bodies are configurations that work."""
    which = operation_id(context) if context.operation is not None else None
    configs = st.sampled_from([SOURCE, SINK])
    if which == "createConnector":
        made = configs.map(lambda config: {"name": "made", "config": config})
    elif which in CONFIGURED:
        made = configs
    else:
        return st.just(body)
    return st.one_of(st.just(body), made)


@schemathesis.hook
def before_call(context, case, kwargs):
    """Changes what would end the run or take it elsewhere. Whole operations are left out in schemathesis.toml."""
    path = case.operation.path
    if path.endswith("/logs") and "follow" in (case.query or {}):
        # A log that is followed does not end.
        del case.query["follow"]
    if case.operation.method.upper() == "DELETE" and path == "/topics/{topic}":
        # The records that are read come from this one.
        if case.path_parameters.get("topic") == "orders":
            case.path_parameters["topic"] = "spare"
    if path == "/plugins" and isinstance(case.body, dict):
        # Nothing is asked of another machine: this port of this one is closed.
        if str(case.body.get("url")).strip().lower().startswith("http"):
            case.body["url"] = "https://127.0.0.1:9/x.wasm"


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Kafka Connect answers 500 to a body that it cannot read, and Wharf does so on purpose; nothing else may.

    A gateway's 502 is no failure of the worker: it is the documented answer where a plugin cannot be fetched.
    """
    try:
        message = json.loads(response.content)["message"]
    except (ValueError, KeyError, TypeError):
        return True
    is_unreadable = response.status_code == 500 and message.startswith(UNREADABLE)
    is_download = response.status_code == 502 and message.startswith("DOWNLOAD_FAILED: https://127.0.0.1:9/")
    return not (is_unreadable or is_download)


@schemathesis.hook
def after_call(context, case, response):
    """What was deleted, stopped or configured differently is made again, so that later calls reach it."""
    method = case.operation.method.upper()
    if method in ("DELETE", "PUT", "PATCH", "POST") and response.status_code < 300:
        for part in case.operation.path, urllib.parse.urlsplit(response.request.url).path:
            if part.startswith("/connectors/"):
                prepare()
                break


def send(method, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"} if data else {}
    request = urllib.request.Request(URL + path, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        return error.code


def prepare():
    """Makes the connectors, where they are not as they should be."""
    now = send("GET", "/connectors?expand=info&expand=status")
    for name, config in CONNECTORS.items():
        there = now.get(name, {})
        if there.get("info", {}).get("config") != {**config, "name": name}:
            send("PUT", f"/connectors/{name}/config", config)
        if there.get("status", {}).get("connector", {}).get("state") in ("STOPPED", "PAUSED"):
            send("PUT", f"/connectors/{name}/resume")
    # Names that were made up along the way are not kept.
    for name in now:
        if name not in CONNECTORS:
            send("DELETE", "/connectors/" + urllib.parse.quote(name, safe=""))


prepare()
