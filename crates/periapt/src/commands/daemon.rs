//! `daemon run|start|stop|status`

use clap::{Args, Subcommand};
use periapt_model::time::Timestamp;

use crate::daemon;
use crate::error::{CliError, FAILED, Result};
use crate::output::{Tabular, print, say};
use crate::render::time::{Clock, span};
use crate::session::Session;

/// Run, start, stop or look at the daemon, which the first command starts by itself
#[derive(Args, Debug)]
pub struct Daemon {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Be the daemon, in the foreground: for systemd and for debugging
    Run {
        /// How the daemon is started by others: it says one line when it is ready
        #[arg(long, hide = true)]
        background: bool,
    },
    /// Start it in the background, unless it runs
    Start,
    /// End it, and wait until it has ended; charms keep their place
    Stop,
    /// Show whether it runs
    Status {
        /// How to show
        #[arg(long, value_enum, default_value = "tabular")]
        format: Tabular,
    },
}

impl Daemon {
    /// Does it. `daemon run` must be called outside of an async runtime: it makes its own.
    pub fn run(self, session: &Session) -> Result {
        let home = &session.home;
        match self.what {
            What::Run { background } => {
                let ran = daemon::run(home, background);
                ran.map_err(|error| match (background, &error) {
                    // In the background it has told its reason to whoever started it.
                    (true, daemon::DaemonError::Running { .. }) => CliError::silent(daemon::ALREADY_RUNS),
                    (true, _) => CliError::silent(FAILED),
                    (false, _) => error.into(),
                })
            }
            What::Start => {
                let ran = daemon::running(home);
                daemon::ensure_running(home)?;
                say(if ran { "the daemon runs already" } else { "the daemon is started" });
                Ok(())
            }
            What::Stop => match daemon::stop(home) {
                Ok(true) => {
                    say("the daemon has ended");
                    Ok(())
                }
                Ok(false) => {
                    say("no daemon runs");
                    Ok(())
                }
                Err(error) => Err(CliError::new(format!("cannot stop the daemon: {error}"))),
            },
            What::Status { format } => status(session, format),
        }
    }
}

/// Exit 1 when none runs, so that scripts can ask.
fn status(session: &Session, format: Tabular) -> Result {
    let home = &session.home;
    if !daemon::running(home) {
        let (value, words) = match daemon::deaf(home) {
            Some(pid) => (
                serde_json::json!({"running": true, "ok": false, "pid": pid, "home": home.path()}),
                format!("{}\n", daemon::StartError::Deaf { pid, socket: home.socket() }),
            ),
            None => (
                serde_json::json!({"running": false, "home": home.path()}),
                format!("no daemon runs for {}\n", home.path().display()),
            ),
        };
        print(&format.render(&value, || words)?)?;
        return Err(CliError::silent(FAILED));
    }
    let client = periapt_controller::client::Client::new(home.socket());
    let health = super::block_on(client.health())??;
    let clock = Clock::system(false);
    let table = || {
        let well = match &health.failure {
            Some(reason) => format!("it cannot store anything: {reason}"),
            None => "it is well".to_owned(),
        };
        format!(
            "the daemon runs (process {}, version {}) since {}, for {}\n{well}\nmodels: {}, units: {}, home: {}\n",
            health.pid,
            health.version,
            clock.moment(health.started),
            span(clock.now.since(health.started)),
            health.models,
            health.units,
            home.path().display(),
        )
    };
    let mut value = crate::output::to_value(&health)?;
    if let Some(map) = value.as_object_mut() {
        let Timestamp(_) = health.started;
        map.insert("running".to_owned(), true.into());
        map.insert("home".to_owned(), home.path().display().to_string().into());
    }
    print(&format.render(&value, table)?)?;
    match health.ok {
        true => Ok(()),
        false => Err(CliError::silent(1)),
    }
}
