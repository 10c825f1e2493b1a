//! Mistakes in the YAML as messages of the compiler.

use periapt_model::charm::Diagnostic;

use crate::files::Files;

/// The mistake as text: file, line and column, the line itself with the place marked, and what to do.
pub(crate) fn render(diagnostic: &Diagnostic, files: &Files) -> String {
    let Diagnostic { file, line, column, length, message, help, .. } = diagnostic;
    let mut out = format!("{file}:{line}:{column}: {message}");
    let index = usize::try_from(line.saturating_sub(1)).unwrap_or(usize::MAX);
    let source = files.iter().find(|source| source.name == *file);
    if let Some(text) =
        source.and_then(|source| source.text.lines().nth(index)).filter(|t| !t.trim().is_empty())
    {
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let before = usize::try_from(column.saturating_sub(1)).unwrap_or(0);
        let left = text.chars().count().saturating_sub(before);
        let length = length.and_then(|n| usize::try_from(n).ok()).unwrap_or(1).clamp(1, left.max(1));
        // A tab counts as one column; it is kept, so that the mark stands under what it means.
        let pad: String = text.chars().take(before).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        out.push_str(&format!(
            "\n{margin} |\n{number} | {}\n{margin} | {pad}{}",
            text.trim_end(),
            "^".repeat(length)
        ));
    }
    if let Some(help) = help {
        out.push_str(&format!("\nhelp: {help}"));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Source;
    use periapt_model::charm::Severity;

    #[test]
    fn the_line_is_shown_and_the_place_marked() {
        let source = |text: &str| Files {
            charmcraft: Some(Source { path: "/x".into(), name: "charmcraft.yaml".into(), text: text.into() }),
            ..Files::default()
        };
        let diagnostic = |line, column, length, help: Option<&str>| Diagnostic {
            file: "charmcraft.yaml".into(),
            line,
            column,
            length,
            message: "wrong".into(),
            help: help.map(str::to_owned),
            severity: Severity::Error,
        };
        let files = source("a: b\n  long: thing\n");
        assert_eq!(
            render(&diagnostic(2, 3, Some(4), Some("mend it")), &files),
            "charmcraft.yaml:2:3: wrong\n  |\n2 |   long: thing\n  |   ^^^^\nhelp: mend it"
        );
        // A length that goes beyond the line, a place after its end, and a line that is not there.
        let one = |line, column, length| render(&diagnostic(line, column, length, None), &files);
        assert!(one(2, 9, Some(99)).ends_with("|         ^^^^^"), "{}", one(2, 9, Some(99)));
        assert!(one(1, 5, None).ends_with("a: b\n  |     ^"));
        assert_eq!(one(9, 1, None), "charmcraft.yaml:9:1: wrong");
    }
}
