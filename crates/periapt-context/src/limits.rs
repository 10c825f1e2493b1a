//! How much a hook command takes, in one place. Juju has few limits of its own: what it cannot keep its database refuses,
//! at 16 MiB for one document. A charm that goes beyond one of these gets an error, and nothing is changed; only lines of
//! the log are cut, because a line must never cost a charm its hook.
//!
//! Limits that stand elsewhere, because something else reads them too: `state-set` (256 B and 64 KiB, 2 MiB in all, Juju's
//! quotas), secrets (1 MiB, [`periapt_model::entity::SecretContent`]), wakes ([`periapt_model::wake`]), files and standard
//! input of a hook command (64 MiB, the frame between the hook program and the agent).

use std::borrow::Cow;

use periapt_model::effects::{ActionOutcome, Changes};
use serde_json::{Map, Value};

use crate::outcome::Stop;

/// Bytes of the keys and values of one databag, or of an application's leader settings (Juju: a document of MongoDB).
pub const MOST_SETTINGS: usize = 16 << 20;

/// Bytes of the keys and values that an action sets as its results, its message counted in.
pub const MOST_RESULTS: usize = 16 << 20;

/// How deep the results of an action nest: they are kept as JSON, whose readers stop at 128.
pub const MOST_LEVELS: usize = 64;

/// Bytes of a text that every status shows: a status message, a workload's version.
pub const LONGEST_STATUS: usize = 1 << 20;

/// Bytes of one line of `juju-log`, `action-log` or `periapt-log`; longer ones are cut.
pub const LONGEST_LINE: usize = 64 * 1024;

/// Bytes of a message of an error; longer ones lose their middle.
pub const LONGEST_ERROR: usize = 4096;

/// `line`, cut after [`LONGEST_LINE`] bytes, with a note of what is missing.
#[must_use]
pub fn cut_line(mut line: String) -> String {
    if line.len() > LONGEST_LINE {
        let end = line.floor_char_boundary(LONGEST_LINE);
        let missing = line.len() - end;
        line.truncate(end);
        line.push_str(&format!("… [{missing} more bytes were cut]"));
    }
    line
}

/// `text` with at most `most` bytes of its own: what is longer loses its middle, since errors say at their start what was
/// wrong and often at their end why.
#[must_use]
pub fn without_middle(text: &str, most: usize) -> Cow<'_, str> {
    if text.len() <= most {
        return Cow::Borrowed(text);
    }
    let start = text.floor_char_boundary(most / 2);
    let end = text.ceil_char_boundary(text.len() - most / 2);
    Cow::Owned(format!("{}… [{} bytes] …{}", &text[..start], end - start, &text[end..]))
}

/// `text` with those characters written out that steer a terminal, the direction of writing among them.
#[must_use]
pub fn without_control(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\t' => out.push(character),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.extend(character.escape_unicode()),
            _ if character.is_control() => out.extend(character.escape_default()),
            _ => out.push(character),
        }
    }
    out
}

/// Refuses a text for a status that is too long.
pub(crate) fn check_status(what: &str, text: &str) -> Result<(), Stop> {
    match text.len() {
        length if length > LONGEST_STATUS => Err(Stop::failed(format!(
            "cannot set {what}: it has {length} bytes, and may have {LONGEST_STATUS}"
        ))),
        _ => Ok(()),
    }
}

/// Refuses settings that would be too large with `changes`; `kept` are those that stay.
pub(crate) fn check_settings<'a>(
    what: &str,
    kept: impl Iterator<Item = (&'a str, &'a str)>,
    changes: &Changes,
) -> Result<(), Stop> {
    let kept =
        kept.filter(|(key, _)| !changes.contains_key(*key)).map(|(key, value)| key.len() + value.len());
    let new = changes.iter().filter_map(|(key, value)| Some(key.len() + value.as_ref()?.len()));
    let size: usize = kept.chain(new).sum();
    match size > MOST_SETTINGS {
        true => Err(Stop::failed(format!(
            "cannot write {what}: keys and values would have {size} bytes together, and may have {MOST_SETTINGS}"
        ))),
        false => Ok(()),
    }
}

/// Refuses results of an action that would be too large together with `more` bytes.
pub(crate) fn check_results(outcome: &ActionOutcome, more: usize) -> Result<(), Stop> {
    let message = outcome.failed.as_ref().map_or(0, String::len);
    let size = size_of_map(&outcome.results) + message + more;
    match size > MOST_RESULTS {
        true => Err(Stop::failed(format!(
            "cannot set the action's results: they would have {size} bytes, and may have {MOST_RESULTS}"
        ))),
        false => Ok(()),
    }
}

fn size_of_map(map: &Map<String, Value>) -> usize {
    let size_of = |value: &Value| match value {
        Value::String(text) => text.len(),
        Value::Object(map) => size_of_map(map),
        _ => 0,
    };
    map.iter().map(|(key, value)| key.len() + size_of(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_cut_between_characters() {
        assert_eq!(cut_line("short".to_owned()), "short");
        let cut = cut_line("é".repeat(LONGEST_LINE));
        assert!(cut.starts_with("éé") && cut.ends_with("é… [65536 more bytes were cut]"), "{}", cut.len());
    }

    #[test]
    fn what_steers_a_terminal_is_written_out() {
        assert_eq!(without_control("a\u{1b}[2J\r\n\u{202e}é\t"), "a\\u{1b}[2J\\r\n\\u{202e}é\t");
    }

    #[test]
    fn an_error_keeps_its_start_and_its_end() {
        assert_eq!(without_middle("short", 10), "short");
        assert_eq!(without_middle("abcdefghijklmnop", 8), "abcd… [8 bytes] …mnop");
        let long = format!("invalid value \"{}\": relation not found", "é".repeat(5000));
        let cut = without_middle(&long, LONGEST_ERROR);
        assert!(cut.starts_with("invalid value \"é") && cut.ends_with("é\": relation not found"), "{cut}");
        assert!(cut.len() < LONGEST_ERROR + 40, "{}", cut.len());
        for most in 0..20 {
            assert!(without_middle("ééééééééééééé", most).len() <= most + 40);
        }
    }
}
