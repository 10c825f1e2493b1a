//! What is printed.

/// One line of the table.
#[derive(Debug)]
pub struct Row {
    pub what: String,
    pub goal: String,
    pub measured: String,
    pub floor: String,
    /// Whether the goal is met; none where there is no goal.
    pub met: Option<bool>,
}

impl Row {
    pub fn new(what: &str, goal: &str, measured: String, floor: String) -> Self {
        Self { what: what.to_owned(), goal: goal.to_owned(), measured, floor, met: None }
    }

    pub fn met(self, met: bool) -> Self {
        Self { met: Some(met), ..self }
    }
}

/// A table in Markdown.
pub fn render(rows: &[Row]) -> String {
    let mut out = String::from("| what | goal | measured | floor | |\n| --- | --- | --- | --- | --- |\n");
    for Row { what, goal, measured, floor, met } in rows {
        let verdict = match met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "",
        };
        out.push_str(&format!("| {what} | {goal} | {measured} | {floor} | {verdict} |\n"));
    }
    out
}
