//! `download`

use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use periapt_model::channel::Channel;
use periapt_model::names::AppName;

use super::source::FromStore;
use crate::args::base::Filter;
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
    /// The channel to take it from [default: latest/stable]
    #[arg(long)]
    channel: Option<Channel>,
    /// This revision, whichever channel it is in
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    /// Where to write it; - is standard output [default: NAME_rREVISION.charm]
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    filepath: Option<PathBuf>,
    /// - for standard output
    #[arg(value_name = "-", hide = true, value_parser = ["-"])]
    output: Option<String>,
    /// Refuse a charm that is not for this operating system
    #[arg(long, value_name = "NAME@VERSION")]
    base: Option<String>,
    /// The same, by its series. Deprecated: use --base
    #[arg(long, hide = true)]
    series: Option<String>,
    /// Refuse a charm that is not for this architecture
    #[arg(long)]
    arch: Option<String>,
    /// Without effect: no progress is shown
    #[arg(long, hide = true)]
    no_progress: bool,
}

/// `NAME` or `ch:NAME`.
pub fn charm_name(text: &str) -> std::result::Result<AppName, String> {
    AppName::new(text.strip_prefix("ch:").unwrap_or(text))
        .map_err(|error| format!("{text:?} is not a valid charm name: {}", error.rule))
}

impl Download {
    /// Writes it. Needs no daemon.
    pub fn run(self, session: &Session) -> Result {
        let filter = Filter::new(self.base.as_deref(), self.series.as_deref(), self.arch.as_deref())?;
        if self.revision.is_some() && (self.channel.is_some() || !filter.is_empty()) {
            return Err(CliError::usage(
                "--revision cannot be specified together with --arch, --base, --channel or --series",
            ));
        }
        if self.output.is_some() && self.filepath.is_some() {
            return Err(CliError::usage("--filepath names another file than standard output"));
        }
        let store = CharmStore::of(&session.home);
        let channel = self.channel.clone().unwrap_or_default();
        let found = FromStore::choose(&store, &self.charm, &channel, self.revision)?;
        let (name, revision) = (&found.url.name, found.url.revision);
        if !filter.takes(&found.meta.bases) {
            return Err(CliError::new(format!(
                "no charm {:?} of this base and architecture in channel {channel}",
                name.as_str()
            ))
            .hint(format!("{} info {name} shows what there is", session.program)));
        }
        say(format!(
            "Fetching charm {:?} revision {revision} using {:?} channel",
            name.as_str(),
            channel.to_string()
        ));
        if self.output.is_some() || self.filepath.as_deref() == Some(Path::new("-")) {
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
