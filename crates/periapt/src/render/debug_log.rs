//! `debug-log`: one log line as Juju prints it (reference 8.4).

use periapt_model::log::{Level, LogLine};

use super::style::{BAD, DIM, GOOD, NAME, WAITS, paint};
use super::table::lines;
use super::time::Clock;

/// What stands in front of the message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Columns {
    /// `--date`
    pub date: bool,
    /// `--ms`
    pub ms: bool,
}

/// `unit-app-0: 12:03:17 INFO unit.app/0.juju-log message`. Later lines of the message have nothing in front.
pub fn line(line: &LogLine, clock: &Clock, columns: Columns) -> String {
    let mut time = clock.format(line.at, if columns.date { "%Y-%m-%d %H:%M:%S" } else { "%H:%M:%S" });
    if columns.ms {
        time.push_str(&format!(".{:03}", line.at.0.rem_euclid(1000)));
    }
    let style = match line.level {
        Level::Trace | Level::Debug => GOOD,
        Level::Info => NAME,
        Level::Warning => WAITS,
        Level::Error | Level::Critical => BAD,
    };
    let (level, module) = (paint(style, line.level), paint(DIM, &line.module));
    let message = lines(&line.message);
    format!("{}: {} {level} {module} {message}\n", line.entity, paint(DIM, time))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::time::tests::{NOW, utc};

    #[test]
    fn lines_have_jujus_form() {
        let entry = LogLine {
            at: periapt_model::time::Timestamp(NOW.0 + 42),
            entity: "unit-app-0".to_owned(),
            level: Level::Warning,
            module: "unit.app/0.juju-log".to_owned(),
            message: "db:3: two\nlines".to_owned(),
        };
        let steering = LogLine { message: "\x1b[2Jgone\r".to_owned(), ..entry.clone() };
        assert!(line(&steering, &utc(), Columns::default()).ends_with(" gone \n"));
        let shown = |columns| anstream::adapter::strip_str(&line(&entry, &utc(), columns)).to_string();
        insta::assert_snapshot!(shown(Columns::default()), @r"
        unit-app-0: 12:03:17 WARNING unit.app/0.juju-log db:3: two
        lines
        ");
        insta::assert_snapshot!(shown(Columns { date: true, ms: true }), @r"
        unit-app-0: 2025-02-24 12:03:17.042 WARNING unit.app/0.juju-log db:3: two
        lines
        ");
    }
}
