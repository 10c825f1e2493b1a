//! Plugins: a verb that nobody knows may be a program of its own, `juju-VERB`.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use crate::error::CliError;

/// Becomes the plugin for `verb`, with the words behind the verb; None when there is no such program. As in Juju 3.6,
/// where unknown verbs are looked for as `juju-VERB` in `$PATH`; the plugin's exit code is ours.
pub fn run(verb: &str, args: &[OsString]) -> Option<ExitCode> {
    let program = find(verb, std::env::var_os("PATH")?.as_os_str())?;
    let rest = args.iter().skip(1).skip_while(|word| word.as_os_str() != OsStr::new(verb)).skip(1);
    let error = Command::new(&program).args(rest).exec();
    Some(CliError::new(format!("cannot run the plugin {}: {error}", program.display())).report())
}

/// The first program of that name in `path`.
fn find(verb: &str, path: &OsStr) -> Option<PathBuf> {
    // The name of a plugin is one word: nothing outside of the folders of `path` is ever run.
    if verb.is_empty() || !verb.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return None;
    }
    let candidates = std::env::split_paths(path).map(|folder| folder.join(format!("juju-{verb}")));
    candidates.into_iter().find(|program| {
        program.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_programs_in_the_path_are_plugins() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("juju-hello");
        std::fs::write(&program, "#!/bin/sh\n").unwrap();
        let path = folder.path().as_os_str();
        assert_eq!(find("hello", path), None, "it is not executable");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(find("hello", path), Some(program));
        for other in ["", "hell", "../hello", "sub/hello"] {
            assert_eq!(find(other, path), None, "{other}");
        }
    }
}
