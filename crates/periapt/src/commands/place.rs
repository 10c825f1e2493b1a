//! Where a unit or a machine has its files: what `ssh` and `scp` go to. Everything runs on this machine, so that a place
//! is a folder, and nothing listens.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use periapt_controller::client::ModelClient;
use periapt_controller::views::Zone;
use periapt_controller::views::status::FullStatus;
use periapt_model::names::{AppName, MachineId, UnitName};

use crate::error::{CliError, Result, writing};
use crate::home::Home;
use crate::session::Session;

/// Whom `ssh` and `scp` may be told to go to: `[USER@]app/0`, `app/leader` or a machine's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Before the `@`; here everybody is who started the daemon.
    pub user: Option<String>,
    /// Who.
    pub whom: Whom,
}

/// A unit or a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// By its name.
    Unit(UnitName),
    /// The application's leader.
    Leader(AppName),
    /// By its number.
    Machine(MachineId),
}

impl Target {
    /// None for what names neither a unit nor a machine: a host, to Juju.
    pub fn parse(text: &str) -> Option<Self> {
        let (user, name) = match text.split_once('@') {
            Some((user, name)) => (Some(user.to_owned()), name),
            None => (None, text),
        };
        let leader = || name.strip_suffix("/leader").and_then(|app| AppName::new(app).ok());
        let whom = if let Ok(number) = name.parse() {
            Whom::Machine(MachineId(number))
        } else if let Some(app) = leader() {
            Whom::Leader(app)
        } else {
            Whom::Unit(name.parse().ok()?)
        };
        Some(Self { user, whom })
    }
}

/// A unit's or a machine's folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where a session begins, and what relative paths start from.
    pub home: PathBuf,
    /// The model's folder, laid out as `/var/lib/juju`.
    pub model: PathBuf,
    /// The machine.
    pub machine: MachineId,
    /// Who logs in.
    pub user: Option<String>,
}

impl Place {
    /// Asks the daemon where `target` is.
    ///
    /// # Errors
    /// It is not there, or has no folder yet; `container` is none of the charm's.
    pub async fn find(
        session: &Session,
        client: &ModelClient,
        target: &Target,
        container: Option<&str>,
    ) -> Result<Self> {
        let uuid = client.show(&Zone::Utc).await?.model_uuid;
        let model = session.home.models().join(uuid);
        let status = client.status(&[], &Zone::Utc).await?.status;
        let (home, machine) = folder(&status, &model, &target.whom)?;
        if let Some(name) = container {
            check_container(&home.join("charm"), name)?;
        }
        Ok(Self { home, model, machine, user: target.user.clone() })
    }

    /// A path as one writes it behind `target:`.
    pub fn resolve(&self, path: &str) -> PathBuf {
        let path = match path {
            "" | "~" => return self.home.clone(),
            path => path.strip_prefix("~/").unwrap_or(path),
        };
        let own = self.home.join(path);
        if let Some(private) = periapt_agent::own_path(&self.model, self.machine, &own) {
            return private;
        }
        // What Juju has in /var/lib/juju is in the model's folder here.
        let juju = Path::new(path).strip_prefix("/var/lib/juju").ok();
        let juju = juju.or_else(|| path.starts_with("agents/").then(|| Path::new(path)));
        match juju.map(|path| self.model.join(path)) {
            Some(there) if !own.exists() => there,
            _ => own,
        }
    }

    /// The environment of a session, on top of the caller's: nothing of a hook, and `juju-exec` in the path.
    ///
    /// # Errors
    /// The stand-in for `sudo` cannot be written.
    pub fn environment(&self, home: &Home) -> Result<Vec<(&'static str, OsString)>> {
        let mut path = self.model.join("tools").into_os_string();
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let sudo = std::env::split_paths(&inherited).any(|folder| folder.join("sudo").exists());
        if !sudo && rustix::process::geteuid().is_root() {
            path.push(":");
            path.push(stand_ins(home)?);
        }
        path.push(":");
        path.push(&inherited);
        let mut env = vec![
            ("PATH", path),
            ("HOME", self.home.clone().into_os_string()),
            ("PERIAPT_HOME", home.path().as_os_str().to_owned()),
        ];
        env.extend(self.user.as_ref().map(|user| ("USER", user.into())));
        Ok(env)
    }
}

