//! Layers combined into a plan.
//!
//! Source: Pebble 1.32, `internals/plan` (behaviour only).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::layer::{Check, ExecCheck, HttpCheck, Layer, LogTarget, Override, Service, TcpCheck, Workload};

/// The layers of a container combined: what Pebble does. Dereferences to the one layer that they amount to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan(pub Layer);

impl std::ops::Deref for Plan {
    type Target = Layer;
    fn deref(&self) -> &Layer {
        &self.0
    }
}

/// A layer that Pebble would refuse. The texts are this crate's: Pebble's own come as [`Error::Api`](crate::Error).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayerError {
    /// Not YAML, or a value of a wrong type.
    #[error("the layer cannot be read: {0}")]
    Yaml(String),
    /// A key that means nothing to Pebble.
    #[error("unknown key {0:?} in the layer")]
    UnknownKey(String),
    /// An entry must say what it does to earlier ones.
    #[error("{section} {name:?} must have override: merge or override: replace")]
    Override {
        /// What kind of entry.
        section: &'static str,
        /// Its name.
        name: String,
    },
    /// The plan would not make sense.
    #[error("{section} {name:?} {rule}")]
    Invalid {
        /// What kind of entry.
        section: &'static str,
        /// Its name.
        name: String,
        /// What is wrong with it.
        rule: String,
    },
    /// `before` and `after` contradict each other.
    #[error("services in a before/after loop: {}", .0.join(", "))]
    Loop(Vec<String>),
}

/// An entry of a layer that a later one can add to.
trait Entry: Clone {
    const SECTION: &'static str;
    fn overrides(&self) -> &Override;
    fn merge(&mut self, later: &Self);
}

fn text(to: &mut String, later: &str) {
    if !later.is_empty() {
        later.clone_into(to);
    }
}

fn option<T: Clone>(to: &mut Option<T>, later: &Option<T>) {
    if later.is_some() {
        to.clone_from(later);
    }
}

fn map<V: Clone>(to: &mut BTreeMap<String, V>, later: &BTreeMap<String, V>) {
    to.extend(later.iter().map(|(key, value)| (key.clone(), value.clone())));
}

/// Merges one of the three kinds of a check.
fn part<T: Clone>(to: &mut Option<T>, later: Option<&T>, merge: impl FnOnce(&mut T, &T)) {
    match (to.as_mut(), later) {
        (Some(to), Some(later)) => merge(to, later),
        (None, Some(later)) => *to = Some(later.clone()),
        (_, None) => {}
    }
}

impl Entry for Service {
    const SECTION: &'static str = "service";

    fn overrides(&self) -> &Override {
        &self.overrides
    }

    fn merge(&mut self, later: &Self) {
        text(&mut self.summary, &later.summary);
        text(&mut self.description, &later.description);
        option(&mut self.startup, &later.startup);
        text(&mut self.command, &later.command);
        self.after.extend_from_slice(&later.after);
        self.before.extend_from_slice(&later.before);
        self.requires.extend_from_slice(&later.requires);
        text(&mut self.workload, &later.workload);
        map(&mut self.environment, &later.environment);
        option(&mut self.user_id, &later.user_id);
        text(&mut self.user, &later.user);
        option(&mut self.group_id, &later.group_id);
        text(&mut self.group, &later.group);
        text(&mut self.working_dir, &later.working_dir);
        option(&mut self.on_success, &later.on_success);
        option(&mut self.on_failure, &later.on_failure);
        map(&mut self.on_check_failure, &later.on_check_failure);
        option(&mut self.backoff_delay, &later.backoff_delay);
        option(&mut self.backoff_factor, &later.backoff_factor);
        option(&mut self.backoff_limit, &later.backoff_limit);
        option(&mut self.kill_delay, &later.kill_delay);
    }
}

impl Entry for Check {
    const SECTION: &'static str = "check";

    fn overrides(&self) -> &Override {
        &self.overrides
    }

    fn merge(&mut self, later: &Self) {
        option(&mut self.level, &later.level);
        option(&mut self.startup, &later.startup);
        option(&mut self.period, &later.period);
        option(&mut self.timeout, &later.timeout);
        option(&mut self.threshold, &later.threshold.filter(|n| *n != 0));
        part(&mut self.http, later.http.as_ref(), |to: &mut HttpCheck, later| {
            text(&mut to.url, &later.url);
            map(&mut to.headers, &later.headers);
        });
        part(&mut self.tcp, later.tcp.as_ref(), |to: &mut TcpCheck, later| {
            option(&mut to.port, &later.port.filter(|n| *n != 0));
            text(&mut to.host, &later.host);
        });
        part(&mut self.exec, later.exec.as_ref(), |to: &mut ExecCheck, later| {
            text(&mut to.command, &later.command);
            text(&mut to.service_context, &later.service_context);
            map(&mut to.environment, &later.environment);
            option(&mut to.user_id, &later.user_id);
            text(&mut to.user, &later.user);
            option(&mut to.group_id, &later.group_id);
            text(&mut to.group, &later.group);
            text(&mut to.working_dir, &later.working_dir);
        });
    }
}

