//! Constraints: what an operator wants of the machines of a model or an application (reference 7.5).
//!
//! The `process` substrate has one host and gives nobody less of it, so they are checked, kept and shown, no more.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};

use crate::entity::nearest;

/// What a constraint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A size in MiB, written with M, G, T or P.
    Size,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// One word.
    Text,
    /// Words with commas between.
    List,
}

/// Every constraint of Juju 3.6, sorted.
const KEYS: &[(&str, Kind)] = &[
    ("allocate-public-ip", Kind::Flag),
    ("arch", Kind::Text),
    ("container", Kind::Text),
    ("cores", Kind::Number),
    ("cpu-power", Kind::Number),
    ("image-id", Kind::Text),
    ("instance-role", Kind::Text),
    ("instance-type", Kind::Text),
    ("mem", Kind::Size),
    ("root-disk", Kind::Size),
    ("root-disk-source", Kind::Text),
    ("spaces", Kind::List),
    ("tags", Kind::List),
    ("virt-type", Kind::Text),
    ("zones", Kind::List),
];

/// The architectures that Juju 3.6 knows.
const ARCHITECTURES: &[&str] = &["amd64", "arm64", "ppc64el", "riscv64", "s390x"];

/// One constraint's value.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// MiB.
    Size(u64),
    Number(u64),
    Flag(bool),
    Text(String),
    List(Vec<String>),
}

/// A set of constraints, each given at most once. Its text is Juju's: `cores=2 mem=1024M`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Constraints(BTreeMap<&'static str, Wanted>);

/// A constraint that is refused. The texts are Juju 3.6's (`core/constraints`).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidConstraint {
    /// Not `KEY=VALUE`.
    #[error("malformed constraint {0:?}: expected KEY=VALUE, such as mem=2G")]
    Malformed(String),
    /// There is none of this name.
    #[error("unknown constraint {key:?}{}; the constraints are: {}", near.map(|near| format!(": did you mean {near:?}?")).unwrap_or_default(), known())]
    Unknown {
        /// As given.
        key: String,
        /// The closest name there is.
        near: Option<&'static str>,
    },
    /// The value is not of its kind.
    #[error("bad {key:?} constraint: {reason}")]
    Value {
        /// The constraint.
        key: &'static str,
        /// What is wrong with the value.
        reason: String,
    },
}

fn known() -> String {
    KEYS.iter().map(|(key, _)| *key).collect::<Vec<_>>().join(", ")
}

impl Constraints {
    /// Whether nothing is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These, and those of `other` that these say nothing of: an application's over its model's.
    #[must_use]
    pub fn or(mut self, other: Self) -> Self {
        for (key, value) in other.0 {
            self.0.entry(key).or_insert(value);
        }
        self
    }

    /// As JSON shows them: sizes as numbers of MiB, lists as lists.
    #[must_use]
    pub fn to_json(&self) -> Map<String, Value> {
        let value = |wanted: &Wanted| match wanted {
            Wanted::Size(number) | Wanted::Number(number) => Value::from(*number),
            Wanted::Flag(on) => Value::from(*on),
            Wanted::Text(text) => Value::from(text.as_str()),
            Wanted::List(words) => Value::from(words.clone()),
        };
        self.0.iter().map(|(key, wanted)| ((*key).to_owned(), value(wanted))).collect()
    }

    fn add(&mut self, word: &str) -> Result<(), InvalidConstraint> {
        let (key, value) =
            word.split_once('=').ok_or_else(|| InvalidConstraint::Malformed(word.to_owned()))?;
        // Juju 2's name for it.
        let key = if key == "cpu-cores" { "cores" } else { key };
        let Some((key, kind)) = KEYS.iter().find(|(known, _)| *known == key) else {
            let near = nearest(key, KEYS.iter().map(|(known, _)| *known));
            return Err(InvalidConstraint::Unknown { key: key.to_owned(), near });
        };
        let wanted = read(key, *kind, value)?;
        match self.0.insert(key, wanted) {
            None => Ok(()),
            Some(_) => Err(InvalidConstraint::Value { key, reason: "already set".to_owned() }),
        }
    }
}

fn read(key: &'static str, kind: Kind, value: &str) -> Result<Wanted, InvalidConstraint> {
    let refuse = |reason: &str| InvalidConstraint::Value { key, reason: reason.to_owned() };
    match kind {
        // Nothing is none, and over the model's: Juju 3.6 `parseSize`.
        Kind::Size | Kind::Number if value.is_empty() => {
            Ok(if kind == Kind::Size { Wanted::Size(0) } else { Wanted::Number(0) })
        }
        Kind::Size => mebibytes(value)
            .map(Wanted::Size)
            .ok_or_else(|| refuse("must be a non-negative float with optional M/G/T/P suffix")),
        Kind::Number => {
            value.parse().map(Wanted::Number).map_err(|_| refuse("must be a non-negative integer"))
        }
        Kind::Flag => match value {
            "true" => Ok(Wanted::Flag(true)),
            "false" => Ok(Wanted::Flag(false)),
            _ => Err(refuse("must be 'true' or 'false'")),
        },
        Kind::Text if value.is_empty() => Ok(Wanted::Text(String::new())),
        Kind::Text if key == "arch" && !ARCHITECTURES.contains(&value) => {
            Err(refuse(&format!("{value:?} not recognized: expected one of {}", ARCHITECTURES.join(", "))))
        }
        Kind::Text => Ok(Wanted::Text(value.to_owned())),
        Kind::List => {
            Ok(Wanted::List(value.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()))
        }
    }
}

