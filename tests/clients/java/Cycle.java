// org.sourcelab:kafka-connect-client (what AKHQ uses) through the life of a connector.
//
//     java -cp '<jars>/*' Cycle.java URL PART FILE
//
// PART is `cycle`, `validate` or `topics`. FILE is read by the connector. Ends with 0 only if all went as it goes with
// Kafka Connect.

import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorStatus;
import org.sourcelab.kafka.connect.apiclient.request.dto.NewConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.request.post.PostConnectorRestart;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ResourceNotFoundException;

public class Cycle {
    static final String NAME = "orders from java";
    static final String CLASS = "org.apache.kafka.connect.file.FileStreamSourceConnector";
    static KafkaConnectClient client;

    public static void main(String[] args) throws Exception {
        client = new KafkaConnectClient(new Configuration(args[0]));
        switch (args[1]) {
            case "cycle" -> cycle(args[2]);
            case "validate" -> validate(args[2]);
            case "topics" -> topics(args[2]);
            default -> throw new IllegalArgumentException(args[1]);
        }
    }

    static void cycle(String file) throws Exception {
        check("version", client.getConnectServerVersion().getVersion() != null);
        check("plugins", client.getConnectorPlugins().stream().anyMatch(it -> it.getClassName().equals(CLASS)));
        create(file);
        check("list", client.getConnectors().contains(NAME));
        until("RUNNING", () -> state("RUNNING"));
        var expanded = client.getConnectorsWithAllExpandedMetadata();
        check("expanded info", expanded.getDefinitionForConnector(NAME).getConfig().get("topic").equals("java"));
        check("expanded status", expanded.getStatusForConnector(NAME).getName().equals(NAME));
        check("type", client.getConnector(NAME).getType().equals("source"));
        check("config", client.getConnectorConfig(NAME).get("file").equals(file));
        check("tasks", client.getConnectorTasks(NAME).iterator().next().getId().getTask() == 0);
        check("task status", client.getConnectorTaskStatus(NAME, 0).getState().equals("RUNNING"));

        check("pause", client.pauseConnector(NAME));
        until("PAUSED", () -> state("PAUSED"));
        check("resume", client.resumeConnector(NAME));
        until("RUNNING again", () -> state("RUNNING"));
        check("restart", client.restartConnector(NAME));
        var all = new PostConnectorRestart(NAME).withIncludeTasks(true).withOnlyFailed(false);
        check("restart with tasks", client.restartConnector(all));
        until("RUNNING after restarts", () -> state("RUNNING"));
        check("restart a task", client.restartConnectorTask(NAME, 0));
        until("RUNNING after a task's restart", () -> state("RUNNING"));
        var config = Map.of("connector.class", CLASS, "file", file, "topic", "java", "tasks.max", "2");
        check("update", client.updateConnectorConfig(NAME, config).getConfig().get("tasks.max").equals("2"));
        check("stop", client.stopConnector(NAME));
        until("STOPPED", () -> state("STOPPED"));
        check("delete", client.deleteConnector(NAME));
        refused("gone", ResourceNotFoundException.class, () -> client.getConnectorStatus(NAME));
        refused("invalid", InvalidRequestException.class, () -> client.addConnector(
            NewConnectorDefinition.newBuilder().withName("x").withConfig("connector.class", "NoSuch").build()));
    }

    static void validate(String file) throws Exception {
        var wrong = ConnectorPluginConfigDefinition.newBuilder().withName("FileStreamSourceConnector")
            .withConfig("connector.class", CLASS).withConfig("name", "x").withConfig("file", file);
        var result = client.validateConnectorPluginConfig(wrong.build());
        check("a missing topic is an error", result.getErrorCount() > 0);
        check("of its key", result.getConfigs().stream().anyMatch(
            it -> it.getDefinition().getName().equals("topic") && !it.getValue().getErrors().isEmpty()));
        var right = client.validateConnectorPluginConfig(wrong.withConfig("topic", "java").build());
        check("nothing else is", right.getErrorCount() == 0);
    }

    static void topics(String file) throws Exception {
        create(file);
        until("the topic is known", () -> client.getConnectorTopics(NAME).getTopics().contains("java"));
        check("reset", client.resetConnectorTopics(NAME));
        check("delete", client.deleteConnector(NAME));
    }

    static void create(String file) {
        var wanted = NewConnectorDefinition.newBuilder().withName(NAME).withConfig("connector.class", CLASS)
            .withConfig("file", file).withConfig("topic", "java").withConfig("tasks.max", "1").build();
        check("create", client.addConnector(wanted).getName().equals(NAME));
    }

    static boolean state(String wanted) {
        ConnectorStatus status = client.getConnectorStatus(NAME);
        boolean tasks = status.getTasks().stream().allMatch(it -> it.getState().equals(wanted));
        boolean some = wanted.equals("STOPPED") == status.getTasks().isEmpty();
        return Objects.equals(status.getConnector().get("state"), wanted) && tasks && some;
    }

    static void check(String what, boolean holds) {
        System.out.println((holds ? "ok   " : "FAIL ") + what);
        if (!holds) System.exit(1);
    }

    static void refused(String what, Class<? extends Exception> wanted, Callable<?> call) {
        try {
            call.call();
            check(what + ": nothing was refused", false);
        } catch (Exception error) {
            check(what + ": " + error.getMessage(), wanted.isInstance(error));
        }
    }

    static void until(String what, Callable<Boolean> holds) throws Exception {
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (!holds.call()) {
            if (System.nanoTime() > deadline) check(what, false);
            Thread.sleep(50);
        }
        check(what, true);
    }
}