impl Entry for LogTarget {
    const SECTION: &'static str = "log target";

    fn overrides(&self) -> &Override {
        &self.overrides
    }

    fn merge(&mut self, later: &Self) {
        option(&mut self.kind, &later.kind);
        text(&mut self.location, &later.location);
        self.services.extend_from_slice(&later.services);
        map(&mut self.labels, &later.labels);
    }
}

impl Entry for Workload {
    const SECTION: &'static str = "workload";

    fn overrides(&self) -> &Override {
        &self.overrides
    }

    fn merge(&mut self, later: &Self) {
        map(&mut self.environment, &later.environment);
        option(&mut self.user_id, &later.user_id);
        text(&mut self.user, &later.user);
        option(&mut self.group_id, &later.group_id);
        text(&mut self.group, &later.group);
    }
}

fn combine_section<T: Entry>(
    to: &mut BTreeMap<String, T>,
    later: &BTreeMap<String, T>,
) -> Result<(), LayerError> {
    for (name, entry) in later {
        match (entry.overrides(), to.get_mut(name)) {
            // The result keeps the `override` of the entry that it began with, so that combining in steps gives the
            // same as combining at once.
            (Override::Merge, Some(earlier)) => earlier.merge(entry),
            (Override::Merge, None) | (Override::Replace, _) => {
                to.insert(name.clone(), entry.clone());
            }
            (Override::Unset | Override::Other(_), _) => {
                return Err(LayerError::Override { section: T::SECTION, name: name.clone() });
            }
        }
    }
    Ok(())
}

/// The one layer that `layers` amount to, in order. Nothing is filled in and nothing but `override` is checked:
/// [`Plan::combine`] does that.
///
/// Merging takes texts, words, numbers and spans that are given; appends `after`, `before`, `requires` and a log
/// target's `services`; and joins maps key by key. Summary and description are those of the last layer.
///
/// # Errors
/// [`LayerError::Override`].
pub fn combine<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Result<Layer, LayerError> {
    let mut result = Layer::default();
    for layer in layers {
        result.summary.clone_from(&layer.summary);
        result.description.clone_from(&layer.description);
        combine_section(&mut result.services, &layer.services)?;
        combine_section(&mut result.checks, &layer.checks)?;
        combine_section(&mut result.log_targets, &layer.log_targets)?;
        combine_section(&mut result.workloads, &layer.workloads)?;
        option(&mut result.pairing, &layer.pairing);
    }
    Ok(result)
}

const PERIOD: Span = Span::seconds(10);
const THRESHOLD: u32 = 3;