/// `1.5G` in MiB, rounded up; without a suffix MiB.
fn mebibytes(text: &str) -> Option<u64> {
    let (number, factor) = match text.as_bytes().last()? {
        b'M' => (&text[..text.len() - 1], 1.0),
        b'G' => (&text[..text.len() - 1], 1024.0),
        b'T' => (&text[..text.len() - 1], 1024.0 * 1024.0),
        b'P' => (&text[..text.len() - 1], 1024.0 * 1024.0 * 1024.0),
        _ => (text, 1.0),
    };
    let size = number.parse::<f64>().ok()? * factor;
    // A float holds every whole number up to 2^53, which is more than any disk has.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to be in range")]
    (size.is_finite() && (0.0..=9_007_199_254_740_992.0).contains(&size)).then(|| size.ceil() as u64)
}

impl FromStr for Constraints {
    type Err = InvalidConstraint;

    fn from_str(text: &str) -> Result<Self, InvalidConstraint> {
        let mut constraints = Self::default();
        for word in text.split_whitespace() {
            constraints.add(word)?;
        }
        Ok(constraints)
    }
}

impl fmt::Display for Constraints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (key, wanted)) in self.0.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            match wanted {
                // A zero is written as what it was given as.
                Wanted::Size(0) | Wanted::Number(0) => write!(f, "{space}{key}=")?,
                Wanted::Size(size) => write!(f, "{space}{key}={size}M")?,
                Wanted::Number(number) => write!(f, "{space}{key}={number}")?,
                Wanted::Flag(on) => write!(f, "{space}{key}={on}")?,
                Wanted::Text(text) => write!(f, "{space}{key}={text}")?,
                Wanted::List(words) => write!(f, "{space}{key}={}", words.join(","))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Constraints {
        text.parse().unwrap()
    }

    #[test]
    fn texts_are_read_and_written_as_juju_does() {
        assert_eq!(read("mem=1G cores=4").to_string(), "cores=4 mem=1024M");
        assert_eq!(
            read("mem=1.5G root-disk=1T cpu-cores=2").to_string(),
            "cores=2 mem=1536M root-disk=1048576M"
        );
        assert_eq!(
            read("  zones=a,b tags=x allocate-public-ip=true arch=arm64 ").to_string(),
            "allocate-public-ip=true arch=arm64 tags=x zones=a,b"
        );
        assert_eq!(read("mem=0.5").to_string(), "mem=1M");
        // Nothing is what takes the model's back.
        assert_eq!(read("mem= cores=0 arch= zones=").to_string(), "arch= cores= mem= zones=");
        assert_eq!(read("mem=").or(read("mem=2G")).to_string(), "mem=");
        assert!(read("").is_empty());
        // What is written can be read again.
        let all = read("arch=amd64 mem=1G spaces=a,b virt-type=kvm cpu-power=100");
        assert_eq!(read(&all.to_string()), all);
    }

    #[test]
    fn json_has_numbers_and_lists() {
        let json = serde_json::to_string(&read("mem=1G cores=4 zones=a,b").to_json()).unwrap();
        assert_eq!(json, r#"{"cores":4,"mem":1024,"zones":["a","b"]}"#);
        assert_eq!(serde_json::to_string(&read("").to_json()).unwrap(), "{}");
    }

    #[test]
    fn an_application_wants_it_before_its_model() {
        assert_eq!(read("mem=1G").or(read("mem=2G cores=2")).to_string(), "cores=2 mem=1024M");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let refusal = |text: &str| text.parse::<Constraints>().unwrap_err().to_string();
        assert!(refusal("memm=1").starts_with(
            "unknown constraint \"memm\": did you mean \"mem\"?; the constraints are: allocate-"
        ));
        assert_eq!(refusal("mem"), "malformed constraint \"mem\": expected KEY=VALUE, such as mem=2G");
        assert_eq!(refusal("mem=1G mem=2G"), "bad \"mem\" constraint: already set");
        assert_eq!(refusal("cores=two"), "bad \"cores\" constraint: must be a non-negative integer");
        for bad in ["mem=-1", "mem=1X", "mem=G", "mem=NaN", "mem=inf", "mem=1e300", "mem=1é", "arch=z80"] {
            assert!(bad.parse::<Constraints>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(KEYS.is_sorted_by_key(|(key, _)| *key));
    }
}
