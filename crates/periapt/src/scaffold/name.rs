//! The name of a new charm, which becomes that of a package and of a type.

use std::str::FromStr;

use periapt_model::names::AppName;

/// A name that charm, package and type can have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharmName(String);

/// What cargo refuses as the name of a program, or what would not be a path in Rust.
const RESERVED: &[&str] = &[
    "abstract",
    "alloc",
    "as",
    "async",
    "await",
    "become",
    "box",
    "break",
    "build",
    "const",
    "continue",
    "core",
    "crate",
    "deps",
    "do",
    "dyn",
    "else",
    "enum",
    "examples",
    "extern",
    "false",
    "final",
    "fn",
    "for",
    "if",
    "impl",
    "in",
    "incremental",
    "let",
    "loop",
    "macro",
    "match",
    "mod",
    "move",
    "mut",
    "ops",
    "override",
    "periapt-charm",
    "priv",
    "pub",
    "ref",
    "return",
    "self",
    "serde",
    "static",
    "std",
    "struct",
    "super",
    "test",
    "trait",
    "true",
    "try",
    "type",
    "typeof",
    "unsafe",
    "unsized",
    "use",
    "virtual",
    "where",
    "while",
    "yield",
];

/// Types that the prelude, the template or charmcraft.yaml brings.
const TAKEN: &[&str] = &[
    "Action",
    "Box",
    "Charm",
    "Commit",
    "Config",
    "Container",
    "Context",
    "Databag",
    "Endpoint",
    "Err",
    "Error",
    "Event",
    "Finish",
    "Flow",
    "Greet",
    "Greeting",
    "Handler",
    "Install",
    "Interface",
    "Kind",
    "Metadata",
    "None",
    "Observe",
    "Ok",
    "Option",
    "Patience",
    "Relation",
    "Remove",
    "Resource",
    "Result",
    "Results",
    "Role",
    "Said",
    "Scenario",
    "Some",
    "Start",
    "State",
    "Status",
    "Statuses",
    "Stop",
    "Storage",
    "String",
    "Then",
    "Timestamp",
    "Untyped",
    "Vec",
    "Woken",
];

impl FromStr for CharmName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        AppName::new(text).map_err(|error| error.to_string())?;
        if RESERVED.contains(&text) {
            return Err(format!(
                "{text:?} is taken by Rust or by a library: a package cannot be called so. What about {text}-charm?"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl CharmName {
    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn words(&self) -> impl Iterator<Item = String> {
        self.0.split('-').map(|word| {
            let mut letters = word.chars();
            letters
                .next()
                .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
        })
    }

    /// `my-api` as `MyApi`. What the template itself names gets `Charm` behind it.
    pub fn camel(&self) -> String {
        let name: String = self.words().collect();
        match TAKEN.contains(&name.as_str()) {
            true => format!("{name}Charm"),
            false => name,
        }
    }

    /// `my-api` as `My Api`.
    pub fn title(&self) -> String {
        self.words().collect::<Vec<_>>().join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_charms_packages_and_types() {
        let name: CharmName = "my-api2".parse().unwrap();
        assert_eq!((name.camel().as_str(), name.title().as_str()), ("MyApi2", "My Api2"));
        assert_eq!("status".parse::<CharmName>().unwrap().camel(), "StatusCharm");
        for wrong in ["", "My", "1st", "a_b", "-a", "a-", "match", "test", "a b", "../x", "a-1"] {
            assert!(wrong.parse::<CharmName>().is_err(), "{wrong}");
        }
        assert!(RESERVED.is_sorted());
    }
}
