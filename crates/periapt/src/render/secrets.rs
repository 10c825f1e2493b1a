//! `secrets`: the table.

use periapt_controller::views::secret::SecretList;
use periapt_model::time::Timestamp;

use super::table::Table;

/// One secret a line, in Juju's columns: by owner, the most revised first.
pub fn table(list: &SecretList, now: Timestamp) -> String {
    let mut table = Table::new(&["ID", "Name", "Owner", "Rotation", "Revision", "Last updated"]).right(4);
    let mut secrets: Vec<_> = list.iter().collect();
    secrets.sort_by(|(_, a), (_, b)| (&a.owner, b.revision).cmp(&(&b.owner, a.revision)));
    for (id, secret) in secrets {
        table.row([
            id.as_str().into(),
            secret.name.as_deref().unwrap_or("-").into(),
            secret.owner.as_str().into(),
            secret.rotation.as_deref().unwrap_or_default().into(),
            secret.revision.to_string().into(),
            Timestamp::parse_rfc3339(&secret.updated).map(|at| ago(at, now)).unwrap_or_default().into(),
        ]);
    }
    table.render()
}

/// How long ago that was, within a day; else the date.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.since(at).as_secs();
    let count =
        |number: u64, what: &str| format!("{number} {what}{} ago", if number == 1 { "" } else { "s" });
    match seconds {
        0 => "just now".to_owned(),
        1..60 => count(seconds, "second"),
        60..3600 => count(seconds / 60, "minute"),
        3600..86400 => count(seconds / 3600, "hour"),
        _ => at.to_rfc3339().chars().take(10).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_words_within_a_day() {
        let start = Timestamp::parse_rfc3339("2026-01-31T10:00:00Z").unwrap();
        for (seconds, words) in [
            (0, "just now"),
            (1, "1 second ago"),
            (59, "59 seconds ago"),
            (60, "1 minute ago"),
            (7300, "2 hours ago"),
            (86400, "2026-01-31"),
        ] {
            assert_eq!(ago(start, start + std::time::Duration::from_secs(seconds)), words);
        }
        assert_eq!(ago(start, start - std::time::Duration::from_secs(9)), "just now", "clocks may step back");
    }
}
