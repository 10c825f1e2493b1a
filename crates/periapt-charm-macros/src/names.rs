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
    pub(crate) fn with<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self(names.into_iter().map(str::to_owned).collect())
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

/// Types that a charm's source already has in scope, from the prelude of `periapt_charm` or Rust's. An action of such a
/// name gets the suffix `Action`.
pub(crate) fn types_in_scope() -> impl Iterator<Item = &'static str> {
    OURS.split_whitespace().chain(RUSTS.split_whitespace())
}

const OURS: &str = "
    ActionParams ActionResult AppName Charm CharmConfig CollectMetrics Commit Config ConfigChanged Container Context
    CustomEvent Databag DeferExt Deferrable DeferralOrError Emitted Endpoint Error Event EventKind EventType Expire Finish Flow Host Install
    Interface IntoPorts JujuWakes Kind LeaderElected LeaderSettingsChanged Metadata Network Observe On Owner Patience
    Pattern PebbleCheckFailed PebbleCheckRecovered PebbleCustomNotice PebbleReady PortRange PostSeriesUpgrade PreCommit
    PreSeriesUpgrade Protocol RawBag Relation RelationBroken RelationChanged RelationCreated RelationDeparted RelationId
    RelationJoined RelationRef RelationSide Remove Resource ResultExt Results Role RotatePolicy Secret SecretChanged
    SecretContent SecretExpired SecretOptions SecretRef SecretRemove SecretRotate SecretUri Selection Start Status Statuses
    Stop Storage StorageAttached StorageDetaching StorageId StoredState Then Timestamp UnitName Untyped UpdateStatus
    UpgradeCharm WakeUp Woken
";

const RUSTS: &str = "
    AsMut AsRef Box Clone Copy Debug Default Deserialize DoubleEndedIterator Drop Eq Err ExactSizeIterator Extend Fn FnMut
    FnOnce From FromIterator Future Hash Into IntoFuture IntoIterator Iterator None Ok Option Ord PartialEq PartialOrd Result
    Self Send Serialize Sized Some String Sync ToOwned ToString TryFrom TryInto Unpin Vec
";

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
        let mut taken = Taken::with(["META"]);
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

    /// An action whose type hid one of them would break the charm's other code.
    #[test]
    fn all_types_of_the_prelude_are_known() {
        let library = concat!(env!("CARGO_MANIFEST_DIR"), "/../periapt-charm/src");
        let mut missing = Vec::new();
        for file in ["prelude.rs", "event/mod.rs"] {
            let text = std::fs::read_to_string(format!("{library}/{file}")).unwrap();
            for reexport in text.split("pub use ").skip(1).filter_map(|rest| rest.split(';').next()) {
                let words = reexport.split(|c: char| !c.is_alphanumeric() && c != '_');
                let types = words.filter(|w| w.starts_with(|c: char| c.is_ascii_uppercase()));
                missing
                    .extend(types.filter(|t| types_in_scope().all(|known| known != *t)).map(str::to_owned));
            }
        }
        assert_eq!(missing, [""; 0], "add them to OURS");
    }
}
