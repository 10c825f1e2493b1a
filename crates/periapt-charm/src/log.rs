//! Log lines: what charm and library say through `tracing` goes to `juju-log`.
//!
//! Lines wait until the running handler has ended, and go out together where the agent takes several at once
//! (`periapt-log`). A hook that panics or fails sends what it has first.

use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};

use periapt_model::log::Level;
use serde::Serialize;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::context::Context;

/// Juju takes no longer argument (131071 bytes on Linux); longer lines are cut into several.
const LONGEST: usize = 131_071 - 64;

/// The lines that wait.
#[derive(Debug)]
pub(crate) struct Lines {
    waiting: Mutex<Vec<Line>>,
    least: Level,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Line {
    level: Level,
    message: String,
}

impl Lines {
    /// Keeps lines of this level and above.
    pub(crate) fn new(least: Level) -> Self {
        Self { waiting: Mutex::default(), least }
    }

    fn add(&self, level: Level, message: String) {
        if level >= self.least {
            self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Line { level, message });
        }
    }

    fn take(&self) -> Vec<Line> {
        std::mem::take(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The level from which on lines are kept: `PERIAPT_CHARM_LOG`, or DEBUG as Juju's own default for units.
pub(crate) fn least_level(variable: Option<&str>) -> Level {
    variable.and_then(|word| word.to_ascii_uppercase().parse().ok()).unwrap_or(Level::Debug)
}

impl Context {
    /// Sends the lines that wait. A log that cannot be written fails nothing.
    pub(crate) fn flush_log(&self) {
        let mut lines = self.lines.take();
        if lines.iter().any(|line| line.message.len() > LONGEST) {
            lines = lines.into_iter().flat_map(cut).collect();
        }
        if lines.len() > 1
            && self.is_periapt()
            && let Ok(json) = serde_json::to_vec(&lines)
            && self.run("periapt-log", &["--file".to_owned(), "-".to_owned()], Some(&json)).is_ok()
        {
            return;
        }
        for Line { level, message } in lines {
            self.log_line(level.as_str(), message);
        }
    }
}

/// Cuts a line that is too long for an argument.
fn cut(line: Line) -> Vec<Line> {
    if line.message.len() <= LONGEST {
        return vec![line];
    }
    let mut parts = Vec::new();
    let mut rest = line.message.as_str();
    while !rest.is_empty() {
        let mut end = rest.len().min(LONGEST);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (part, after) = rest.split_at(end);
        parts.push(Line { level: line.level, message: part.to_owned() });
        rest = after;
    }
    parts
}

/// Takes `tracing` events of the charm's threads. Spans are not kept.
#[derive(Debug, Clone)]
pub(crate) struct Collector(pub(crate) std::sync::Arc<Lines>);

fn level_of(level: tracing::Level) -> Level {
    match level {
        tracing::Level::TRACE => Level::Trace,
        tracing::Level::DEBUG => Level::Debug,
        tracing::Level::INFO => Level::Info,
        tracing::Level::WARN => Level::Warning,
        tracing::Level::ERROR => Level::Error,
    }
}

impl Subscriber for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        level_of(*metadata.level()) >= self.0.least
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        self.0.add(level_of(*event.metadata().level()), text.finish());
    }

    fn enter(&self, _span: &Id) {}

    fn exit(&self, _span: &Id) {}
}

/// An event as one line: its message, then its fields.
#[derive(Default)]
struct Text {
    message: String,
    fields: String,
}

impl Text {
    fn finish(self) -> String {
        match self.message.is_empty() {
            true => self.fields.trim_start().to_owned(),
            false => self.message + &self.fields,
        }
    }
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => {
                // Most lines fit, and are written piece by piece.
                self.message.reserve(96);
                write!(self.message, "{value:?}")
            }
            name => write!(self.fields, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.message.push_str(value),
            _ => self.record_debug(field, &value),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn events_become_lines_with_their_fields() {
        let lines = Arc::new(Lines::new(Level::Info));
        tracing::subscriber::with_default(Collector(Arc::clone(&lines)), || {
            tracing::info!(size = 3, name = "web", "starting");
            tracing::debug!("not kept");
            tracing::warn!("odd {}", 1);
        });
        let expected = [(Level::Info, "starting size=3 name=\"web\""), (Level::Warning, "odd 1")];
        let taken: Vec<_> = lines.take().into_iter().map(|line| (line.level, line.message)).collect();
        assert_eq!(taken, expected.map(|(level, text)| (level, text.to_owned())));
        assert_eq!(lines.take(), []);
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let message = "ä".repeat(LONGEST);
        let parts = cut(Line { level: Level::Info, message: message.clone() });
        assert!(parts.len() > 1 && parts.iter().all(|part| part.message.len() <= LONGEST));
        assert_eq!(parts.into_iter().map(|part| part.message).collect::<String>(), message);
    }
}
