//! Reading and writing the files that say what a charm is.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read as _;
use std::path::Path;

use periapt_model::charm::{self, Base, CharmFiles, CharmMeta, Parsed, SourceText};
use periapt_model::entity::nearest;

use crate::BuildError;
use crate::error::shown;
use crate::regular;
use crate::tree::{set_mode, write_file};

/// Reads and checks the metadata of a charm's folder or tree. Messages call the files by their paths.
///
/// # Errors
/// [`BuildError::NotACharm`] if there is nothing to read, [`BuildError::Metadata`] with every mistake.
pub fn read(folder: &Path) -> Result<(Parsed, CharmFiles), BuildError> {
    let files = files_of(folder)?;
    if files.metadata.is_none() && files.charmcraft.is_none() {
        let mut problem = String::from("has neither metadata.yaml nor charmcraft.yaml");
        let below = charms_below(folder);
        if !below.is_empty() {
            problem.push_str(", but there are charms below it (");
            problem.push_str(&below.join(", "));
            problem.push(')');
        }
        return Err(BuildError::not_a_charm(folder, problem));
    }
    let parsed = charm::parse(&files).map_err(|diagnostics| BuildError::Metadata { diagnostics })?;
    Ok((parsed, files))
}

/// The folders of charms up to two levels below a folder, for who gives the root of a repository that has several.
fn charms_below(folder: &Path) -> Vec<String> {
    let folders = |parent: &Path| -> Vec<String> {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        let names = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        names
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| !name.starts_with('.'))
            .collect()
    };
    let is_charm =
        |path: &str| ["charmcraft.yaml", "metadata.yaml"].iter().any(|f| folder.join(path).join(f).is_file());
    let first = folders(folder);
    let second = first
        .iter()
        .flat_map(|name| folders(&folder.join(name)).into_iter().map(move |it| format!("{name}/{it}")));
    let mut found: Vec<String> = second.chain(first.iter().cloned()).filter(|path| is_charm(path)).collect();
    found.sort_unstable();
    if found.len() > MOST_TOLD {
        found.truncate(MOST_TOLD);
        found.push("…".to_owned());
    }
    found
}

/// So many charms are named where a folder is none.
const MOST_TOLD: usize = 8;

