//! What Pebble asks of a combined plan, and the order in which services start.

use std::collections::{BTreeMap, BTreeSet};

use crate::combine::LayerError;
use crate::duration::Span;
use crate::layer::{Action, Check, CheckLevel, Layer, LogTarget, LogTargetType, Service, Startup};

fn invalid(section: &'static str, name: &str, rule: impl Into<String>) -> LayerError {
    LayerError::Invalid { section, name: name.to_owned(), rule: rule.into() }
}

pub(crate) fn validate(plan: &Layer) -> Result<(), LayerError> {
    for (name, service) in &plan.services {
        check_service(plan, name, service).map_err(|rule| invalid("service", name, rule))?;
    }
    for (name, check) in &plan.checks {
        check_check(plan, name, check).map_err(|rule| invalid("check", name, rule))?;
    }
    for (name, target) in &plan.log_targets {
        check_target(plan, name, target).map_err(|rule| invalid("log target", name, rule))?;
    }
    let all: BTreeSet<&str> = plan.services.keys().map(String::as_str).collect();
    order(plan, &all).map(|_| ())
}

/// The words that a command is started with. A last group in brackets holds default arguments, which are used here.
///
/// # Errors
/// In words, what is wrong with the text.
pub fn split_command(command: &str) -> Result<Vec<String>, String> {
    let words = shlex::split(command).ok_or("has a command with a quote that does not end")?;
    let mut result = Vec::new();
    let mut group = false;
    let mut closed = false;
    for word in words {
        match word.as_str() {
            _ if closed => return Err("has words behind the default arguments of its command".to_owned()),
            "[" if group || result.is_empty() => return Err("has a command with a misplaced [".to_owned()),
            "[" => group = true,
            "]" if group => closed = true,
            "]" => return Err("has a command with a misplaced ]".to_owned()),
            _ => result.push(word),
        }
    }
    if group && !closed {
        return Err("has a command with a [ that is not closed".to_owned());
    }
    if result.is_empty() {
        return Err("must have a command".to_owned());
    }
    Ok(result)
}

fn check_service(plan: &Layer, name: &str, service: &Service) -> Result<(), String> {
    if name.is_empty() || name == "pebble" || name.starts_with('-') {
        return Err("has a name that Pebble does not allow".to_owned());
    }
    split_command(&service.command)?;
    let fine = |action: &Action, other: &Action| match action {
        Action::Restart | Action::Shutdown | Action::Ignore => true,
        action => action == other,
    };
    if service.on_success.as_ref().is_some_and(|a| !fine(a, &Action::FailureShutdown)) {
        return Err("has an on-success that is not restart, shutdown, failure-shutdown or ignore".to_owned());
    }
    let mut failures = service.on_failure.iter().chain(service.on_check_failure.values());
    if failures.any(|a| !fine(a, &Action::SuccessShutdown)) {
        return Err(
            "has an on-failure or on-check-failure that is not restart, shutdown, success-shutdown or ignore"
                .to_owned(),
        );
    }
    if service.backoff_factor.is_some_and(|factor| factor.is_nan() || factor < 1.0) {
        return Err("has a backoff-factor below 1".to_owned());
    }
    if !service.workload.is_empty() {
        if !plan.workloads.contains_key(&service.workload) {
            return Err(format!("is of workload {:?}, which the plan does not have", service.workload));
        }
        let own = service.user_id.is_some() || service.group_id.is_some();
        if own || !service.user.is_empty() || !service.group.is_empty() {
            return Err("has both a workload and a user or group of its own".to_owned());
        }
    }
    Ok(())
}

fn check_check(plan: &Layer, name: &str, check: &Check) -> Result<(), String> {
    if name.is_empty() {
        return Err("has an empty name".to_owned());
    }
    if matches!(check.level, Some(CheckLevel::Other(_))) {
        return Err("has a level that is not alive or ready".to_owned());
    }
    if matches!(check.startup, Some(Startup::Other(_))) {
        return Err("has a startup that is not enabled or disabled".to_owned());
    }
    for (key, span) in [("period", check.period), ("timeout", check.timeout)] {
        if span == Some(Span::default()) {
            return Err(format!("has a {key} of zero"));
        }
    }
    match (&check.http, &check.tcp, &check.exec) {
        (Some(http), None, None) if http.url.is_empty() => Err("must have a url".to_owned()),
        (None, Some(tcp), None) if tcp.port.unwrap_or(0) == 0 => Err("must have a port".to_owned()),
        (None, None, Some(exec)) => {
            split_command(&exec.command)?;
            if !exec.service_context.is_empty() && !plan.services.contains_key(&exec.service_context) {
                return Err(format!(
                    "has service context {:?}, which the plan does not have",
                    exec.service_context
                ));
            }
            Ok(())
        }
        (Some(_), None, None) | (None, Some(_), None) => Ok(()),
        _ => Err("must have exactly one of http, tcp and exec".to_owned()),
    }
}

fn check_target(plan: &Layer, name: &str, target: &LogTarget) -> Result<(), String> {
    if name.is_empty() {
        return Err("has an empty name".to_owned());
    }
    match &target.kind {
        None => return Err("must have a type".to_owned()),
        Some(LogTargetType::Other(_)) => {
            return Err("has a type that is not loki, opentelemetry or syslog".to_owned());
        }
        Some(_) => {}
    }
    if target.location.is_empty() {
        return Err("must have a location".to_owned());
    }
    if let Some(label) = target.labels.keys().find(|label| label.starts_with("pebble_")) {
        return Err(format!("has a label {label:?}: names that begin with pebble_ are Pebble's own"));
    }
    for service in &target.services {
        let service = service.strip_prefix('-').unwrap_or(service);
        if service != "all" && !plan.services.contains_key(service) {
            return Err(format!("names service {service:?}, which the plan does not have"));
        }
    }
    Ok(())
}

