//! The colours: few, and each with one meaning.

use anstyle::{AnsiColor, Color, Style};

const fn colour(colour: AnsiColor) -> Style {
    Style::new().fg_color(Some(Color::Ansi(colour)))
}

/// It went well.
pub const GOOD: Style = colour(AnsiColor::Green);
/// It failed.
pub const BAD: Style = colour(AnsiColor::Red);
/// It waits.
pub const WAITS: Style = colour(AnsiColor::Yellow);
/// A name to look for.
pub const NAME: Style = colour(AnsiColor::Cyan);
/// What matters less.
pub const DIM: Style = Style::new().dimmed();
/// What matters more.
pub const STRONG: Style = Style::new().bold();

/// The colour of a status word of a unit, an application, an agent, a machine or a task.
pub fn of_status(word: &str) -> Style {
    match word {
        "active" | "idle" | "started" | "running" | "joined" | "available" | "completed" => GOOD,
        "error" | "blocked" | "failed" | "lost" | "down" | "aborted" => BAD,
        "maintenance" | "waiting" | "executing" | "allocating" | "pending" | "terminated" | "rebooting"
        | "destroying" | "dying" | "cancelled" | "aborting" => WAITS,
        _ => Style::new(),
    }
}

/// `text` in `style`.
pub fn paint(style: Style, text: impl std::fmt::Display) -> String {
    format!("{style}{text}{style:#}")
}
