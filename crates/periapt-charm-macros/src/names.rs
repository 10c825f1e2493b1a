//! Names of the metadata as Rust identifiers. The metadata allows more than Rust does: dashes, dots, leading digits, words
//! of the language, and two names that Rust writes alike.

use std::collections::HashSet;

use proc_macro2::{Ident, Span};

/// `rotate-password` as `["rotate", "password"]`; `logLevel` as `["log", "level"]`. All in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_lower = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() {
            words.push(String::new());
        } else {
            if c.is_ascii_uppercase() && after_lower {
                words.push(String::new());
            }
            if let Some(word) = words.last_mut() {
                word.push(c.to_ascii_lowercase());
            }
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn digit_first(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_digit())
}

/// `admin-api` as `admin_api`; `_` in front where a digit would be the first.
pub(crate) fn snake(name: &str) -> String {
    let joined = words(name).join("_");
    if joined.is_empty() || digit_first(&joined) { format!("_{joined}") } else { joined }
}

/// `admin-api` as `ADMIN_API`.
pub(crate) fn screaming(name: &str) -> String {
    snake(name).to_ascii_uppercase()
}

/// `rotate-password` as `RotatePassword`.
pub(crate) fn camel(name: &str) -> String {
    let capital = |word: &String| word[..1].to_ascii_uppercase() + &word[1..];
    let joined: String = words(name).iter().map(capital).collect();
    if joined.is_empty() || digit_first(&joined) { format!("_{joined}") } else { joined }
}

/// A field's identifier: a raw one for a word of the language, such as `r#type`.
pub(crate) fn field(name: &str) -> Ident {
    if matches!(name, "self" | "super" | "crate" | "_") {
        // Not even raw.
        return Ident::new(&format!("{name}_"), Span::call_site());
    }
    let raw = || Ident::new_raw(name, Span::call_site());
    syn::parse_str::<Ident>(name).map_or_else(|_| raw(), |_| Ident::new(name, Span::call_site()))
}

/// The identifiers of one namespace.
#[derive(Default)]
pub(crate) struct Taken(HashSet<String>);

impl Taken {
    pub(crate) fn with(names: &[&str]) -> Self {
        Self(names.iter().map(|name| (*name).to_owned()).collect())
    }

    /// `name` if it is free, else with `suffix`, else with a number as well. A name that has no letter or digit is never
    /// free.
    pub(crate) fn claim(&mut self, name: String, suffix: &str) -> String {
        let bare = name == "_";
        if !bare && self.0.insert(name.clone()) {
            return name;
        }
        let longer = if bare { suffix.trim_start_matches('_').to_owned() } else { format!("{name}{suffix}") };
        if longer != name && !longer.is_empty() && self.0.insert(longer.clone()) {
            return longer;
        }
        let separator = if longer.ends_with(|c: char| c.is_ascii_digit()) { "_" } else { "" };
        let numbered = (2_u32..).map(|n| format!("{longer}{separator}{n}"));
        for name in numbered {
            if self.0.insert(name.clone()) {
                return name;
            }
        }
        longer
    }
}

