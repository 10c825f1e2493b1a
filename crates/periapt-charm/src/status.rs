//! Statuses of units and applications, and which of several is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A status that a charm can set. The text is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "status", content = "message")]
pub enum Status {
    /// All is well.
    Active(String),
    /// Something that will come by itself is missing.
    Waiting(String),
    /// The charm is at work.
    Maintenance(String),
    /// Somebody must act.
    Blocked(String),
}

impl Status {
    /// The word for it, as `status-set` takes it.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Active(_) => "active",
            Self::Waiting(_) => "waiting",
            Self::Maintenance(_) => "maintenance",
            Self::Blocked(_) => "blocked",
        }
    }

    /// The text.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Active(message)
            | Self::Waiting(message)
            | Self::Maintenance(message)
            | Self::Blocked(message) => message,
        }
    }

    /// The status of this word; none for a word that a charm cannot set.
    #[must_use]
    pub fn of(word: &str, message: impl Into<String>) -> Option<Self> {
        let message = message.into();
        match word {
            "active" => Some(Self::Active(message)),
            "waiting" => Some(Self::Waiting(message)),
            "maintenance" => Some(Self::Maintenance(message)),
            "blocked" => Some(Self::Blocked(message)),
            _ => None,
        }
    }

    /// Which of several is shown: the highest (ops: blocked, maintenance, waiting, active).
    fn rank(&self) -> u8 {
        match self {
            Self::Active(_) => 1,
            Self::Waiting(_) => 2,
            Self::Maintenance(_) => 3,
            Self::Blocked(_) => 4,
        }
    }

    /// The one that is shown of several: the most urgent, and of equally urgent ones the first.
    pub fn most_urgent(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().fold(None, |best: Option<Self>, next| match best {
            Some(best) if best.rank() >= next.rank() => Some(best),
            _ => Some(next),
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message() {
            "" => f.write_str(self.word()),
            message => write!(f, "{}: {message}", self.word()),
        }
    }
}

/// What the handlers of `collect-unit-status` and `collect-app-status` add to.
#[derive(Debug, Default)]
pub struct Statuses(pub(crate) Vec<Status>);

impl Statuses {
    /// Adds one. The most urgent of all is shown; of equally urgent ones the first.
    pub fn add(&mut self, status: Status) {
        self.0.push(status);
    }

    /// All is well.
    pub fn active(&mut self, message: impl Into<String>) {
        self.add(Status::Active(message.into()));
    }

    /// Something that will come by itself is missing.
    pub fn waiting(&mut self, message: impl Into<String>) {
        self.add(Status::Waiting(message.into()));
    }

    /// The charm is at work.
    pub fn maintenance(&mut self, message: impl Into<String>) {
        self.add(Status::Maintenance(message.into()));
    }

    /// Somebody must act.
    pub fn blocked(&mut self, message: impl Into<String>) {
        self.add(Status::Blocked(message.into()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_urgent_status_is_shown_and_the_first_of_equals() {
        let of = |words: &[(&str, &str)]| {
            Status::most_urgent(words.iter().filter_map(|(word, message)| Status::of(word, *message)))
        };
        assert_eq!(of(&[]), None);
        let shown = of(&[("active", ""), ("waiting", "a"), ("waiting", "b")]);
        assert_eq!(shown, Some(Status::Waiting("a".into())));
        let shown = of(&[("maintenance", "m"), ("blocked", "b"), ("waiting", "w")]);
        assert_eq!(shown, Some(Status::Blocked("b".into())));
    }
}
