//! `status SELECTOR…`: which applications, units and machines are shown.

use std::collections::BTreeSet;
use std::str::FromStr;

use periapt_model::model::Model;
use periapt_model::names::{AppName, MachineId, UnitName};

/// One selector: a machine's number, or a pattern for applications (`app*`) or units (`app/0`, `app/*`).
/// `*` stands for any text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// A machine.
    Machine(MachineId),
    /// Applications, with all of their units.
    Application(String),
    /// Units.
    Unit(String),
}

/// A text that is no selector.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} selects nothing: name an application, a unit or a machine; * stands for any text")]
pub struct InvalidSelector(pub String);

impl FromStr for Selector {
    type Err = InvalidSelector;

    fn from_str(text: &str) -> Result<Self, InvalidSelector> {
        let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '*' | '/');
        if text.is_empty() || !text.chars().all(known) || text.matches('/').count() > 1 {
            return Err(InvalidSelector(text.to_owned()));
        }
        if text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Self::Machine).map_err(|_| InvalidSelector(text.to_owned()));
        }
        Ok(if text.contains('/') { Self::Unit(text.to_owned()) } else { Self::Application(text.to_owned()) })
    }
}

impl Selector {
    /// Whether it names an application, or what the model consumes under this name.
    pub(super) fn names_app(&self, app: &AppName) -> bool {
        matches!(self, Self::Application(pattern) if matches(pattern, app.as_str()))
    }
}

/// What is shown.
#[derive(Debug, Default)]
pub(super) struct Selection {
    pub apps: BTreeSet<AppName>,
    pub units: BTreeSet<UnitName>,
    pub machines: BTreeSet<MachineId>,
}

impl Selection {
    /// Everything without selectors; else what they name, and what it belongs to or runs on.
    pub fn of(model: &Model, selectors: &[Selector]) -> Self {
        let mut shown = Self::default();
        if selectors.is_empty() {
            shown.apps.extend(model.applications.keys().cloned());
            shown.units.extend(model.units.keys().cloned());
            shown.machines.extend(model.machines.keys().copied());
            return shown;
        }
        for selector in selectors {
            match selector {
                Selector::Machine(id) => {
                    shown.machines.extend(model.machines.contains_key(id).then_some(*id));
                    shown
                        .units
                        .extend(model.units.values().filter(|u| u.machine == *id).map(|u| u.name.clone()));
                }
                Selector::Application(pattern) => {
                    for app in model.applications.keys().filter(|app| matches(pattern, app.as_str())) {
                        shown.apps.insert(app.clone());
                        shown.units.extend(model.units_of(app).map(|u| u.name.clone()));
                    }
                }
                Selector::Unit(pattern) => {
                    shown
                        .units
                        .extend(model.units.keys().filter(|u| matches(pattern, &u.to_string())).cloned());
                }
            }
        }
        // One of a container shows all of it: a subordinate is listed with its principal (Juju 3.6: `UnitChainPredicateFn`).
        let containers: BTreeSet<UnitName> =
            shown.units.iter().map(|u| model.container_of(u).clone()).collect();
        shown.units.extend(containers.iter().flat_map(|principal| model.container(principal)).cloned());
        shown.apps.extend(shown.units.iter().map(|u| u.app().clone()));
        shown.machines.extend(shown.units.iter().filter_map(|u| model.units.get(u)).map(|u| u.machine));
        shown
    }
}

/// Whether `text` is `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, yes) in [
            ("db", "db", true),
            ("db", "dbx", false),
            ("db*", "dbx", true),
            ("*b", "db", true),
            ("d*b*x", "d-b-x", true),
            ("d*b*x", "d-x-b", false),
            ("a*a", "a", false),
            ("db/*", "db/10", true),
        ] {
            assert_eq!(matches(pattern, text), yes, "{pattern} {text}");
        }
    }

    #[test]
    fn selectors_are_told_apart_by_their_shape() {
        assert_eq!("3".parse(), Ok(Selector::Machine(MachineId(3))));
        assert_eq!("db".parse(), Ok(Selector::Application("db".into())));
        assert_eq!("db/0".parse(), Ok(Selector::Unit("db/0".into())));
        for bad in ["", "DB", "a/b/c", "a b", "99999999999"] {
            assert!(bad.parse::<Selector>().is_err(), "{bad}");
        }
    }
}
