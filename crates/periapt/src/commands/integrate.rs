//! `integrate`

use clap::Args;

use crate::args::controller::without_ours;
use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::session::Session;

/// Relate two applications
#[derive(Args, Debug)]
#[command(visible_aliases = ["relate", "add-relation"])]
pub struct Integrate {
    /// One application or consumed offer, perhaps with its endpoint, or the url of an offer
    #[arg(value_name = "APP[:ENDPOINT]|MODEL.OFFER[:ENDPOINT]", add = complete::apps())]
    a: String,
    /// The other
    #[arg(value_name = "APP[:ENDPOINT]|MODEL.OFFER[:ENDPOINT]", add = complete::apps())]
    b: String,
    /// The networks that their units' traffic comes from, as they tell each other [default: the units' own addresses]
    #[arg(long, value_name = "CIDR,…", value_delimiter = ',')]
    via: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

impl Integrate {
    /// Asks for the relation.
    pub async fn run(self, session: &Session) -> Result {
        let (a, b) = (without_ours(&self.a), without_ours(&self.b));
        session.model(&self.model)?.integrate_via(a, b, self.via).await?;
        Ok(())
    }
}