fn files_of(folder: &Path) -> Result<CharmFiles, BuildError> {
    let file = |name: &str| {
        let path = folder.join(name);
        match text_of(&path) {
            Ok(text) if text.len() as u64 > LONGEST => Err(BuildError::invalid(
                &path,
                format!("it is longer than {LONGEST} bytes, and no charm needs that"),
            )),
            Ok(text) => Ok(Some(SourceText::new(path.display().to_string(), text))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(BuildError::io("read", &path)(error)),
        }
    };
    Ok(CharmFiles {
        metadata: file("metadata.yaml")?,
        charmcraft: file("charmcraft.yaml")?,
        config: file("config.yaml")?,
        actions: file("actions.yaml")?,
        manifest: file("manifest.yaml")?,
    })
}

/// The longest file of metadata. A small archive may unpack to a large one.
const LONGEST: u64 = 16 << 20;

/// The text of a file, or a little more of it than [`LONGEST`].
fn text_of(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    regular::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Reads the metadata of a packed charm or of a tree. A `charmcraft.yaml` in it was for the build, and says nothing more.
///
/// # Errors
/// As for [`read`].
pub fn read_packed(tree: &Path) -> Result<Parsed, BuildError> {
    let files = CharmFiles { charmcraft: None, ..files_of(tree)? };
    charm::parse(&files).map_err(|diagnostics| BuildError::Metadata { diagnostics })
}

/// Writes the files of a packed charm into a tree, as far as they are not there.
///
/// # Errors
/// Files that cannot be written.
pub fn write(tree: &Path, files: &CharmFiles, bases: &[Base]) -> Result<(), BuildError> {
    let packed = charm::split(files, bases).map_err(|diagnostics| BuildError::Metadata { diagnostics })?;
    // Without a base there is nothing that a manifest could say.
    let manifest = (!bases.is_empty() || files.manifest.is_some()).then_some(packed.manifest);
    for (name, text) in [
        ("metadata.yaml", Some(packed.metadata)),
        ("config.yaml", packed.config),
        ("actions.yaml", packed.actions),
        ("manifest.yaml", manifest),
    ] {
        let path = tree.join(name);
        if let Some(text) = text
            && !path.exists()
        {
            write_file(&path, &text, false)?;
        }
    }
    Ok(())
}

/// Makes the programs in `hooks/` that the charm's metadata names executable, as Juju does on packing and after unpacking
/// (Juju 3.6: charm archives).
///
/// # Errors
/// Modes that cannot be changed.
pub fn make_hooks_executable(tree: &Path, meta: &CharmMeta) -> Result<(), BuildError> {
    let names = hook_names(meta);
    for name in crate::dispatch::hooks_of(tree) {
        let hook = tree.join("hooks").join(&name);
        if names.contains(&name) && !hook.is_symlink() && !crate::command::is_executable(&hook) {
            set_mode(&hook, true)?;
        }
    }
    Ok(())
}

/// What no event runs of the programs in `hooks/`: slips of the pen, and what is about an endpoint, a storage or a container that
/// the charm does not have. Other names may be those of helpers.
#[must_use]
pub fn idle_hooks(tree: &Path, meta: &CharmMeta) -> Vec<String> {
    const SUBJECTS: [(&str, &str); 11] = [
        ("-relation-created", "endpoint"),
        ("-relation-joined", "endpoint"),
        ("-relation-changed", "endpoint"),
        ("-relation-departed", "endpoint"),
        ("-relation-broken", "endpoint"),
        ("-storage-attached", "storage"),
        ("-storage-detaching", "storage"),
        ("-pebble-ready", "container"),
        ("-pebble-custom-notice", "container"),
        ("-pebble-check-failed", "container"),
        ("-pebble-check-recovered", "container"),
    ];
    let known = hook_names(meta);
    let is_odd = |name: &String| !known.contains(name) && name != "periapt-wake" && !name.contains('.');
    let tell = |name: String| {
        let about = SUBJECTS.iter().find_map(|(kind, what)| Some((name.strip_suffix(kind)?, kind, what)));
        let why = match about {
            Some((subject, kind, what)) => {
                // What follows is long and right: only the subject counts.
                let others = known.iter().filter_map(|name| name.strip_suffix(kind));
                let near =
                    nearest(subject, others).map(|near| format!(" (did you mean hooks/{near}{kind}?)"));
                format!("the charm has no {what} {subject:?}{}", near.unwrap_or_default())
            }
            None => {
                // A short name is as near to another as to its own: a helper such as `stat` is no slip.
                let near = nearest(&name, known.iter().map(String::as_str)).filter(|_| name.len() >= 5)?;
                format!("no event has that name (did you mean hooks/{near}?)")
            }
        };
        Some(format!("hooks/{} is never run: {why}", shown(Path::new(&name))))
    };
    crate::dispatch::hooks_of(tree).into_iter().filter(is_odd).filter_map(tell).collect()
}

fn hook_names(meta: &CharmMeta) -> BTreeSet<String> {
    const COMMON: [&str; 14] = [
        "install",
        "start",
        "config-changed",
        "upgrade-charm",
        "stop",
        "remove",
        "update-status",
        "leader-elected",
        "leader-settings-changed",
        "leader-deposed",
        "collect-metrics",
        "meter-status-changed",
        "pre-series-upgrade",
        "post-series-upgrade",
    ];
    const SECRET: [&str; 4] = ["secret-changed", "secret-rotate", "secret-remove", "secret-expired"];
    let mut names: BTreeSet<String> = COMMON.iter().chain(&SECRET).map(|&name| name.to_owned()).collect();
    let mut add =
        |subject: &str, kinds: &[&str]| names.extend(kinds.iter().map(|kind| format!("{subject}-{kind}")));
    let relation =
        ["relation-created", "relation-joined", "relation-changed", "relation-departed", "relation-broken"];
    add("juju-info", &relation);
    for endpoint in meta.endpoints.keys() {
        add(endpoint.as_ref(), &relation);
    }
    for storage in meta.storages.keys() {
        add(storage.as_ref(), &["storage-attached", "storage-detaching"]);
    }
    for container in meta.containers.keys() {
        add(
            container.as_ref(),
            &["pebble-ready", "pebble-custom-notice", "pebble-check-failed", "pebble-check-recovered"],
        );
    }
    names
}

/// Which of the Charmhub libraries that `charmcraft.yaml` names are not in `lib/`: they are fetched at build time.
#[must_use]
pub fn missing_libraries(folder: &Path, parsed: &Parsed) -> Vec<String> {
    parsed
        .charm_libs
        .iter()
        .filter(|library| {
            let Some((charm, name)) = library.lib.split_once('.') else { return false };
            let major = library.version.split('.').next().unwrap_or("0");
            let charm = charm.replace('-', "_");
            !folder.join(format!("lib/charms/{charm}/v{major}/{name}.py")).is_file()
        })
        .map(|library| format!("{} {}", library.lib, library.version))
        .collect()
}