/// The folder of a unit or a machine, and the machine.
fn folder(status: &FullStatus, model: &Path, whom: &Whom) -> Result<(PathBuf, MachineId)> {
    let units = || status.all_units();
    let unit = match whom {
        Whom::Unit(unit) => {
            let known = units().any(|(name, _)| name == unit);
            known.then(|| unit.clone()).ok_or_else(|| CliError::new(format!("unit \"{unit}\" not found")))?
        }
        Whom::Leader(app) => {
            if !status.applications.contains_key(app) {
                return Err(CliError::new(format!("application {:?} not found", app.as_str())));
            }
            let leader = status.units_of(app).into_iter().find(|(_, unit)| unit.leader);
            leader
                .map(|(name, _)| name.clone())
                .ok_or_else(|| CliError::new(format!("could not determine leader for {:?}", app.as_str())))?
        }
        Whom::Machine(id) => {
            if !status.machines.contains_key(id) {
                return Err(CliError::new(format!("machine {id} not found")));
            }
            match units().find(|(_, unit)| unit.machine == id.to_string()) {
                Some((name, _)) => name.clone(),
                None => {
                    let folder = model.join("machines").join(id.to_string());
                    std::fs::create_dir_all(&folder).map_err(writing(&folder))?;
                    return Ok((folder, *id));
                }
            }
        }
    };
    let folder = model.join("agents").join(unit.tag());
    if !folder.is_dir() {
        return Err(CliError::new(format!("unit \"{unit}\" has no folder yet: its agent has not started"))
            .hint(format!("periapt why {unit}")));
    }
    // A subordinate is on the machine of its principal.
    let mut principals = status.applications.values().flat_map(|app| &app.units);
    let principal = principals.find(|(name, shown)| **name == unit || shown.subordinates.contains_key(&unit));
    let machine = principal.and_then(|(_, shown)| shown.machine.parse().ok());
    Ok((folder, machine.unwrap_or_default()))
}

/// A charm's containers are the unit itself until workloads run in some.
fn check_container(charm: &Path, name: &str) -> Result {
    if name == "charm" {
        return Ok(());
    }
    let meta = periapt_build::load_meta(charm)?;
    let names = meta.containers.keys().map(ToString::to_string);
    let names: Vec<String> = std::iter::once("charm".to_owned()).chain(names).collect();
    match names.iter().any(|known| known == name) {
        true => Ok(()),
        false => Err(CliError::new(format!("container {name:?} must be one of {}", names.join(", ")))),
    }
}

/// What `sudo` does for one who is root already.
const SUDO: &str = "#!/bin/sh
# Stands in for sudo where there is none: whoever calls it is root.
user=
while [ $# -gt 0 ]; do
    case \"$1\" in
        -u) user=$2; shift 2 ;;
        -g | -p | -C | -h | -U) shift 2 ;;
        --) shift; break ;;
        -*) shift ;;
        *=*) export \"$1\"; shift ;;
        *) break ;;
    esac
done
[ $# -gt 0 ] || set -- /bin/bash
if [ -n \"$user\" ] && [ \"$user\" != root ]; then exec runuser -u \"$user\" -- \"$@\"; fi
exec \"$@\"
";

/// The folder of programs that a session may miss.
fn stand_ins(home: &Home) -> Result<PathBuf> {
    let folder = home.path().join("stand-ins");
    let program = folder.join("sudo");
    let make = || -> std::io::Result<()> {
        if std::fs::read(&program).is_ok_and(|text| text == SUDO.as_bytes()) {
            return Ok(());
        }
        std::fs::create_dir_all(&folder)?;
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        std::io::Write::write_all(&mut file, SUDO.as_bytes())?;
        file.as_file().set_permissions(std::fs::Permissions::from_mode(0o755))?;
        file.persist(&program).map_err(|error| error.error)?;
        Ok(())
    };
    make().map_err(writing(&program))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_leaders_and_machines_are_targets_and_hosts_are_none() {
        let whom = |text| Target::parse(text).map(|target| target.whom);
        assert_eq!(whom("db/0"), Some(Whom::Unit("db/0".parse().unwrap())));
        assert_eq!(whom("db/leader"), Some(Whom::Leader("db".parse().unwrap())));
        assert_eq!(whom("7"), Some(Whom::Machine(MachineId(7))));
        assert_eq!(Target::parse("ubuntu@db/0").unwrap().user.as_deref(), Some("ubuntu"));
        for host in ["db", "10.0.0.1", "example.com", "", "db/x", "a@b"] {
            assert_eq!(whom(host), None, "{host}");
        }
    }

    #[test]
    fn paths_start_from_the_home_and_jujus_own_from_the_model() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().to_owned();
        let home = model.join("agents/unit-db-0");
        std::fs::create_dir_all(home.join("charm")).unwrap();
        let place = Place { home: home.clone(), model: model.clone(), machine: MachineId(0), user: None };
        for (path, expected) in [
            ("", home.clone()),
            ("~", home.clone()),
            ("~/x", home.join("x")),
            ("charm/src", home.join("charm/src")),
            ("/etc/passwd", PathBuf::from("/etc/passwd")),
            ("agents/unit-db-0/charm/x", home.join("charm/x")),
            ("/var/lib/juju/agents/unit-db-0/charm", home.join("charm")),
        ] {
            assert_eq!(place.resolve(path), expected, "{path}");
        }
    }
}
