"""The library kafka-connect-api through the life of a connector.

    python kafka_connect_api_lib.py URL PART FILE

PART is `cycle` or `loggers`.
"""

import sys

from kafka_connect_api.errors import GenericNotFound
from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector

from common import CLASS, check, is_in, until

URL, PART, FILE = sys.argv[1:]
NAME = "orders-from-api"
CONFIG = {"connector.class": CLASS, "tasks.max": "1", "file": FILE, "topic": "api"}

cluster = Cluster(Api(url=URL))


def cycle():
    check("version", bool(cluster.version) and bool(cluster.kafka_cluster))
    connector = Connector(cluster, NAME)
    connector.config = CONFIG
    check("create and list", NAME in cluster.connectors and connector.exists())
    until("RUNNING", lambda: is_in(connector.status, "RUNNING"))
    check("config", connector.config == {**CONFIG, "name": NAME})
    check("tasks", [task.id for task in connector.tasks] == [0] and connector.tasks[0].is_running())
    connector.pause()
    until("PAUSED", lambda: is_in(connector.status, "PAUSED"))
    connector.resume()
    until("RUNNING again", lambda: is_in(connector.status, "RUNNING"))
    connector.restart()
    connector.restart_all_tasks()
    until("RUNNING after restarts", lambda: is_in(connector.status, "RUNNING"))
    connector.cycle_connector()
    until("RUNNING after a cycle", lambda: is_in(connector.status, "RUNNING"))
    connector.config = {**CONFIG, "tasks.max": "2"}
    check("update", connector.config["tasks.max"] == "2")
    connector.delete()
    check("gone", NAME not in cluster.connectors)
    try:
        connector.status
        check("a missing connector is an error", False)
    except GenericNotFound as error:
        check("a missing connector is an error", "No status found for connector" in str(error))


def loggers():
    check("the root logger has a level", bool(cluster.root_logger["level"]))
    cluster.root_logger = "DEBUG"
    check("it was changed", cluster.root_logger["level"] == "DEBUG")


{"cycle": cycle, "loggers": loggers}[PART]()
