//! Programs that charms look for at fixed places: `/usr/bin/python3` in a machine's namespace, `/usr/bin/juju-exec` and
//! `/usr/bin/juju-run` on the host.

use std::fs::{self, File, Permissions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::mount::mount_bind;

/// Where charms look for it.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// Whether an interpreter is another one than the host's.
pub(crate) fn is_another(own: &Path) -> bool {
    let system = fs::read_link(PYTHON).and_then(|_| fs::canonicalize(PYTHON));
    match (system, fs::canonicalize(own)) {
        (Ok(system), Ok(own)) => system != own,
        _ => false,
    }
}

/// Covers the namespace's `/usr/bin/python3`, a link, by a script. What the link names stays as it is.
pub(crate) fn put_python(script: &Path) -> io::Result<()> {
    let system = fs::canonicalize(PYTHON)?;
    let text = PYTHON_SCRIPT.replace("@SYSTEM@", &system.display().to_string());
    write_program(script, &text)?;
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let link = rustix::fs::open(PYTHON, flags, Mode::empty())?;
    Ok(mount_bind(script, format!("/proc/thread-self/fd/{}", link.as_raw_fd()))?)
}

fn write_program(path: &Path, text: &str) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let aside = folder.join(format!(".periapt-{}", uuid::Uuid::new_v4().simple()));
    let write = || {
        let mut file = File::create(&aside)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(Permissions::from_mode(0o755))?;
        drop(file);
        fs::rename(&aside, path)
    };
    write().inspect_err(|_| drop(fs::remove_file(&aside)))
}

/// A script of bash, since `exec -a` keeps the name that a virtual environment is found by.
const PYTHON_SCRIPT: &str = r#"#!/bin/bash
# python3 as charms find it: what belongs to a charm runs with the charm's own interpreter, all else with the system's.
[ "$0" = /usr/bin/python3 ] || exec -a "$0" @SYSTEM@ "$@"
own=$JUJU_CHARM_DIR/venv/bin/python
if [ -n "$JUJU_CHARM_DIR" ] && [ -x "$own" ]; then
    script= value=
    for word in "$@"; do
        if [ -n "$value" ]; then value=; continue; fi
        case $word in
            -c | -m | -) break ;;
            -W | -X) value=1 ;;
            -*) ;;
            *) script=$word; break ;;
        esac
    done
    case $script in
        "$JUJU_CHARM_DIR"/* | /var/lib/juju/agents/*) exec "$own" "$@" ;;
        /*) ;;
        *) case ":$PYTHONPATH" in *":$JUJU_CHARM_DIR/"*) exec "$own" "$@" ;; esac ;;
    esac
fi
exec -a /usr/bin/python3 @SYSTEM@ "$@"
"#;

/// Puts `juju-exec` and `juju-run` where charms look for them, as Juju's agents do, unless something is there that is not
/// ours. They are scripts that run the program of whichever unit calls them, of any home. Where that may not be written it
/// is left out.
pub fn offer_programs() {
    for name in ["juju-exec", "juju-run"] {
        let path = Path::new("/usr/bin").join(name);
        if let Err(error) = offer(&path) {
            tracing::debug!("{} is not there: {error}", path.display());
        }
    }
}

/// Writes the script, also over an older one of ours.
fn offer(path: &Path) -> io::Result<()> {
    let is_ours = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(error),
        Ok(metadata) if metadata.is_file() => {
            let mut start = String::new();
            let most = 2 * EXEC_SCRIPT.len() as u64;
            // What is no text is another's.
            let read = File::open(path)?.take(most).read_to_string(&mut start);
            if start == EXEC_SCRIPT {
                return Ok(());
            }
            read.is_ok() && start.lines().nth(1).is_some_and(|line| line.starts_with(OURS))
        }
        Ok(_) => false,
    };
    if is_ours { write_program(path, EXEC_SCRIPT) } else { Ok(()) }
}

/// What the second line of our scripts begins with.
const OURS: &str = "# Put here by Periapt";

const EXEC_SCRIPT: &str = r#"#!/bin/sh
# Put here by Periapt, as Juju's agents do: the program of the unit that calls it.
name=${0##*/}
for place in "${JUJU_CHARM_DIR:-}" "${JUJU_AGENT_SOCKET_ADDRESS:-}" "$PWD"; do
    case $place in
        */agents/unit-*)
            program=${place%%/agents/unit-*}/tools/$name
            [ -x "$program" ] && exec "$program" "$@"
            ;;
    esac
done
[ -x "/var/lib/juju/tools/$name" ] && exec "/var/lib/juju/tools/$name" "$@"
echo "ERROR $name is not called by a unit: neither its environment nor its folder is one's" >&2
exit 1
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_older_script_of_ours_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("juju-exec");
        let offered = |there: &[u8]| {
            fs::write(&path, there).unwrap();
            offer(&path).unwrap();
            fs::read(&path).unwrap() == EXEC_SCRIPT.as_bytes()
        };
        offer(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), EXEC_SCRIPT, "where nothing is");
        assert!(offered(format!("#!/bin/sh\n{OURS}, long ago.\nexit 1\n").as_bytes()));
        for other in [&b"#!/bin/sh\nexit 1\n"[..], b"", b"\x7fELF\n\xff\xfe"] {
            assert!(!offered(other), "{other:?}");
        }
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("nowhere", &path).unwrap();
        offer(&path).unwrap();
        assert!(path.symlink_metadata().unwrap().is_symlink(), "a link is another's");
        assert!(EXEC_SCRIPT.lines().nth(1).unwrap().starts_with(OURS));
    }

    /// The scripts say what they do without a daemon.
    #[test]
    fn what_a_charm_has_runs_with_its_own_interpreter() {
        let folder = tempfile::tempdir().unwrap();
        let charm = folder.path().join("charm");
        let program = |path: &Path, said: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            write_program(path, &format!("#!/bin/sh\necho {said}\n")).unwrap();
        };
        program(&charm.join("venv/bin/python"), "own");
        let system = folder.path().join("system");
        program(&system, "system");
        let text = PYTHON_SCRIPT
            .replace("@SYSTEM@", &system.display().to_string())
            .replace("[ \"$0\" = /usr/bin/python3 ]", "true");
        let script = folder.path().join("python3");
        write_program(&script, &text).unwrap();
        let charm = charm.display().to_string();
        let path = format!("{charm}/lib:{charm}/venv");
        for (words, python_path, expected) in [
            (vec!["-u", &format!("{charm}/src/worker.py")], "", "own"),
            (vec!["-W", "ignore", &format!("{charm}/x.py"), "y"], "", "own"),
            (vec!["-m", "http.server"], path.as_str(), "own"),
            (vec!["-m", "http.server"], "", "system"),
            (vec!["/usr/bin/add-apt-repository"], path.as_str(), "system"),
            (vec!["x.py"], path.as_str(), "own"),
            (vec![], "", "system"),
        ] {
            let output = std::process::Command::new(&script)
                .args(&words)
                .env("JUJU_CHARM_DIR", &charm)
                .env("PYTHONPATH", python_path)
                .output()
                .unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{words:?} {python_path}");
        }
    }
}
