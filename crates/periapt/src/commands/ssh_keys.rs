//! `ssh-keys`, `add-ssh-key` and `remove-ssh-key`: a model's list of public keys. Nothing logs in here, so it is a file
//! beside the model's units, which goes with the model.

use std::io::Write as _;
use std::path::PathBuf;

use clap::Args;
use periapt_context::limits::without_middle;
use periapt_controller::views::OWNER;

use crate::args::ModelArgs;
use crate::error::{CliError, Result, presentable, reading, writing};
use crate::output::{OutputFile, say};
use crate::session::{Session, zone};

/// List the public keys of a model
#[derive(Args, Debug)]
#[command(visible_alias = "list-ssh-keys")]
pub struct SshKeys {
    /// Show whole keys
    #[arg(long)]
    full: bool,
    #[command(flatten)]
    output: OutputFile,
    #[command(flatten)]
    model: ModelArgs,
}

/// Keep public keys with a model. Nothing here logs in with them
#[derive(Args, Debug)]
pub struct AddSshKey {
    /// Keys as in a file of authorized keys: KIND TEXT COMMENT
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

/// Forget public keys of a model
#[derive(Args, Debug)]
pub struct RemoveSshKey {
    /// Keys by their comment or as a whole
    #[arg(required = true, value_name = "KEY")]
    ids: Vec<String>,
    #[command(flatten)]
    model: ModelArgs,
}

/// The beginnings of keys that OpenSSH knows.
const KINDS: &[&str] = &["ssh-", "ecdsa-", "sk-"];

/// A public key's three parts. The comment may hold blanks, or be empty.
fn parts(key: &str) -> Option<(&str, &str, &str)> {
    let (kind, rest) = key.trim().split_once(char::is_whitespace)?;
    let rest = rest.trim_start();
    let (text, comment) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
    let is_key = KINDS.iter().any(|known| kind.starts_with(known))
        && text.starts_with("AAAA")
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
        && !key.trim().contains(['\n', '\r']);
    is_key.then_some((kind, text, comment.trim()))
}

/// Whether `id` means this key: its comment, its text, or all of it.
fn is_meant(key: &str, id: &str) -> bool {
    let Some((_, text, comment)) = parts(key) else { return false };
    id == comment && !comment.is_empty()
        || id == text
        || parts(id).is_some_and(|(_, id_text, _)| id_text == text)
}

async fn file(session: &Session, model: &ModelArgs) -> Result<PathBuf> {
    let uuid = session.model(model)?.show(&zone(false)).await?.model_uuid;
    Ok(session.home.models().join(uuid).join("ssh-keys"))
}

fn read(path: &std::path::Path) -> Result<Vec<String>> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.lines().map(str::to_owned).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(reading(path)(error)),
    }
}

fn write(path: &std::path::Path, keys: &[String]) -> Result {
    let folder = path.parent().unwrap_or(std::path::Path::new("."));
    std::fs::create_dir_all(folder).map_err(writing(folder))?;
    let text: String = keys.iter().map(|key| format!("{key}\n")).collect();
    let replace = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|error| error.error)
    };
    replace().map_err(writing(path))
}

impl SshKeys {
    /// Lists them.
    pub async fn run(self, session: &Session) -> Result {
        let name = session.model_name(&self.model)?;
        let keys = read(&file(session, &self.model).await?)?;
        if keys.is_empty() {
            say("No keys to display.");
            return Ok(());
        }
        let mut text = format!("Keys used in model: {OWNER}/{name}\n");
        for key in &keys {
            text.push_str(&match (self.full, parts(key)) {
                (false, Some((kind, _, comment))) if !comment.is_empty() => format!("{kind} ({comment})\n"),
                _ => format!("{key}\n"),
            });
        }
        self.output.write(&text)
    }
}

impl AddSshKey {
    /// Keeps them, all or none.
    pub async fn run(self, session: &Session) -> Result {
        let path = file(session, &self.model).await?;
        let mut keys = read(&path)?;
        for key in &self.keys {
            let Some((_, text, _)) = parts(key) else {
                return Err(CliError::new(format!("cannot add key {key:?}: invalid ssh key"))
                    .hint("give the one line of a .pub file: KIND TEXT COMMENT"));
            };
            if keys.iter().any(|known| is_meant(known, text)) {
                return Err(CliError::new(format!("cannot add key {key:?}: duplicate ssh key")));
            }
            keys.push(key.trim().to_owned());
        }
        write(&path, &keys)
    }
}

/// So many unknown keys are said one by one.
const MOST_SAID: usize = 20;
/// Bytes of an unknown key that are shown.
const LONGEST_SHOWN: usize = 200;

impl RemoveSshKey {
    /// Forgets them. A key that is not there is told of and is no failure, as in Juju 3.6.
    pub async fn run(self, session: &Session) -> Result {
        let path = file(session, &self.model).await?;
        let mut keys = read(&path)?;
        let mut unknown = Vec::new();
        for id in &self.ids {
            let before = keys.len();
            keys.retain(|key| !is_meant(key, id));
            if keys.len() == before {
                unknown.push(without_middle(id, LONGEST_SHOWN));
            }
        }
        for id in unknown.iter().take(MOST_SAID) {
            say(format!("cannot remove key id {id:?}: invalid ssh key: {}", presentable(id)));
        }
        if let Some(more) = unknown.len().checked_sub(MOST_SAID).filter(|more| *more > 0) {
            say(format!("cannot remove {more} more"));
        }
        write(&path, &keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_by_comment_text_or_whole() {
        let key = "ssh-ed25519 AAAAC3Nz+/= me at home";
        assert_eq!(parts(key), Some(("ssh-ed25519", "AAAAC3Nz+/=", "me at home")));
        for id in ["me at home", "AAAAC3Nz+/=", key, "ssh-ed25519 AAAAC3Nz+/= other"] {
            assert!(is_meant(key, id), "{id}");
        }
        assert!(!is_meant(key, "") && !is_meant("ssh-rsa AAAAB", "") && !is_meant(key, "me"));
        for bad in [
            "",
            "ssh-rsa",
            "rsa AAAAB me",
            "ssh-rsa hello me",
            "ssh-rsa AAAA;x",
            "ssh-rsa AAAAB a\nssh-rsa AAAAC",
        ] {
            assert_eq!(parts(bad), None, "{bad:?}");
        }
    }
}
