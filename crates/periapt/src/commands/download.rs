//! `download`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use periapt_model::channel::Channel;
use periapt_model::names::AppName;

use super::source::FromStore;
use crate::charm_store::CharmStore;
use crate::error::{CliError, Result, reading, writing};
use crate::output::say;
use crate::session::Session;

/// Write a charm of the local store to a .charm file
#[derive(Args, Debug)]
pub struct Download {
    /// The charm
    #[arg(value_name = "CHARM", value_parser = charm_name)]
    charm: AppName,
    /// The channel to take it from
    #[arg(long, default_value = "latest/stable")]
    channel: Channel,
    /// This revision, whichever channel it is in
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    /// Where to write it; - is standard output [default: NAME_rREVISION.charm]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    filepath: Option<PathBuf>,
    /// Without effect: the store has one file for each revision
    #[arg(long)]
    base: Option<String>,
    /// Without effect: the store has one file for each revision
    #[arg(long)]
    arch: Option<String>,
}

/// `NAME` or `ch:NAME`.
pub fn charm_name(text: &str) -> std::result::Result<AppName, String> {
    AppName::new(text.strip_prefix("ch:").unwrap_or(text))
        .map_err(|error| format!("{text:?} is not a valid charm name: {}", error.rule))
}

impl Download {
    /// Writes it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let store = CharmStore::of(&session.home);
        let found = FromStore::choose(&store, &self.charm, &self.channel, self.revision)?;
        let (name, revision) = (&found.url.name, found.url.revision);
        say(format!(
            "Fetching charm {:?} revision {revision} using {:?} channel",
            name.as_str(),
            self.channel.to_string()
        ));
        if self.filepath.as_deref() == Some(Path::new("-")) {
            let mut file = std::fs::File::open(&found.archive).map_err(reading(&found.archive))?;
            let mut out = std::io::stdout().lock();
            let copied = std::io::copy(&mut file, &mut out).and_then(|_| out.flush());
            return copied.map_err(|error| CliError::output(&error));
        }
        let target = self.filepath.clone().unwrap_or_else(|| format!("{name}_r{revision}.charm").into());
        write(&found.archive, &target)?;
        let shown = target.display();
        let dot = if target.is_absolute() { "" } else { "./" };
        say(format!(
            "Install the {:?} charm with:\n    {} deploy {dot}{shown}",
            name.as_str(),
            session.program
        ));
        Ok(())
    }
}

/// Writes a copy that is there as a whole or not at all. A file that is there stays.
fn write(from: &Path, target: &Path) -> Result {
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(writing(folder))?;
    let mut source = std::fs::File::open(from).map_err(reading(from))?;
    std::io::copy(&mut source, &mut file).map_err(writing(target))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(mode).map_err(writing(target))?;
    match file.persist_noclobber(target) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            Err(CliError::new(format!("{} is there already", target.display()))
                .hint("remove it, or name another file with --filepath"))
        }
        Err(error) => Err(writing(target)(error.error)),
    }
}
