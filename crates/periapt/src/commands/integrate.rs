//! `integrate`

use clap::Args;

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::session::Session;

/// Relate two applications
#[derive(Args, Debug)]
#[command(visible_aliases = ["relate", "add-relation"])]
pub struct Integrate {
    /// One application, perhaps with its endpoint
    #[arg(value_name = "APP[:ENDPOINT]", add = complete::apps())]
    a: String,
    /// The other
    #[arg(value_name = "APP[:ENDPOINT]", add = complete::apps())]
    b: String,
    /// Without effect: everything runs on this machine
    #[arg(long)]
    via: Option<String>,
    #[command(flatten)]
    model: ModelArgs,
}

impl Integrate {
    /// Asks for the relation.
    pub async fn run(self, session: &Session) -> Result {
        session.model(&self.model)?.integrate(&self.a, &self.b).await?;
        Ok(())
    }
}
