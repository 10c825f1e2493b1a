//! `replay`

use std::time::Duration;

use clap::Args;
use periapt_model::names::UnitName;

use super::operation::{Follow, Format, Kind};
use crate::args::{ModelArgs, complete, duration};
use crate::error::Result;
use crate::output::OutputFile;
use crate::session::Session;

/// Run a recorded event of a unit again
///
/// The charm sees the same event in today's model. It moves nothing in what the agent remembers.
#[derive(Args, Debug)]
#[command(after_help = "Example:
  periapt tail db/0 --no-follow     the numbers after # are event ids
  periapt replay db/0 17")]
pub struct Replay {
    /// The unit
    #[arg(add = complete::units())]
    unit: UnitName,
    /// The event's number, as tail shows it
    #[arg(value_name = "EVENT-ID", value_parser = event_id)]
    event: u64,
    /// How long to wait for its end
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    wait: Duration,
    /// Do not wait
    #[arg(long, conflicts_with = "wait")]
    background: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "plain")]
    format: Format,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// `17` or `#17`, as `tail` writes it.
fn event_id(text: &str) -> std::result::Result<u64, String> {
    text.trim_start_matches('#')
        .parse()
        .map_err(|_| "expected the number of an event, as tail shows it after #".to_owned())
}

impl Replay {
    /// Starts it, and shows what came of it.
    pub async fn run(self, session: &Session) -> Result {
        let model = session.model(&self.model)?;
        let started = model.replay(&self.unit, self.event).await?;
        let follow = Follow {
            wait: (!self.background).then_some(self.wait),
            kind: Kind::Actions,
            format: self.format,
            utc: false,
            output: &self.output,
        };
        follow.run(&model, &started).await
    }
}
