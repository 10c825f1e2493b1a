//! `expose` and `unexpose`

use clap::Args;
use periapt_controller::api::requests;
use periapt_model::names::{AppName, EndpointName};

use crate::args::{ModelArgs, complete};
use crate::error::Result;
use crate::session::Session;

/// Mark an application as reachable from outside
#[derive(Args, Debug)]
pub struct Expose {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// Only these endpoints of it
    #[arg(long, value_name = "ENDPOINT,…", value_delimiter = ',')]
    endpoints: Vec<EndpointName>,
    /// Only to these network spaces: kept and shown, there is no firewall
    #[arg(long, value_name = "SPACE,…", value_delimiter = ',')]
    to_spaces: Vec<String>,
    /// Only to these networks: kept and shown, there is no firewall
    #[arg(long, value_name = "CIDR,…", value_delimiter = ',')]
    to_cidrs: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Take the mark of expose back
#[derive(Args, Debug)]
pub struct Unexpose {
    /// The application
    #[arg(add = complete::apps())]
    application: AppName,
    /// Only these endpoints of it
    #[arg(long, value_name = "ENDPOINT,…", value_delimiter = ',')]
    endpoints: Vec<EndpointName>,
    #[command(flatten)]
    model: ModelArgs,
}

impl Expose {
    /// Sets the mark.
    pub async fn run(self, session: &Session) -> Result {
        let request =
            requests::Expose { endpoints: self.endpoints, spaces: self.to_spaces, cidrs: self.to_cidrs };
        session.model(&self.model)?.expose_to(&self.application, &request).await?;
        Ok(())
    }
}

impl Unexpose {
    /// Takes the mark.
    pub async fn run(self, session: &Session) -> Result {
        let request = requests::Unexpose { endpoints: self.endpoints };
        session.model(&self.model)?.unexpose(&self.application, &request).await?;
        Ok(())
    }
}
