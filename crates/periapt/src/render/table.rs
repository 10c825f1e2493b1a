//! Tables as Juju prints them: columns two spaces apart, no lines, nothing at the end of a row.

use anstyle::Style;

/// One field of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// A field in a colour.
    pub fn styled(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), style: Style::new() }
    }
}

/// A header and its rows.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
    right: Vec<usize>,
}

impl Table {
    /// A table with these headings.
    pub fn new(header: &[&str]) -> Self {
        Self { rows: vec![header.iter().map(|h| Cell::from(*h)).collect()], right: Vec::new() }
    }

    /// Numbers stand at the right of this column (from 0).
    pub fn right(mut self, column: usize) -> Self {
        self.right.push(column);
        self
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = Cell>) {
        let tame = |cell: Cell| Cell { text: one_line(&cell.text), ..cell };
        self.rows.push(cells.into_iter().map(tame).collect());
    }

    /// Whether there is nothing below the header.
    pub fn is_empty(&self) -> bool {
        self.rows.len() < 2
    }

    /// The text, with a line break after each row.
    pub fn render(&self) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.text.chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = String::new();
        for row in &self.rows {
            let last = row.iter().rposition(|cell| !cell.text.is_empty());
            for (column, cell) in row.iter().enumerate().take(last.map_or(0, |last| last + 1)) {
                let gap = widths[column] - cell.text.chars().count();
                let (before, after) = if self.right.contains(&column) { (gap, 0) } else { (0, gap) };
                let style = cell.style;
                out.push_str(&" ".repeat(before));
                match style == Style::new() || cell.text.is_empty() {
                    true => out.push_str(&cell.text),
                    false => out.push_str(&format!("{style}{}{style:#}", cell.text)),
                }
                if Some(column) != last {
                    out.push_str(&" ".repeat(after + 2));
                }
            }
            out.push('\n');
        }
        out
    }
}

/// Text from a charm as one line that cannot break a table nor steer a terminal: no escape sequences, line ends and tabs
/// as spaces, and none of the characters that turn the direction of writing.
pub fn one_line(text: &str) -> String {
    tame(text.trim_end(), |_| ' ')
}

/// Text from a charm that may have several lines, and tabs: as harmless as [`one_line`].
pub fn lines(text: &str) -> String {
    // A terminal draws CR LF as a line end, and a lone CR over what stands there.
    tame(&text.replace("\r\n", "\n"), |c| if matches!(c, '\n' | '\t') { c } else { ' ' })
}

fn tame(text: &str, control: impl Fn(char) -> char) -> String {
    let turns =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    // Most texts are plain, and logs are long.
    if !text.chars().any(|c| c.is_control() || turns(c)) {
        return text.to_owned();
    }
    let plain = anstream::adapter::strip_str(text).to_string();
    let tamed = plain.chars().filter(|c| !turns(*c));
    tamed.map(|c| if c.is_control() { control(c) } else { c }).collect()
}

/// Blocks with a blank line between them; empty ones are left out.
pub fn blocks(parts: impl IntoIterator<Item = String>) -> String {
    parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_charm_says_cannot_steer_the_terminal() {
        for (said, shown) in [
            ("two\nlines\n", "two lines"),
            ("a\tb\rc\u{b}d", "a b cd"),
            ("\x1b[31mred\x1b[0m", "red"),
            ("\x1b]0;title\x07x", "x"),
            ("\x1b[2J\x1b[Hgone", "gone"),
            ("ab\u{202e}cd", "abcd"),
            ("größe ✓", "größe ✓"),
        ] {
            assert_eq!(one_line(said), shown, "{said:?}");
        }
        assert_eq!(lines("a\r\n\tb\x1b[2J\rc\u{202e}d\n"), "a\n\tb cd\n");
    }

    #[test]
    fn columns_line_up_and_rows_end_where_their_text_ends() {
        let mut table = Table::new(&["Name", "Rev", "Message"]).right(1);
        table.row(["a".into(), "7".into(), "two\nlines\n".into()]);
        table.row(["longer-é".into(), "12345".into(), "".into()]);
        table.row([Cell::styled("c", Style::new().bold()), "".into(), "".into()]);
        let plain = anstream::adapter::strip_str(&table.render()).to_string();
        insta::assert_snapshot!(plain, @r"
        Name        Rev  Message
        a             7  two lines
        longer-é  12345
        c
        ");
        assert!(plain.lines().all(|line| line.trim_end() == line));
    }
}
