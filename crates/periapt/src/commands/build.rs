//! What `deploy`, `refresh` and `pack` share: preparing a charm, with progress, and its resources.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use periapt_build::{BuildError, BuildOptions, Prepared, Progress};
use periapt_controller::api::requests::Upload;
use periapt_model::charm::{CharmMeta, ResourceKind};
use periapt_model::entity::Charm;
use periapt_model::names::{CharmId, ResourceName};

use crate::args::ResourceArg;
use crate::error::{CliError, Result, reading, writing};
use crate::output::say;
use crate::render::style::{DIM, WAITS, paint};
use crate::session::Session;

/// A spinner on a terminal, plain lines elsewhere.
pub struct Talk {
    bar: Option<ProgressBar>,
}

impl Talk {
    /// Says nothing yet.
    pub fn new() -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed:.dim}") {
                bar.set_style(style);
            }
            bar
        });
        Self { bar }
    }
}

impl Progress for Talk {
    fn step(&self, text: &str) {
        match &self.bar {
            Some(bar) => {
                bar.enable_steady_tick(Duration::from_millis(100));
                bar.set_message(text.to_owned());
            }
            None => say(text),
        }
    }

    fn line(&self, text: &str) {
        // Elsewhere the details of pip and cargo would bury what the command itself says.
        if let Some(bar) = &self.bar {
            let short: String = text.chars().take(100).collect();
            bar.suspend(|| say(paint(DIM, format!("  {short}"))));
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// The usual places in the home.
pub fn options(session: &Session) -> BuildOptions {
    BuildOptions::new(session.home.path())
}

/// The same for a charm that is to run here: one in Rust is built in a part of the time. Who names a profile gets just that.
pub fn quick(session: &Session) -> BuildOptions {
    let named = std::env::var_os("PERIAPT_CHARM_PROFILE").is_some_and(|name| !name.is_empty());
    BuildOptions { quick: !named, ..options(session) }
}

/// Makes a charm ready to run.
///
/// # Errors
/// What the build says, each mistake in the metadata on a line of its own.
pub fn prepare(source: &Path, options: &BuildOptions) -> Result<Prepared> {
    let talk = Talk::new();
    hold(&options.charms);
    let prepared = periapt_build::prepare(source, options, &talk).map_err(explain)?;
    touch(&prepared.tree);
    Ok(prepared)
}

/// What this command holds until it ends: see [`hold`].
static HELD: Mutex<BTreeMap<PathBuf, std::fs::File>> = Mutex::new(BTreeMap::new());

/// Keeps the daemon from clearing a folder of the home until this command has ended: what the command puts there is named by no
/// record before the daemon has answered. The daemon takes the same lock alone (`daemon/clear.rs`).
fn hold(folder: &Path) {
    let mut held = HELD.lock().unwrap_or_else(PoisonError::into_inner);
    if held.contains_key(folder) {
        return;
    }
    // Without such locks on the file system the daemon clears nothing either.
    let file = std::fs::create_dir_all(folder).and_then(|()| std::fs::File::open(folder));
    if let Ok(file) = file
        && rustix::fs::flock(&file, rustix::fs::FlockOperation::LockShared).is_ok()
    {
        held.insert(folder.to_owned(), file);
    }
}

/// Makes something look new that has been there and is wanted again: should this command be killed, the daemon may still be about
/// to name it.
fn touch(path: &Path) {
    let now = std::time::SystemTime::now();
    // It only saves making it again.
    std::fs::File::open(path).and_then(|file| file.set_modified(now)).ok();
}

/// What a charm's folder says of itself. None: it is no folder, or it has mistakes, which [`prepare`] reports.
pub fn meta_of_folder(source: &Path) -> Option<CharmMeta> {
    source.is_dir().then(|| periapt_build::load_meta(source).ok()).flatten()
}

/// A build's failure as a command's.
pub fn explain(error: BuildError) -> CliError {
    match &error {
        BuildError::Metadata { diagnostics } if diagnostics.len() > 1 => {
            CliError::new(format!("the charm's metadata has {} problems:\n{error}", diagnostics.len()))
        }
        _ => error.into(),
    }
}

/// The charm as the model keeps it; the daemon gives it its url and revision.
pub fn charm(prepared: &Prepared) -> Charm {
    Charm {
        id: CharmId(prepared.id.clone()),
        url: String::new(),
        revision: 0,
        version: prepared.version.clone(),
        meta: prepared.meta.clone(),
    }
}

/// `local:db-2` and `ch:amd64/db-2` are revision 2 of db.
pub fn split_url(url: &str) -> (&str, &str) {
    let name = url.rsplit_once([':', '/']).map_or(url, |(_, name)| name);
    name.rsplit_once('-').unwrap_or((name, "0"))
}

/// What the charm declares and Periapt does not have yet, in words.
pub fn missing(meta: &CharmMeta) -> Option<String> {
    let names =
        |kind: &str, names: Vec<&str>| (!names.is_empty()).then(|| format!("{kind} ({})", names.join(", ")));
    let images = meta.resources.iter().filter(|(_, r)| r.kind == ResourceKind::OciImage);
    let parts = [
        names("workload containers", meta.containers.keys().map(|k| k.as_str()).collect()),
        names("container images", images.map(|(k, _)| k.as_str()).collect()),
        names("devices", meta.devices.keys().map(String::as_str).collect()),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| {
        format!(
            "{} declares {}: that is not supported yet, and the charm runs without it",
            meta.name,
            parts.join(", ")
        )
    })
}

/// What the user should know of a charm.
pub struct Report<'a> {
    /// From the build.
    pub warnings: &'a [String],
    /// From [`missing`].
    pub missing: Option<&'a str>,
}

impl Report<'_> {
    /// Says it on standard error.
    pub fn print(&self) {
        for warning in self.warnings.iter().map(String::as_str).chain(self.missing) {
            say(format!("{} {warning}", paint(WAITS, "WARNING")));
        }
    }
}

/// Puts the files of resources into the home.
///
/// # Errors
/// A resource that the charm does not have or that is given twice; a file that cannot be copied.
pub fn upload(
    session: &Session,
    meta: &CharmMeta,
    args: &[ResourceArg],
) -> Result<BTreeMap<ResourceName, Upload>> {
    let mut uploads = BTreeMap::new();
    for ResourceArg { name, path } in args {
        let Some(resource) = meta.resources.get(name) else {
            let known: Vec<&str> = meta.resources.keys().map(ResourceName::as_str).collect();
            let hint = match known.as_slice() {
                [] => format!("{} has no resources", meta.name),
                known => format!("{} has {}", meta.name, known.join(", ")),
            };
            return Err(CliError::new(format!("unrecognized resource {:?}", name.as_str())).hint(hint));
        };
        if resource.kind == ResourceKind::OciImage {
            say(format!(
                "note: the image {name}={} is not used: workload containers come later",
                path.display()
            ));
            continue;
        }
        if uploads.insert(name.clone(), put(&session.home.resources(), path)?).is_some() {
            return Err(CliError::usage(format!("resource {:?} specified more than once", name.as_str())));
        }
    }
    Ok(uploads)
}

/// Copies a file under its hash; a file that is there already is not copied again.
///
/// # Errors
/// What the system says.
pub fn put(folder: &Path, path: &Path) -> Result<Upload> {
    // Before it is opened: that would wait for ever for a pipe's other end. A device has no end.
    let kind = std::fs::metadata(path).map_err(reading(path))?;
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { "no plain file" };
        return Err(CliError::new(format!("{} is {what}, and a resource is a file", path.display())));
    }
    let room = rustix::fs::statvfs(folder).map_err(|error| writing(folder)(error.into()))?;
    let room = room.f_bavail.saturating_mul(room.f_frsize);
    if kind.len() > room {
        return Err(CliError::new(format!(
            "{} has {} bytes, and there is room for {room} where it would be kept",
            path.display(),
            kind.len()
        )));
    }
    hold(folder);
    let mut source = std::fs::File::open(path).map_err(reading(path))?;
    let mut target = tempfile::NamedTempFile::new_in(folder).map_err(writing(folder))?;
    let mut hasher = blake3::Hasher::new();
    let (mut buffer, mut size) = (vec![0; 1 << 16], 0);
    loop {
        let count = std::io::Read::read(&mut source, &mut buffer).map_err(reading(path))?;
        let Some(part) = buffer.get(..count).filter(|part| !part.is_empty()) else { break };
        hasher.update(part);
        target.write_all(part).map_err(writing(folder))?;
        size += part.len() as u64;
    }
    let hash = hasher.finalize().to_hex().to_string();
    let place = folder.join(&hash);
    if !place.exists() {
        target.as_file().sync_all().map_err(writing(&place))?;
        target.persist(&place).map_err(|error| writing(&place)(error.error))?;
    }
    touch(&place);
    Ok(Upload { hash, size, store: None })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_lie_under_their_hash() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "content").unwrap();
        let store = tempfile::tempdir().unwrap();
        let first = put(store.path(), &file).unwrap();
        assert_eq!(first, put(store.path(), &file).unwrap());
        assert_eq!(first.size, 7);
        assert_eq!(std::fs::read(store.path().join(&first.hash)).unwrap(), b"content");
        assert_eq!(std::fs::read_dir(store.path()).unwrap().count(), 1);
        assert!(put(store.path(), folder.path()).unwrap_err().message.contains("is a folder"));
        assert!(
            put(store.path(), Path::new("/nowhere")).unwrap_err().message.starts_with("cannot read /nowhere")
        );
    }

    #[test]
    fn urls_name_the_revision_after_the_last_dash() {
        assert_eq!(split_url("local:my-db-12"), ("my-db", "12"));
        assert_eq!(split_url("ch:amd64/my-db-12"), ("my-db", "12"));
    }

    #[test]
    fn one_warning_names_everything_that_is_missing() {
        let metadata = "name: web\nsummary: s\ndescription: d\ncontainers:\n  app:\n    resource: img\n\
                        resources:\n  img:\n    type: oci-image\nstorage:\n  data:\n    type: filesystem\n";
        let files = periapt_model::charm::CharmFiles {
            metadata: Some(periapt_model::charm::SourceText::new("metadata.yaml", metadata)),
            ..Default::default()
        };
        let meta = periapt_model::charm::parse(&files).unwrap().meta;
        insta::assert_snapshot!(missing(&meta).unwrap(), @"web declares workload containers (app), container images (img): that is not supported yet, and the charm runs without it");
    }
}
