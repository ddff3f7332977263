//! The keys `limits.*`: what a connector asks for, and the operator's ceiling over it.

use std::str::FromStr;
use std::time::Duration;

use super::values::invalid;
use super::{Config, normalize};
use crate::failure::Problem;
use crate::limits::TaskLimits;

const MIB: usize = 1 << 20;

/// What a configuration asks for. What cannot be read is left out: [`super::ConnectorSpec::new`] has refused it.
pub(super) fn read(config: &Config) -> TaskLimits {
    fn number<T: FromStr>(config: &Config, key: &str) -> Option<T> {
        config.get(key).and_then(|value| value.trim().parse().ok())
    }
    TaskLimits {
        memory_bytes: number::<usize>(config, "limits.memory.mb").map(|mib| mib.saturating_mul(MIB)),
        cpu_percent: number(config, "limits.cpu.percent"),
        call_deadline: number(config, "limits.call.deadline.ms").map(Duration::from_millis),
        rows_per_second: number(config, "limits.rows.per.second"),
        bytes_per_second: number(config, "limits.bytes.per.second"),
        log_lines_per_second: number(config, "limits.log.lines.per.second"),
        sockets: number(config, "limits.sockets"),
        http_requests: number(config, "limits.http.requests"),
        network_bytes_per_second: number(config, "limits.network.bytes.per.second"),
    }
}

