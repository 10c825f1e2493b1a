//! Which files are read, and where they are looked for.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use periapt_model::charm::{CharmFiles, SourceText};

/// A file of the charm.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// What it is called in messages: its path as the author would write it.
    pub(crate) name: String,
    /// Its text.
    pub(crate) text: String,
}

impl Source {
    fn to_text(&self) -> SourceText {
        SourceText::new(&self.name, &self.text)
    }

    /// The name without folders.
    pub(crate) fn file_name(&self) -> &str {
        self.name.rsplit('/').next().unwrap_or(&self.name)
    }
}

/// The files of the charm, each with what it is.
#[derive(Debug, Default)]
pub(crate) struct Files {
    pub(crate) metadata: Option<Source>,
    pub(crate) charmcraft: Option<Source>,
    pub(crate) config: Option<Source>,
    pub(crate) actions: Option<Source>,
}

impl Files {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Source> {
        [&self.charmcraft, &self.metadata, &self.config, &self.actions].into_iter().flatten()
    }

    pub(crate) fn to_charm_files(&self) -> CharmFiles {
        let text = |source: &Option<Source>| source.as_ref().map(Source::to_text);
        CharmFiles {
            metadata: text(&self.metadata),
            charmcraft: text(&self.charmcraft),
            config: text(&self.config),
            actions: text(&self.actions),
            manifest: None,
        }
    }
}

/// Reads the charm's files. `named` is the path in the macro; it is looked for in each of `folders`, the first being that
/// of `Cargo.toml`. Without a path `charmcraft.yaml` is taken, or else `metadata.yaml`.
///
/// Juju and charmcraft read `config.yaml` and `actions.yaml` beside the metadata; so does this.
///
/// # Errors
/// A message that says which paths were tried and what to do.
pub(crate) fn find(named: Option<&str>, folders: &[PathBuf]) -> Result<Files, String> {
    let names = named.map_or_else(|| vec!["charmcraft.yaml", "metadata.yaml"], |name| vec![name]);
    for folder in folders {
        for name in &names {
            if let Some(source) = read(folder, name)? {
                return beside(source);
            }
        }
    }
    Err(missing(&names, folders))
}

fn read(folder: &Path, name: &str) -> Result<Option<Source>, String> {
    let path = folder.join(name);
    match fs::read(&path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Some(Source { path, name: name.to_owned(), text })),
            Err(_) => Err(format!("{} is no text in UTF-8", path.display())),
        },
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

/// The file that was found, and those that Juju reads beside it.
fn beside(source: Source) -> Result<Files, String> {
    let (folder, prefix) = match source.name.rsplit_once('/') {
        Some((prefix, _)) => {
            (source.path.parent().unwrap_or(Path::new("/")).to_owned(), format!("{prefix}/"))
        }
        None => (source.path.parent().unwrap_or(Path::new(".")).to_owned(), String::new()),
    };
    let other = |name: &str| {
        let found = read(&folder, name)?;
        Ok::<_, String>(found.map(|source| Source { name: format!("{prefix}{}", source.name), ..source }))
    };
    let mut files = Files::default();
    match source.file_name() {
        "metadata.yaml" => files.metadata = Some(source),
        "charmcraft.yaml" => {
            files.metadata = other("metadata.yaml")?;
            files.charmcraft = Some(source);
        }
        // A file of another name stands alone.
        _ => return Ok(Files { charmcraft: Some(source), ..Files::default() }),
    }
    files.config = other("config.yaml")?;
    files.actions = other("actions.yaml")?;
    Ok(files)
}

fn missing(names: &[&str], folders: &[PathBuf]) -> String {
    let mut message = match names {
        [name] => format!("there is no file {name:?}"),
        _ => "there is neither a charmcraft.yaml nor a metadata.yaml".to_owned(),
    };
    let mut tried: Vec<PathBuf> =
        folders.iter().flat_map(|folder| names.iter().map(|name| folder.join(name))).collect();
    // An absolute path is the same in every folder.
    tried.dedup();
    for path in tried {
        message.push_str(&format!("\ntried: {}", path.display()));
    }
    message.push_str("\nhelp: ");
    let near = folders.iter().find_map(|folder| {
        let candidates = ["charmcraft.yaml", "metadata.yaml", "charmcraft.yml", "metadata.yml"];
        candidates.into_iter().find(|name| !names.contains(name) && folder.join(name).is_file())
    });
    match near {
        Some(name) if name.ends_with(".yml") => {
            message.push_str(&format!("there is a {name}: rename it, for Juju wants the ending `.yaml`"));
        }
        Some(name) => message.push_str(&format!("there is a {name}: write charm!({name:?})")),
        None => message.push_str(
            "write the path from the folder of Cargo.toml, such as charm!(\"charmcraft.yaml\"), and make the file; \
             `periapt new NAME --language rust` writes a charm that has one",
        ),
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
            fs::write(folder.path().join(name), text).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_is_searched_for_the_usual_names_and_what_stands_beside_them() {
        let all = folder(&[
            ("charmcraft.yaml", "c"),
            ("old/metadata.yaml", "m"),
            ("old/config.yaml", "o"),
            ("old/actions.yaml", "a"),
            ("one.yaml", "1"),
        ]);
        let folders = [all.path().to_owned()];
        let names = |named| find(named, &folders).unwrap().iter().map(|s| s.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(None), ["charmcraft.yaml"]);
        assert_eq!(
            names(Some("old/metadata.yaml")),
            ["old/metadata.yaml", "old/config.yaml", "old/actions.yaml"]
        );
        assert_eq!(names(Some("one.yaml")), ["one.yaml"]);
        let old = [all.path().join("old")];
        assert!(find(None, &old).unwrap().metadata.is_some());
        // The second folder is that of the source file.
        let two = [all.path().join("old"), all.path().to_owned()];
        assert_eq!(find(Some("one.yaml"), &two).unwrap().iter().count(), 1);
    }

    #[test]
    fn a_missing_file_is_reported_with_its_path_and_a_way_out() {
        let all = folder(&[("metadata.yaml", "m")]);
        let message = find(Some("charmcraft.yaml"), &[all.path().to_owned()]).unwrap_err();
        let tried = format!("tried: {}", all.path().join("charmcraft.yaml").display());
        assert!(message.contains(&tried), "{message}");
        assert!(message.ends_with("there is a metadata.yaml: write charm!(\"metadata.yaml\")"), "{message}");
        let none = folder(&[("charmcraft.yml", "")]);
        let message = find(None, &[none.path().to_owned()]).unwrap_err();
        assert!(message.contains("neither a charmcraft.yaml nor a metadata.yaml"), "{message}");
        assert!(
            message.ends_with("there is a charmcraft.yml: rename it, for Juju wants the ending `.yaml`"),
            "{message}"
        );
    }
}
