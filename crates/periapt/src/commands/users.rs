//! `users` and `show-user`: the one user there is.

use clap::Args;
use periapt_controller::views::OWNER;
use serde_json::{Value, json};

use crate::args::controller::{self, ControllerArgs};
use crate::args::{ModelArgs, ModelRef};
use crate::error::{CliError, Result};
use crate::output::{OutputFile, Structured, Tabular};
use crate::render::table::Table;
use crate::session::{Session, zone};

/// List the users of the controller, or of a model
#[derive(Args, Debug)]
#[command(visible_alias = "list-users")]
pub struct Users {
    /// Those who may use this model
    #[arg(value_name = "MODEL")]
    name: Option<ModelRef>,
    /// Disabled ones too; there are none
    #[arg(long)]
    all: bool,
    /// Show times in full
    #[arg(long)]
    exact_time: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "tabular")]
    format: Tabular,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    controller: ControllerArgs,
}

/// Show a user: there is one
#[derive(Args, Debug)]
pub struct ShowUser {
    /// The name
    name: Option<String>,
    /// Show times in full
    #[arg(long)]
    exact_time: bool,
    /// How to show
    #[arg(long, value_enum, default_value = "yaml")]
    format: Structured,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    controller: ControllerArgs,
}

/// The day on which the home was made, where the file system knows it.
fn created(session: &Session) -> String {
    let made = std::fs::metadata(session.home.path()).and_then(|found| found.created()).ok();
    let moment = made.and_then(|time| jiff::Timestamp::try_from(time).ok());
    moment.map(|moment| moment.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

fn user(session: &Session) -> Value {
    json!({
        "user-name": OWNER,
        "display-name": OWNER,
        "access": "superuser",
        "date-created": created(session),
        // Whoever asks is the one.
        "last-connection": "just now",
    })
}

impl Users {
    /// Lists it.
    pub async fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        if let Some(name) = self.name {
            let model = session.model(&ModelArgs { model: Some(name) })?.show(&zone(false)).await?;
            let table = || {
                let mut table = Table::new(&["Name", "Display name", "Access", "Last connection"]);
                for (name, user) in &model.users {
                    let cells =
                        [&format!("{name}*"), &user.display_name, &user.access, &user.last_connection];
                    table.row(cells.map(|text| text.as_str().into()));
                }
                table.render()
            };
            return self.output.write(&self.format.render(&model.users, table)?);
        }
        let user = user(session);
        let table = || {
            let header = ["Name", "Display name", "Access", "Date created", "Last connection"];
            let mut table = Table::new(&header);
            table.row([
                format!("{OWNER}*").into(),
                OWNER.into(),
                "superuser".into(),
                user["date-created"].as_str().unwrap_or_default().into(),
                "just now".into(),
            ]);
            format!("Controller: {}\n\n{}", controller::name(), table.render())
        };
        self.output.write(&self.format.render(&json!([user]), table)?)
    }
}

impl ShowUser {
    /// Shows it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        self.controller.check()?;
        match self.name.as_deref() {
            None | Some(OWNER) => self.output.write(&self.format.render(&user(session))?),
            Some(other) => Err(CliError::new(format!("user {other:?} not found"))
                .hint(format!("the only user here is {OWNER}"))),
        }
    }
}
