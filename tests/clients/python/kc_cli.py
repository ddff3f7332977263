"""The command `kc` of kafka-connect-py, and the library in it, through the life of a connector.

    python kc_cli.py URL PART FILE

PART is `cycle`, `validate` or `topics`.
"""

import json
import pathlib
import subprocess
import sys

from kafka_connect import KafkaConnect

from common import CLASS, check, is_in, until

URL, PART, FILE = sys.argv[1:]
NAME = "orders-from-kc"
CONFIG = {"connector.class": CLASS, "tasks.max": 1, "file": FILE, "topic": "kc"}


def run(*args):
    program = str(pathlib.Path(sys.executable).parent / "kc")
    return subprocess.run([program, "--url", URL, *args], capture_output=True, text=True, timeout=60)


def kc(*args):
    """Runs a command that must succeed, and gives back what it printed, as JSON where it is some."""
    said = run(*args)
    if said.returncode != 0:
        print(said.stdout, said.stderr)
        check(" ".join(args), False)
    try:
        return json.loads(said.stdout)
    except ValueError:
        return said.stdout


def state(wanted):
    return lambda: is_in(kc("status", NAME), wanted)


def cycle():
    check("info", "version" in kc("info"))
    check("plugins", any(plugin["class"] == CLASS for plugin in kc("list-plugins")))
    created = kc("create", "--config-data", json.dumps({"name": NAME, "config": CONFIG}))
    check("create", created["name"] == NAME and created["config"]["tasks.max"] == "1")
    check("list", NAME in kc("list"))
    check("list expanded", kc("list", "--expand", "info")[NAME]["info"]["type"] == "source")
    until("RUNNING", state("RUNNING"))
    check("get", kc("get", NAME)["tasks"] == [{"connector": NAME, "task": 0}])
    check("config", kc("config", NAME)["file"] == FILE)
    check("tasks", kc("list-tasks", NAME)[0]["id"] == {"connector": NAME, "task": 0})
    check("task status", kc("task-status", NAME, "0")["state"] == "RUNNING")
    kc("pause", NAME)
    until("PAUSED", state("PAUSED"))
    kc("resume", NAME)
    until("RUNNING again", state("RUNNING"))
    kc("restart", NAME)
    kc("restart", "--include-tasks", NAME)
    until("RUNNING after restarts", state("RUNNING"))
    kc("restart-task", NAME, "0")
    until("RUNNING after a task's restart", state("RUNNING"))
    updated = kc("update", "--config-data", json.dumps({**CONFIG, "tasks.max": 2}), NAME)
    check("update", updated["config"]["tasks.max"] == "2")
    kc("delete", NAME)
    check("gone", NAME not in kc("list"))
    missing = run("status", NAME)
    check("a missing connector is told", "404" in missing.stdout + missing.stderr)


def validate():
    wrong = {"name": "x", "connector.class": CLASS, "file": FILE}
    # Through the library: `kc validate-config` itself sends the configuration as a JSON string, which Kafka Connect takes
    # no more than Wharf does.
    client = KafkaConnect(URL)
    said = client.validate_connector_config("FileStreamSourceConnector", wrong)
    errors = {it["value"]["name"]: it["value"]["errors"] for it in said["configs"]}
    check("a missing topic is an error of its key", said["error_count"] > 0 and errors["topic"])
    right = {**wrong, "topic": "kc"}
    said = client.validate_connector_config("FileStreamSourceConnector", right)
    check("nothing else is", said["error_count"] == 0)


def topics():
    kc("create", "--config-data", json.dumps({"name": NAME, "config": CONFIG}))
    until("the topic is known", lambda: kc("list-topics", NAME)[NAME]["topics"] == ["kc"])
    kc("reset-topics", NAME)
    kc("delete", NAME)
    check("reset and delete", NAME not in kc("list"))


{"cycle": cycle, "validate": validate, "topics": topics}[PART]()
