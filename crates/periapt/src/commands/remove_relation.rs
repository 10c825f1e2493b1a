//! `remove-relation`

use clap::Args;
use periapt_controller::api::requests::{self, WantedRelation};

use crate::args::{ModelArgs, complete};
use crate::error::{CliError, Result};
use crate::session::Session;

/// Remove a relation
#[derive(Args, Debug)]
pub struct RemoveRelation {
    /// Both ends, or the relation's number
    #[arg(required = true, num_args = 1..=2, value_name = "APP[:ENDPOINT]|ID", add = complete::apps())]
    relation: Vec<String>,
    /// At once, without hooks
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    model: ModelArgs,
}

impl RemoveRelation {
    fn wanted(&self) -> Result<WantedRelation> {
        match self.relation.as_slice() {
            [a, b] => Ok(WantedRelation::Ends(a.clone(), b.clone())),
            [id] => id.parse().map(WantedRelation::Id).map_err(|_| {
                CliError::usage(format!("{id:?} is no relation: give both of its ends, or its number"))
                    .hint("periapt status --relations shows them")
            }),
            _ => Err(CliError::usage("give both ends of the relation, or its number")),
        }
    }

    /// Asks for its end.
    pub async fn run(self, session: &Session) -> Result {
        let request = requests::RemoveRelation { relation: self.wanted()?, force: self.force };
        session.model(&self.model)?.remove_relation(&request).await?;
        Ok(())
    }
}