/// `names` in an order that fits `before` and `after`, by name where these leave it open. Those that name services
/// outside of `names` do not count.
///
/// # Errors
/// [`LayerError::Loop`].
pub(crate) fn order<'a>(plan: &'a Layer, names: &BTreeSet<&'a str>) -> Result<Vec<&'a str>, LayerError> {
    let mut earlier: BTreeMap<&str, BTreeSet<&str>> =
        names.iter().map(|name| (*name, BTreeSet::new())).collect();
    for name in names {
        let Some(service) = plan.services.get(*name) else { continue };
        for other in service.after.iter().map(String::as_str).filter(|other| names.contains(other)) {
            earlier.entry(name).or_default().insert(other);
        }
        for other in service.before.iter().map(String::as_str).filter(|other| names.contains(other)) {
            earlier.entry(other).or_default().insert(name);
        }
    }
    let mut result = Vec::new();
    while !earlier.is_empty() {
        let Some(next) = earlier.iter().find(|(_, waits)| waits.is_empty()).map(|(name, _)| *name) else {
            return Err(LayerError::Loop(loop_members(&earlier)));
        };
        earlier.remove(next);
        earlier.values_mut().for_each(|waits| {
            waits.remove(next);
        });
        result.push(next);
    }
    Ok(result)
}

/// Those that wait for themselves, not those that only wait behind them.
fn loop_members(earlier: &BTreeMap<&str, BTreeSet<&str>>) -> Vec<String> {
    let reaches_itself = |start: &str| {
        let mut seen = BTreeSet::new();
        let mut open: Vec<&str> = earlier.get(start).into_iter().flatten().copied().collect();
        while let Some(name) = open.pop() {
            if name == start {
                return true;
            }
            if seen.insert(name) {
                open.extend(earlier.get(name).into_iter().flatten());
            }
        }
        false
    };
    earlier.keys().filter(|name| reaches_itself(name)).map(|name| (*name).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Plan;

    fn plan(yaml: &str) -> Result<Plan, LayerError> {
        Plan::combine([&Layer::from_yaml(yaml)?])
    }

    #[test]
    fn plans_that_pebble_refuses_are_refused() {
        for (yaml, part) in [
            ("services: {a: {override: replace}}", "must have a command"),
            ("services: {pebble: {override: replace, command: x}}", "name"),
            ("services: {-a: {override: replace, command: x}}", "name"),
            ("services: {a: {override: replace, command: \"x 'y\"}}", "quote"),
            ("services: {a: {override: replace, command: \"[ x ]\"}}", "misplaced ["),
            ("services: {a: {override: replace, command: \"x [ y ] z\"}}", "behind"),
            ("services: {a: {override: replace, command: \"x [ y\"}}", "not closed"),
            ("services: {a: {override: replace, command: x, on-success: success-shutdown}}", "on-success"),
            (
                "services: {a: {override: replace, command: x, on-check-failure: {c: failure-shutdown}}}",
                "on-check-failure",
            ),
            ("services: {a: {override: replace, command: x, backoff-factor: 0.5}}", "backoff-factor"),
            ("services: {a: {override: replace, command: x, workload: w}}", "workload"),
            ("checks: {c: {override: replace}}", "exactly one"),
            ("checks: {c: {override: replace, http: {url: u}, tcp: {port: 1}}}", "exactly one"),
            ("checks: {c: {override: replace, http: {}}}", "url"),
            ("checks: {c: {override: replace, tcp: {host: h}}}", "port"),
            ("checks: {c: {override: replace, exec: {command: x, service-context: s}}}", "service context"),
            ("checks: {c: {override: replace, period: 0s, tcp: {port: 1}}}", "period"),
            ("checks: {c: {override: replace, level: dead, tcp: {port: 1}}}", "level"),
            ("log-targets: {l: {override: replace, location: u}}", "type"),
            ("log-targets: {l: {override: replace, type: lok, location: u}}", "type"),
            ("log-targets: {l: {override: replace, type: loki}}", "location"),
            ("log-targets: {l: {override: replace, type: loki, location: u, services: [a]}}", "\"a\""),
            (
                "log-targets: {l: {override: replace, type: loki, location: u, labels: {pebble_x: y}}}",
                "pebble_",
            ),
        ] {
            let error = plan(yaml).err().map(|e| e.to_string()).unwrap_or_default();
            assert!(error.contains(part), "{yaml}: {error}");
        }
    }

    #[test]
    fn a_loop_names_its_members_only() {
        let yaml = "services:\n  a: {override: replace, command: x, after: [b]}\n  b: {override: replace, command: x, after: [a]}\n  c: {override: replace, command: x, after: [a]}\n";
        assert_eq!(plan(yaml), Err(LayerError::Loop(vec!["a".to_owned(), "b".to_owned()])));
    }

    #[test]
    fn services_start_in_their_order_and_then_by_name() {
        let yaml = "services:\n  a: {override: replace, command: x, after: [c]}\n  b: {override: replace, command: x}\n  c: {override: replace, command: x, before: [b], after: [gone]}\n";
        let plan = plan(yaml).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(order(&plan, &["a", "b", "c"].into()), Ok(vec!["c", "a", "b"]));
        assert_eq!(order(&plan, &["a", "b"].into()), Ok(vec!["a", "b"]));
    }

    #[test]
    fn default_arguments_are_part_of_the_command() {
        assert_eq!(
            split_command("a 'b c' [ -d ]"),
            Ok(vec!["a".to_owned(), "b c".to_owned(), "-d".to_owned()])
        );
    }
}
