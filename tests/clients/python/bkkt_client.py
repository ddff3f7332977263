"""The REST client of bkkt, which deploys connectors from files, through the life of a connector.

    python bkkt_client.py URL PART FILE

PART is `cycle`, `offsets` or `validate`.
"""

import sys

from connectctl.connect import ConnectClient
from connectctl.exceptions import ConnectApiError

from common import CLASS, check, is_in, until

URL, PART, FILE = sys.argv[1:]
NAME = "orders-from-bkkt"
CONFIG = {"name": NAME, "connector.class": CLASS, "tasks.max": "1", "file": FILE, "topic": "bkkt"}

client = ConnectClient([URL])


def in_state(state):
    return lambda: is_in(client.get_status(NAME).raw, state)


def cycle():
    check("nothing there", NAME not in client.list_connectors() and client.get_config_optional(NAME) is None)
    client.create_connector(NAME, CONFIG)
    check("list", NAME in client.list_connectors())
    until("RUNNING", in_state("RUNNING"))
    check("config", client.get_config(NAME) == CONFIG)
    client.pause(NAME)
    until("PAUSED", in_state("PAUSED"))
    client.resume(NAME)
    until("RUNNING again", in_state("RUNNING"))
    client.restart(NAME, include_tasks=False)
    client.restart(NAME, include_tasks=True, only_failed=True)
    client.restart(NAME, include_tasks=True)
    client.restart_task(NAME, 0)
    until("RUNNING after restarts", in_state("RUNNING"))
    check("healthy", client.wait_for_healthy(NAME, initial_delay_s=0, poll_interval_s=0.05).ok)
    client.update_connector(NAME, {**CONFIG, "tasks.max": "2"})
    check("update", client.get_config(NAME)["tasks.max"] == "2")
    client.stop(NAME)
    until("STOPPED", in_state("STOPPED"))
    client.delete(NAME)
    check("gone", NAME not in client.list_connectors())
    try:
        client.get_config(NAME)
        check("a missing connector is an error", False)
    except ConnectApiError as error:
        check("a missing connector is an error", "404" in str(error))


def offsets():
    client.create_connector(NAME, CONFIG)
    until("there are offsets", lambda: client.get_offsets(NAME)["offsets"])
    try:
        client.patch_offsets(NAME, client.get_offsets(NAME))
        check("offsets of a running connector are not altered", False)
    except ConnectApiError as error:
        check("offsets of a running connector are not altered", "STOPPED" in str(error))
    client.stop(NAME)
    until("STOPPED", in_state("STOPPED"))
    before = client.get_offsets(NAME)["offsets"]
    partition = before[0]["partition"]
    said = client.patch_offsets(NAME, {"offsets": [{"partition": partition, "offset": None}]})
    check("reset", "altered successfully" in said["message"] and client.get_offsets(NAME)["offsets"] == [])
    client.patch_offsets(NAME, {"offsets": before})
    check("set", client.get_offsets(NAME)["offsets"] == before)
    client.delete(NAME)


def validate():
    plugins = [plugin["class"] for plugin in client.list_connector_plugins()]
    check("plugins", CLASS in plugins)
    wrong = {key: value for key, value in CONFIG.items() if key != "topic"}
    said = client.validate_config(CLASS, wrong)
    errors = {it["value"]["name"]: it["value"]["errors"] for it in said["configs"]}
    check("a missing topic is an error of its key", said["error_count"] > 0 and errors["topic"])
    check("nothing else is", client.validate_config(CLASS, CONFIG)["error_count"] == 0)


{"cycle": cycle, "offsets": offsets, "validate": validate}[PART]()