/// What a configuration asks for beyond the operator's ceiling: a problem for each such key, which names the ceiling and
/// the setting of `wharf.toml` that holds it.
///
/// ```
/// use wharf_core::config::{Config, check_limits};
/// use wharf_core::limits::TaskLimits;
/// let config = Config::from([("limits.memory.mb".to_owned(), "512".to_owned())]);
/// let ceiling = TaskLimits { memory_bytes: Some(256 << 20), ..TaskLimits::default() };
/// assert_eq!(
///     check_limits(&config, &ceiling)[0].message,
///     "Invalid value 512 for configuration limits.memory.mb: Value must be no more than 256, which the operator set as \
///      limits.memory-mb"
/// );
/// ```
pub fn check_limits(config: &Config, ceiling: &TaskLimits) -> Vec<Problem> {
    let config = normalize(config);
    let asked = read(&config);
    let mut problems = Vec::new();
    // Compared as they are meant and shown as they are written.
    let mut check = |key: &str, setting: &str, is_above: bool, most: Option<u128>| {
        if let (true, Some(most)) = (is_above, most) {
            let value = config.get(key).map_or("", |value| value.trim());
            let reason = format!("Value must be no more than {most}, which the operator set as limits.{setting}");
            problems.push(Problem { key: key.to_owned(), message: invalid(key, value, &reason) });
        }
    };
    let memory = ceiling.memory_bytes.map(|bytes| (bytes / MIB) as u128);
    let deadline = ceiling.call_deadline.map(|most| most.as_millis());
    let above = |asked: Option<u128>, most: Option<u128>| asked.zip(most).is_some_and(|(asked, most)| asked > most);
    let is_above = above(asked.memory_bytes.map(|it| (it / MIB) as u128), memory);
    check("limits.memory.mb", "memory-mb", is_above, memory);
    check(
        "limits.call.deadline.ms",
        "call-deadline-ms",
        above(asked.call_deadline.map(|it| it.as_millis()), deadline),
        deadline,
    );
    let plain: [(&str, &str, Option<u64>, Option<u64>); 7] = [
        ("limits.cpu.percent", "cpu-percent", asked.cpu_percent.map(u64::from), ceiling.cpu_percent.map(u64::from)),
        ("limits.rows.per.second", "rows-per-second", asked.rows_per_second, ceiling.rows_per_second),
        ("limits.bytes.per.second", "bytes-per-second", asked.bytes_per_second, ceiling.bytes_per_second),
        (
            "limits.log.lines.per.second",
            "log-lines-per-second",
            asked.log_lines_per_second.map(u64::from),
            ceiling.log_lines_per_second.map(u64::from),
        ),
        ("limits.sockets", "sockets", asked.sockets.map(|it| it as u64), ceiling.sockets.map(|it| it as u64)),
        (
            "limits.http.requests",
            "http-requests",
            asked.http_requests.map(|it| it as u64),
            ceiling.http_requests.map(|it| it as u64),
        ),
        (
            "limits.network.bytes.per.second",
            "network-bytes-per-second",
            asked.network_bytes_per_second,
            ceiling.network_bytes_per_second,
        ),
    ];
    for (key, setting, asked, most) in plain {
        let (asked, most) = (asked.map(u128::from), most.map(u128::from));
        check(key, setting, above(asked, most), most);
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ConnectorSpec, tests, worker_keys};
    use crate::plugin::Kind;
    use crate::policy::RestartPolicy;

    /// Every key with a value that fits, and what it is read as.
    fn all() -> Config {
        let keys = worker_keys(Kind::Source).into_iter().filter(|key| key.name.starts_with("limits."));
        keys.map(|key| (key.name, "50".to_owned())).collect()
    }

    fn read_all() -> TaskLimits {
        TaskLimits {
            memory_bytes: Some(50 << 20),
            cpu_percent: Some(50),
            call_deadline: Some(Duration::from_millis(50)),
            rows_per_second: Some(50),
            bytes_per_second: Some(50),
            log_lines_per_second: Some(50),
            sockets: Some(50),
            http_requests: Some(50),
            network_bytes_per_second: Some(50),
        }
    }

    fn spec(config: &Config) -> Result<ConnectorSpec, super::super::ConfigErrors> {
        let mut config = config.clone();
        config.insert("connector.class".to_owned(), "p".to_owned());
        ConnectorSpec::new("c", &config, &tests::descriptor(Kind::Source, Vec::new()), RestartPolicy::default())
    }

    #[test]
    fn every_key_arrives_and_none_is_set_by_default() {
        assert_eq!((all().len(), spec(&all()).unwrap().limits), (9, read_all()));
        assert_eq!(spec(&Config::new()).unwrap().limits, TaskLimits::default());
    }

    #[test]
    fn what_is_at_the_ceiling_is_taken_and_what_is_above_is_refused_key_by_key() {
        assert_eq!(check_limits(&all(), &read_all()), []);
        assert_eq!(check_limits(&all(), &TaskLimits::default()), [], "no ceiling");
        let low = TaskLimits {
            memory_bytes: Some(49 << 20),
            cpu_percent: Some(49),
            call_deadline: Some(Duration::from_millis(49)),
            rows_per_second: Some(49),
            bytes_per_second: Some(49),
            log_lines_per_second: Some(49),
            sockets: Some(49),
            http_requests: Some(49),
            network_bytes_per_second: Some(49),
        };
        let problems = check_limits(&all(), &low);
        let keys: std::collections::BTreeSet<_> = problems.iter().map(|problem| problem.key.clone()).collect();
        assert_eq!(keys, all().into_keys().collect());
        for problem in problems {
            let start = format!(
                "Invalid value 50 for configuration {}: Value must be no more than 49, which the operator set as limits.",
                problem.key
            );
            let setting = problem.message.strip_prefix(&start).expect("the key and the ceiling");
            let as_key = setting.replace('-', ".");
            assert!(problem.key.ends_with(&as_key), "{setting} is the setting of {}", problem.key);
        }
        assert_eq!(read_all().within(&low), low);
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_range() {
        for (key, value, range) in [
            ("limits.memory.mb", "0", "at least 1"),
            ("limits.cpu.percent", "0", "at least 1"),
            ("limits.cpu.percent", "101", "no more than 100"),
            ("limits.call.deadline.ms", "9", "at least 10"),
            ("limits.rows.per.second", "-5", "at least 1"),
            ("limits.sockets", "many", "Not a number"),
        ] {
            let refused = spec(&Config::from([(key.to_owned(), value.to_owned())])).unwrap_err();
            assert!(refused.0[0].key == key && refused.to_string().contains(range), "{refused}");
        }
        let none = Config::from([("limits.sockets".to_owned(), "0".to_owned())]);
        assert_eq!(spec(&none).unwrap().limits.sockets, Some(0));
    }
}
