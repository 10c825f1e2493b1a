//! `status`

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::{Args, ValueEnum};
use periapt_controller::views::status::{InvalidSelector, Selector, StatusReport};
use periapt_controller::views::{CONTROLLER, OWNER};

use crate::args::{ModelArgs, complete, controller, duration};
use crate::error::{CliError, FAILED, Result};
use crate::output::{self, Colour, OutputFile, say};
use crate::render::{status as render, time::Clock};
use crate::session::{Session, zone};

/// A selector as it was written. An empty one would select everything.
fn selector(text: &str) -> std::result::Result<String, InvalidSelector> {
    text.parse::<Selector>().map(|_| text.to_owned())
}

/// Show the model: its applications, units, machines and relations
#[derive(Args, Debug)]
#[command(visible_alias = "show-status")]
pub struct Status {
    /// Only these applications, units and machines; * stands for any text
    #[arg(value_name = "SELECTOR", value_parser = selector, add = complete::apps_and_units())]
    selectors: Vec<String>,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Format,
    /// Show relations too
    #[arg(long, visible_alias = "integrations")]
    relations: bool,
    /// Show storages too
    #[arg(long)]
    storage: bool,
    /// Show it again and again, so far apart
    #[arg(long, value_name = "TIME", value_parser = duration)]
    watch: Option<Duration>,
    /// Show times in UTC
    #[arg(long)]
    utc: bool,
    /// Without effect: the daemon is on this machine
    #[arg(long, hide = true)]
    retry_count: Option<u32>,
    /// Without effect: the daemon is on this machine
    #[arg(long, hide = true)]
    retry_delay: Option<String>,
    #[command(flatten)]
    colour: Colour,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables
    Tabular,
    /// One line for each unit
    #[value(alias = "line", alias = "short")]
    Oneline,
    /// Counts
    Summary,
    /// JSON on one line
    Json,
    /// YAML
    Yaml,
}

/// The same with the controller's name as `bootstrap` gave it, which the daemon does not know.
fn renamed(mut report: StatusReport) -> StatusReport {
    let name = controller::name();
    if name != CONTROLLER {
        for saas in report.status.application_endpoints.values_mut() {
            if let Some((CONTROLLER, rest)) = saas.url.split_once(':') {
                saas.url = format!("{name}:{rest}");
            }
        }
        report.status.model.controller = name;
    }
    report
}

impl Status {
    /// Shows it once, or until nobody looks any more.
    pub async fn run(self, session: &Session) -> Result {
        self.colour.apply();
        let model = session.model(&self.model)?;
        let zone = zone(self.utc);
        let Some(every) = self.watch else {
            let report = renamed(model.status(&self.selectors, &zone).await?);
            self.output.write(&self.text(&report)?)?;
            let matched = self.say_if_empty(&report);
            // Juju takes a selector that selects nothing for a success.
            return if matched || session.is_juju() { Ok(()) } else { Err(CliError::silent(FAILED)) };
        };
        let clears = std::io::stdout().is_terminal();
        let mut clock = Clock::system(self.utc);
        loop {
            let text = self.text(&renamed(model.status(&self.selectors, &zone).await?))?;
            clock.tick();
            let heading = render::watch_heading(every, &clock.moment(clock.now));
            // The cursor goes home and the rest is cleared after the new text: the screen never blinks.
            match clears {
                true => {
                    let lines: String =
                        format!("{heading}{text}").lines().map(|l| format!("{l}\x1b[K\n")).collect();
                    let mut stdout = std::io::stdout().lock();
                    let shown = anstream::AutoStream::choice(&stdout) != anstream::ColorChoice::Never;
                    let lines = if shown { lines } else { anstream::adapter::strip_str(&lines).to_string() };
                    std::io::Write::write_all(&mut stdout, format!("\x1b[H{lines}\x1b[J").as_bytes())
                        .and_then(|()| std::io::Write::flush(&mut stdout))
                        .map_err(|e| CliError::output(&e))?;
                }
                false => output::print(&format!("{heading}{text}\n"))?,
            }
            tokio::time::sleep(every).await;
        }
    }

    fn text(&self, report: &StatusReport) -> Result<String> {
        Ok(match self.format {
            Format::Tabular => render::tabular(report, self.relations, self.storage),
            Format::Oneline => render::oneline(&report.status),
            Format::Summary => render::summary(&report.status),
            Format::Json => output::json(&report.status)?,
            Format::Yaml => output::yaml(&report.status)?,
        })
    }

    /// Whether the selectors select anything; an empty model is said to be so.
    fn say_if_empty(&self, report: &StatusReport) -> bool {
        let status = &report.status;
        let is_empty = status.applications.is_empty()
            && status.machines.is_empty()
            && status.application_endpoints.is_empty();
        match self.selectors.is_empty() {
            true if is_empty && self.format == Format::Tabular => {
                // Below the table, behind an empty line.
                say(format!("\nModel \"{OWNER}/{}\" is empty.", status.model.name));
            }
            false if is_empty => {
                let s = if self.selectors.len() == 1 { "" } else { "s" };
                say(format!("Nothing matched specified filter{s}."));
            }
            _ => {}
        }
        !is_empty || self.selectors.is_empty()
    }
}
