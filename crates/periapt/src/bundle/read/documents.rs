//! The documents of a file: a bundle, and what lies over it.

/// The most documents of one file.
pub(super) const MOST_DOCUMENTS: usize = 20;

/// The documents of a file, each with as many empty lines in front as keep the places of its lines; of more than
/// [`MOST_DOCUMENTS`] no more than that they are too many.
pub(super) fn documents(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for (number, line) in text.lines().enumerate() {
        let is_start = line
            .strip_prefix("---")
            .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '#']));
        if is_start && documents.len() > MOST_DOCUMENTS * 2 {
            // Each has the lines of all before it: that would be the square of the file.
            return documents;
        }
        if is_start {
            documents.push("\n".repeat(number));
        }
        if let Some(document) = documents.last_mut() {
            document.push_str(line.strip_prefix("---").filter(|_| is_start).unwrap_or(line));
            document.push('\n');
        }
    }
    let is_empty = |text: &String| {
        text.lines().all(|line| line.trim_start().is_empty() || line.trim_start().starts_with('#'))
    };
    documents.retain(|document| !is_empty(document));
    documents
}
