//! `scp`

mod copy;

use std::path::PathBuf;

use clap::Args;
use periapt_controller::client::ModelClient;

use super::place::{Place, Target};
use crate::args::ModelArgs;
use crate::error::{CliError, FAILED, Result, presentable};
use crate::session::Session;
use copy::{How, copy_all};

/// Copy files to and from units and machines
///
/// Nothing listens, and no key is needed: the files are on this machine. A relative path behind TARGET: starts in the folder
/// that `ssh` starts in.
#[derive(Args, Debug)]
#[command(after_help = "Examples:
  periapt scp db/0:dump.sql .
  periapt scp -r ./site web/leader:/srv/site")]
pub struct Scp {
    /// Options of scp (-r: folders too, -p: keep times and modes; others have no effect), sources and the destination, each
    /// a path or TARGET:PATH, where TARGET is a unit (APP/NUMBER, or APP/leader) or a machine
    #[arg(
        required = true, trailing_var_arg = true, allow_hyphen_values = true, value_hint = clap::ValueHint::AnyPath,
        value_name = "[OPTION…] SOURCE… DESTINATION"
    )]
    words: Vec<String>,
    /// In this container: until workloads run in containers, each is the unit itself
    #[arg(long, value_name = "NAME")]
    container: Option<String>,
    /// Without effect: nothing listens here
    #[arg(long)]
    no_host_key_checks: bool,
    /// Without effect: nothing listens here
    #[arg(long)]
    proxy: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// The options of OpenSSH's `scp` that have a value.
const WITH_VALUE: &str = "cDFiJloPSX";

/// The options of scp, and the paths behind them.
fn sort(words: &[String]) -> (How, &[String]) {
    let mut how = How::default();
    let mut rest = words;
    while let Some((first, behind)) = rest.split_first() {
        let Some(letters) = first.strip_prefix('-').filter(|letters| !letters.is_empty()) else { break };
        rest = behind;
        if letters == "-" {
            break;
        }
        for (at, letter) in letters.char_indices() {
            match letter {
                'r' => how.folders = true,
                'p' => how.preserve = true,
                letter if WITH_VALUE.contains(letter) => {
                    let elsewhere = at + letter.len_utf8() == letters.len();
                    rest = behind.get(usize::from(elsewhere)..).unwrap_or_default();
                    break;
                }
                _ => {}
            }
        }
    }
    (how, rest)
}

impl Scp {
    /// Copies, one source after the other; what goes wrong with one does not stop the others.
    pub async fn run(self, session: &Session) -> Result {
        let (how, paths) = sort(&self.words);
        let (destination, sources) = match paths.split_last() {
            Some((destination, sources)) if !sources.is_empty() => (destination, sources),
            _ => return Err(CliError::usage("at least two arguments required")),
        };
        let model = session.model(&self.model)?;
        let mut from = Vec::new();
        for source in sources {
            from.extend(copy::expand(self.path(session, &model, source).await?));
        }
        let to = self.path(session, &model, destination).await?;
        let problems = copy_all(&from, &to, destination.ends_with('/'), how);
        for problem in &problems {
            eprintln!("scp: {}", presentable(problem));
        }
        // It has been said, in the words of scp.
        if problems.is_empty() { Ok(()) } else { Err(CliError::silent(FAILED)) }
    }

    /// Where a path of the command line is. As for Juju, what stands before a colon is a target.
    async fn path(&self, session: &Session, model: &ModelClient, text: &str) -> Result<PathBuf> {
        let Some((before, path)) = text.split_once(':') else { return Ok(text.into()) };
        match Target::parse(before) {
            Some(target) => {
                let place = Place::find(session, model, &target, self.container.as_deref()).await?;
                Ok(place.resolve(path))
            }
            None if before.contains('/') => Ok(text.into()),
            None => Err(CliError::usage(format!("target {before:?} is neither a unit nor a machine"))
                .hint(format!("a file of that name is ./{text}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_before_the_paths() {
        for (line, folders, preserve, paths) in [
            ("a b", false, false, "a b"),
            ("-r a b", true, false, "a b"),
            ("-rp -C -- -a b", true, true, "-a b"),
            ("-i key -o X=y -P 22 a b", false, false, "a b"),
            ("-ikey -rv a b", true, false, "a b"),
            ("-pi key a b -r", false, true, "a b -r"),
            ("-r", true, false, ""),
        ] {
            let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            let (how, rest) = sort(&words);
            assert_eq!(
                (how.folders, how.preserve, rest.join(" ").as_str()),
                (folders, preserve, paths),
                "{line}"
            );
        }
    }
}