/// Types that a charm's source already has in scope, from Rust's prelude or that of `periapt_charm`. An action of such a
/// name gets the suffix `Action`.
pub(crate) const TYPES_IN_SCOPE: &[&str] = &[
    // Ours.
    "Action",
    "ActionParams",
    "ActionResult",
    "Charm",
    "CharmConfig",
    "CharmMeta",
    "CollectMetrics",
    "Commit",
    "Config",
    "ConfigChanged",
    "Container",
    "Context",
    "CustomEvent",
    "Databag",
    "Deferral",
    "Deferrable",
    "Done",
    "Duration",
    "Emitted",
    "Endpoint",
    "Error",
    "Event",
    "EventKind",
    "EventType",
    "Finish",
    "Flow",
    "Install",
    "Interface",
    "Kind",
    "LeaderElected",
    "LeaderSettingsChanged",
    "Metadata",
    "Model",
    "Network",
    "Observe",
    "On",
    "Outcome",
    "Patience",
    "Pattern",
    "PebbleCheckFailed",
    "PebbleCheckRecovered",
    "PebbleCustomNotice",
    "PebbleReady",
    "Port",
    "PostSeriesUpgrade",
    "PreCommit",
    "PreSeriesUpgrade",
    "RawBag",
    "Relation",
    "RelationBroken",
    "RelationChanged",
    "RelationCreated",
    "RelationDeparted",
    "RelationJoined",
    "RelationRef",
    "Remove",
    "Resource",
    "ResultExt",
    "Results",
    "Role",
    "Secret",
    "SecretChanged",
    "SecretExpired",
    "SecretRef",
    "SecretRemove",
    "SecretRotate",
    "SecretUri",
    "Selection",
    "Start",
    "State",
    "Status",
    "Stop",
    "Storage",
    "StorageAttached",
    "StorageDetaching",
    "StorageId",
    "Stored",
    "Then",
    "Timestamp",
    "Unit",
    "Untyped",
    "UpdateStatus",
    "UpgradeCharm",
    "Wake",
    "Woken",
    // Rust's.
    "AsMut",
    "AsRef",
    "Box",
    "Clone",
    "Copy",
    "Debug",
    "Default",
    "Deserialize",
    "DoubleEndedIterator",
    "Drop",
    "Eq",
    "Err",
    "ExactSizeIterator",
    "Extend",
    "Fn",
    "FnMut",
    "FnOnce",
    "From",
    "FromIterator",
    "Future",
    "Hash",
    "Into",
    "IntoFuture",
    "IntoIterator",
    "Iterator",
    "None",
    "Ok",
    "Option",
    "Ord",
    "PartialEq",
    "PartialOrd",
    "Result",
    "Self",
    "Send",
    "Serialize",
    "Sized",
    "Some",
    "String",
    "Sync",
    "ToOwned",
    "ToString",
    "TryFrom",
    "TryInto",
    "Unpin",
    "Vec",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        for (name, s, c) in [
            ("db", "db", "Db"),
            ("admin-api", "admin_api", "AdminApi"),
            ("logLevel", "log_level", "LogLevel"),
            ("HTTP_PORT", "http_port", "HttpPort"),
            ("a.b--c", "a_b_c", "ABC"),
            ("2fa", "_2fa", "_2fa"),
            ("größe", "gr_e", "GrE"),
            ("...", "_", "_"),
        ] {
            assert_eq!((snake(name).as_str(), camel(name).as_str()), (s, c), "{name}");
        }
        assert_eq!(screaming("admin-api"), "ADMIN_API");
        for (name, expected) in
            [("type", "r#type"), ("port", "port"), ("self", "self_"), ("async", "r#async")]
        {
            assert_eq!(field(name).to_string(), expected);
        }
    }

    #[test]
    fn a_name_that_is_taken_gets_a_suffix_and_then_a_number() {
        let mut taken = Taken::with(&["META"]);
        let mut claim = |name: &str, suffix| taken.claim(name.to_owned(), suffix);
        assert_eq!(claim("DB", "_ENDPOINT"), "DB");
        assert_eq!(claim("DB", "_CONTAINER"), "DB_CONTAINER");
        assert_eq!(claim("DB", "_CONTAINER"), "DB_CONTAINER2");
        assert_eq!(claim("DB", "_CONTAINER"), "DB_CONTAINER3");
        assert_eq!(claim("META", "_STORAGE"), "META_STORAGE");
        assert_eq!(claim("_", "_RESOURCE"), "RESOURCE");
        assert_eq!((claim("port", ""), claim("port", "")), ("port".to_owned(), "port2".to_owned()));
        assert_eq!((claim("p1", ""), claim("p1", "")), ("p1".to_owned(), "p1_2".to_owned()));
    }
}
