//! Whole folders, into a container and out of it (ops: `push_path`, `pull_path`).

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use periapt_pebble::{FileInfo, FileOptions, FileType, Pebble};

use super::Workload;
use crate::error::Error;

/// What went wrong with some files of a folder. All others were copied.
#[derive(Debug, thiserror::Error)]
#[error("{} of the files could not be copied: {}", .0.len(), .0.iter().map(|(path, why)| format!("{path} ({why})")).collect::<Vec<_>>().join(", "))]
pub struct NotCopied(pub Vec<(String, String)>);

impl Workload<'_> {
    /// Copies a file, or a folder with all that is in it, into the container. Links are followed; modes are kept. `remote`
    /// is what the copy is called.
    ///
    /// # Errors
    /// Pebble cannot be reached, which is temporary; [`NotCopied`] with what could not be copied, after all else was.
    pub fn push_tree(&self, local: &Path, remote: &str) -> Result<(), Error> {
        let pebble = self.pebble()?;
        let mut failed = Vec::new();
        push(&*pebble, local, remote.trim_end_matches('/'), &mut failed)?;
        self.told(failed)
    }

    /// Copies a file, or a folder with all that is in it, out of the container. Links and devices are left out. `local` is
    /// what the copy is called.
    ///
    /// # Errors
    /// As [`Workload::push_tree`]; there is nothing at `remote`.
    pub fn pull_tree(&self, remote: &str, local: &Path) -> Result<(), Error> {
        let pebble = self.pebble()?;
        let mut failed = Vec::new();
        let top = self.with(|pebble| pebble.list_files(remote, None, true))?;
        for file in &top {
            pull(&*pebble, file, local, &mut failed)?;
        }
        self.told(failed)
    }

    fn told(&self, failed: Vec<(String, String)>) -> Result<(), Error> {
        match failed.is_empty() {
            true => Ok(()),
            false => Err(Error::from(NotCopied(failed)).context(format_args!("container {}", self.name))),
        }
    }
}

/// Keeps what is wrong with one file; what would be wrong with each ends the copying.
fn keep(
    result: periapt_pebble::Result<()>,
    path: &str,
    failed: &mut Vec<(String, String)>,
) -> Result<(), Error> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.is_temporary() => Err(error.into()),
        Err(error) => {
            failed.push((path.to_owned(), error.to_string()));
            Ok(())
        }
    }
}

fn local_error(path: &Path) -> impl Fn(std::io::Error) -> periapt_pebble::Error {
    move |error| periapt_pebble::Error::Local(format!("{}: {error}", path.display()))
}

fn push(
    pebble: &dyn Pebble,
    local: &Path,
    remote: &str,
    failed: &mut Vec<(String, String)>,
) -> Result<(), Error> {
    let wrong = local_error(local);
    let named = local.display().to_string();
    let found = match fs::metadata(local) {
        Ok(found) => found,
        Err(error) => return keep(Err(wrong(error)), &named, failed),
    };
    let permissions = Some(found.permissions().mode() & 0o777);
    let options = FileOptions { permissions, ..FileOptions::with_parents() };
    if !found.is_dir() {
        let pushed =
            File::open(local).map_err(wrong).and_then(|file| pebble.push(remote, Box::new(file), &options));
        return keep(pushed, &named, failed);
    }
    keep(pebble.make_dir(remote, &options), &named, failed)?;
    let entries = match fs::read_dir(local).and_then(Iterator::collect::<Result<Vec<_>, _>>) {
        Ok(entries) => entries,
        Err(error) => return keep(Err(wrong(error)), &named, failed),
    };
    for entry in entries {
        match entry.file_name().to_str() {
            Some(name) => push(pebble, &entry.path(), &format!("{remote}/{name}"), failed)?,
            None => failed.push((entry.path().display().to_string(), "its name is not UTF-8".to_owned())),
        }
    }
    Ok(())
}

fn pull(
    pebble: &dyn Pebble,
    remote: &FileInfo,
    local: &Path,
    failed: &mut Vec<(String, String)>,
) -> Result<(), Error> {
    let wrong = local_error(local);
    match remote.kind {
        FileType::File => {
            let pulled = File::create(local).map_err(wrong).and_then(|mut file| {
                pebble.pull_to(&remote.path, &mut file)?;
                file.set_permissions(fs::Permissions::from_mode(remote.permissions))
                    .map_err(local_error(local))
            });
            keep(pulled, &remote.path, failed)
        }
        FileType::Directory => {
            if let Err(error) = fs::create_dir_all(local) {
                return keep(Err(wrong(error)), &remote.path, failed);
            }
            let entries = match pebble.list_files(&remote.path, None, false) {
                Ok(entries) => entries,
                Err(error) => return keep(Err(error), &remote.path, failed),
            };
            for entry in &entries {
                // What a container says must not lead out of the folder.
                let name = Path::new(&entry.name);
                if name.file_name() == Some(name.as_os_str()) {
                    pull(pebble, entry, &local.join(name), failed)?;
                } else {
                    failed.push((entry.path.clone(), format!("{:?} is no name of a file", entry.name)));
                }
            }
            Ok(())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use periapt_pebble::fake::FakePebble;

    use super::super::super::testing_support::FakeAgent;
    use super::*;

    #[test]
    fn folders_go_in_and_come_out_again() {
        let here = tempfile::tempdir().unwrap();
        let (site, copy) = (here.path().join("site"), here.path().join("copy"));
        fs::create_dir_all(site.join("css")).unwrap();
        fs::write(site.join("index.html"), "hello").unwrap();
        fs::write(site.join("css/a.css"), "body {}").unwrap();
        fs::set_permissions(site.join("index.html"), fs::Permissions::from_mode(0o640)).unwrap();
        let cx = FakeAgent::new().container("web", &FakePebble::default()).context();
        let web = cx.container_named("web");
        web.push_tree(&site, "/srv/site/").unwrap();
        assert_eq!(web.pull_text("/srv/site/css/a.css").unwrap(), "body {}");
        web.pull_tree("/srv/site", &copy).unwrap();
        assert_eq!(fs::read_to_string(copy.join("index.html")).unwrap(), "hello");
        assert_eq!(fs::metadata(copy.join("index.html")).unwrap().permissions().mode() & 0o777, 0o640);
        // One file alone.
        web.pull_tree("/srv/site/index.html", &here.path().join("one")).unwrap();
        assert_eq!(fs::read_to_string(here.path().join("one")).unwrap(), "hello");
        assert!(web.pull_tree("/nothing", &copy).is_err());
    }

    #[test]
    fn what_cannot_be_copied_is_named_and_all_else_is_copied() {
        let here = tempfile::tempdir().unwrap();
        fs::write(here.path().join("good"), "x").unwrap();
        std::os::unix::fs::symlink("nowhere", here.path().join("bad")).unwrap();
        let cx = FakeAgent::new().container("web", &FakePebble::default()).context();
        let web = cx.container_named("web");
        let error = web.push_tree(here.path(), "/srv").unwrap_err();
        assert_eq!(web.pull("/srv/good").unwrap(), b"x");
        let NotCopied(failed) = error.downcast_ref().unwrap();
        assert_eq!(failed.len(), 1);
        assert!(error.to_string().contains("/bad ("), "{error}");
    }
}
