//! The channels of a charm store: `TRACK/RISK/BRANCH`, such as `latest/edge`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How much a release has been tried, the most first: `Stable < Edge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// For everybody.
    Stable,
    /// Likely to become stable.
    Candidate,
    /// For those who try things out.
    Beta,
    /// The newest there is.
    Edge,
}

impl Risk {
    /// All of them, the most stable first.
    pub const ALL: [Self; 4] = [Self::Stable, Self::Candidate, Self::Beta, Self::Edge];

    /// The word in a channel.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Candidate => "candidate",
            Self::Beta => "beta",
            Self::Edge => "edge",
        }
    }

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|risk| risk.as_str() == word)
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The track of a charm that has no versions of its own.
pub const LATEST: &str = "latest";

/// The longest name of a track or branch.
const LONGEST: usize = 100;

/// A channel with all its parts. Written short it may lack some: `edge` is `latest/edge`, `14` is `14/stable`, and
/// `edge/fix` is `latest/edge/fix` (Juju 3.6: `ParseChannelNormalize`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel {
    track: String,
    risk: Risk,
    branch: Option<String>,
}

/// A text that is no channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a valid channel: {why}")]
pub struct InvalidChannel {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl Channel {
    /// `latest/RISK`.
    #[must_use]
    pub fn latest(risk: Risk) -> Self {
        Self { track: LATEST.to_owned(), risk, branch: None }
    }

    /// The line of versions, `latest` where there is only one.
    #[must_use]
    pub fn track(&self) -> &str {
        &self.track
    }

    /// How much has been tried what is in it.
    #[must_use]
    pub fn risk(&self) -> Risk {
        self.risk
    }

    /// A side line, such as a fix for one user to try.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.branch.as_deref()
    }

    /// The channels that are looked into for this one, in this order: itself, the same without its branch, and then each
    /// more stable risk of the track. A channel that nothing was released to is closed and passes on the question
    /// (Charmhub: a closed channel follows the next more stable one).
    pub fn in_order(&self) -> impl Iterator<Item = Self> + '_ {
        let own = self.branch.is_some().then(|| self.clone());
        let risks = Risk::ALL.into_iter().rev().skip_while(|risk| *risk != self.risk);
        own.into_iter().chain(risks.map(|risk| Self { track: self.track.clone(), risk, branch: None }))
    }
}

impl Default for Channel {
    fn default() -> Self {
        Self::latest(Risk::Stable)
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { track, risk, branch } = self;
        match branch {
            Some(branch) => f.pad(&format!("{track}/{risk}/{branch}")),
            None => f.pad(&format!("{track}/{risk}")),
        }
    }
}

fn is_word(text: &str) -> bool {
    text.len() <= LONGEST
        && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

impl FromStr for Channel {
    type Err = InvalidChannel;

    fn from_str(text: &str) -> Result<Self, InvalidChannel> {
        let invalid = |why| InvalidChannel { text: text.to_owned(), why };
        let parts: Vec<&str> = text.split('/').collect();
        if parts.iter().any(|part| part.is_empty()) {
            return Err(invalid("write TRACK/RISK, such as latest/stable; no part may be empty"));
        }
        let risk_first = parts.first().copied().and_then(Risk::of);
        let known = |word: &str| {
            Risk::of(word).ok_or_else(|| invalid("its risk must be stable, candidate, beta or edge"))
        };
        let (track, risk, branch) = match (parts.as_slice(), risk_first) {
            ([_], Some(risk)) => (LATEST, risk, None),
            ([track], None) => (*track, Risk::Stable, None),
            ([_, branch], Some(risk)) => (LATEST, risk, Some(*branch)),
            ([track, risk], None) => (*track, known(risk)?, None),
            ([track, risk, branch], _) => (*track, known(risk)?, Some(*branch)),
            _ => return Err(invalid("it has more parts than TRACK/RISK/BRANCH")),
        };
        if !is_word(track) || !branch.is_none_or(is_word) {
            return Err(invalid("use letters, digits, dots, dashes and underscores"));
        }
        Ok(Self { track: track.to_owned(), risk, branch: branch.map(str::to_owned) })
    }
}

impl TryFrom<String> for Channel {
    type Error = InvalidChannel;
    fn try_from(text: String) -> Result<Self, InvalidChannel> {
        text.parse()
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_that_are_not_written_are_filled_in() {
        for (text, whole) in [
            ("stable", "latest/stable"),
            ("edge", "latest/edge"),
            ("14", "14/stable"),
            ("1.32-strict", "1.32-strict/stable"),
            ("14/beta", "14/beta"),
            ("edge/fix-1", "latest/edge/fix-1"),
            ("14/candidate/fix_2", "14/candidate/fix_2"),
            ("stable/edge", "latest/stable/edge"),
        ] {
            let channel: Channel = text.parse().unwrap();
            assert_eq!(channel.to_string(), whole, "{text}");
            assert_eq!(whole.parse::<Channel>().unwrap(), channel, "{whole}");
        }
        assert_eq!(Channel::default().to_string(), "latest/stable");
    }

    #[test]
    fn what_is_no_channel_is_refused() {
        let long = "x".repeat(200);
        for text in [
            "",
            "/",
            "edge/",
            "/edge",
            "14//edge",
            "14/nightly",
            "14/Edge",
            "a/edge/b/c",
            "../edge",
            "14/edge/..",
            "a b",
            "ä",
            "-x",
            "14/edge/\n",
            &long,
        ] {
            let error = text.parse::<Channel>().unwrap_err();
            assert_eq!(error.text, *text);
            assert!(serde_json::from_value::<Channel>(text.into()).is_err());
        }
    }

    #[test]
    fn a_closed_channel_follows_the_more_stable_ones() {
        let order = |text: &str| {
            text.parse::<Channel>().unwrap().in_order().map(|c| c.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(order("2/edge"), ["2/edge", "2/beta", "2/candidate", "2/stable"]);
        assert_eq!(order("candidate/fix"), ["latest/candidate/fix", "latest/candidate", "latest/stable"]);
        assert_eq!(order("stable"), ["latest/stable"]);
    }
}