impl Plan {
    /// The plan that Pebble makes of `layers`, with what it fills in: a check's threshold, and a check's timeout where
    /// it is longer than the period. Other defaults are not shown by Pebble either.
    ///
    /// # Errors
    /// What Pebble would refuse. Users and groups are not looked up: that depends on the container.
    pub fn combine<'a>(layers: impl IntoIterator<Item = &'a Layer>) -> Result<Self, LayerError> {
        let mut plan = combine(layers)?;
        plan.summary.clear();
        plan.description.clear();
        for check in plan.checks.values_mut() {
            let period = check.period.unwrap_or(PERIOD);
            check.timeout = check.timeout.map(|timeout| timeout.min(period));
            check.threshold = Some(check.threshold.filter(|n| *n != 0).unwrap_or(THRESHOLD));
        }
        crate::validate::validate(&plan)?;
        Ok(Self(plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layer::{Action, Startup};
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    fn layer(yaml: &str) -> Layer {
        Layer::from_yaml(yaml).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn merge_adds_and_replace_takes_the_place() {
        let base = layer(
            "summary: base\nservices:\n  a: {override: replace, command: one, after: [x], environment: {K: 1, L: 1}, user-id: 5}\n  b: {override: replace, command: two}\n",
        );
        let over = layer(
            "summary: over\nservices:\n  a: {override: merge, startup: enabled, after: [x, y], environment: {K: 2}}\n  b: {override: replace, summary: new, command: three}\n  c: {override: merge, command: four}\n",
        );
        let both = combine([&base, &over]).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(both.summary, "over");
        let a = &both.services["a"];
        assert_eq!((a.command.as_str(), a.startup.as_ref()), ("one", Some(&Startup::Enabled)));
        assert_eq!(a.after, ["x", "x", "y"]);
        assert_eq!(a.environment, [("K", "2"), ("L", "1")].map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!((a.user_id, &a.overrides), (Some(5), &Override::Replace));
        assert_eq!(
            (both.services["b"].command.as_str(), both.services["b"].summary.as_str()),
            ("three", "new")
        );
        assert_eq!(both.services["c"].command, "four");
    }

    #[test]
    fn a_check_merges_member_by_member_and_gets_its_threshold() {
        let base = layer(
            "checks:\n  up: {override: replace, period: 5s, timeout: 9s, http: {url: 'http://a', headers: {A: 1}}}\n",
        );
        let over = layer("checks:\n  up: {override: merge, threshold: 0, http: {headers: {B: 2}}}\n");
        let plan = Plan::combine([&base, &over]).unwrap_or_else(|e| panic!("{e}"));
        let up = &plan.checks["up"];
        assert_eq!((up.threshold, up.timeout), (Some(3), Some(Span::seconds(5))));
        let http = up.http.clone().unwrap_or_default();
        assert_eq!((http.url.as_str(), http.headers.len()), ("http://a", 2));
    }

    #[test]
    fn an_entry_must_say_what_it_does() {
        for yaml in ["services: {a: {command: x}}", "services: {a: {command: x, override: add}}"] {
            let error = LayerError::Override { section: "service", name: "a".to_owned() };
            assert_eq!(combine([&layer(yaml)]), Err(error));
        }
    }

    fn services() -> impl Strategy<Value = Layer> {
        let service = (
            prop_oneof![Just(Override::Merge), Just(Override::Replace)],
            prop_oneof![Just(String::new()), "[a-c]"],
            proptest::option::of(prop_oneof![Just(Startup::Enabled), Just(Startup::Disabled)]),
            vec("[x-z]", 0..3),
            btree_map("[K-M]", "[0-9]", 0..3),
            btree_map("[u-w]", prop_oneof![Just(Action::Restart), Just(Action::Ignore)], 0..2),
            proptest::option::of(0u32..3),
        );
        let service = service.prop_map(
            |(overrides, command, startup, after, environment, on_check_failure, user_id)| Service {
                overrides,
                command,
                startup,
                after,
                environment,
                on_check_failure,
                user_id,
                ..Service::default()
            },
        );
        let check = (
            prop_oneof![Just(Override::Merge), Just(Override::Replace)],
            0u32..3,
            proptest::option::of("[a-c]"),
        );
        let check = check.prop_map(|(overrides, threshold, url)| Check {
            overrides,
            threshold: (threshold != 0).then_some(threshold),
            http: url.map(|url| HttpCheck { url, ..HttpCheck::default() }),
            ..Check::default()
        });
        (btree_map("[a-c]", service, 0..4), btree_map("[a-c]", check, 0..3), "[s-t]?")
            .prop_map(|(services, checks, summary)| Layer { services, checks, summary, ..Layer::default() })
    }

    proptest! {
        /// What lets Pebble keep a combined layer in the place of the two it came from.
        #[test]
        fn combining_in_steps_is_combining_at_once(layers in vec(services(), 1..5), cut in 0usize..5) {
            let cut = cut.min(layers.len());
            let at_once = combine(&layers);
            let (front, back) = layers.split_at(cut);
            let front = combine(front)?;
            let mut steps = vec![front];
            if !back.is_empty() {
                steps.push(combine(back)?);
            }
            prop_assert_eq!(combine(&steps), at_once);
        }

        /// The last layer that replaces an entry decides: nothing before it shows.
        #[test]
        fn nothing_before_a_replace_shows(layers in vec(services(), 1..5)) {
            let all = combine(&layers)?;
            for (name, service) in &all.services {
                let from = layers.iter().rposition(|l| l.services.get(name).is_some_and(|s| s.overrides == Override::Replace));
                let since = combine(&layers[from.unwrap_or(0)..])?;
                prop_assert_eq!(&since.services[name], service);
            }
        }

        #[test]
        fn a_layer_survives_yaml(layer in services()) {
            let text = layer.to_yaml()?;
            prop_assert_eq!(Layer::from_yaml(&text)?, layer);
        }
    }
}
