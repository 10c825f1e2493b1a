//! What every command on a model needs: the home, the daemon's client, and which model is meant.

use std::path::Path;

use periapt_controller::client::{Client, ModelClient};
use periapt_controller::views::Zone;
use periapt_model::names::ModelName;
use periapt_model::time::Timestamp;

use crate::args::{ModelArgs, ModelRef};
use crate::daemon;
use crate::error::{CliError, Result, reading, writing};
use crate::home::Home;

/// One run of the command line.
#[derive(Debug)]
pub struct Session {
    /// Where everything is kept.
    pub home: Home,
    /// The name it was called by: `periapt` or `juju`.
    pub program: &'static str,
}

impl Session {
    /// Finds the home.
    ///
    /// # Errors
    /// There is none.
    pub fn open(program: &'static str) -> Result<Self> {
        Ok(Self { home: Home::find()?, program })
    }

    /// Whether scripts written for Juju call us, which read some exit codes in their own way.
    pub fn is_juju(&self) -> bool {
        self.program == "juju"
    }

    /// The daemon's client; the daemon is started if it does not run.
    ///
    /// # Errors
    /// It does not start.
    pub fn client(&self) -> Result<Client> {
        Ok(daemon::ensure_running(&self.home)?)
    }

    /// The model that is meant: `--model`, else the current one.
    ///
    /// # Errors
    /// What [`current_model`] refuses.
    pub fn model_name(&self, args: &ModelArgs) -> Result<ModelName> {
        match &args.model {
            Some(ModelRef(name)) => Ok(name.clone()),
            None => current_model(&self.home),
        }
    }

    /// The daemon's client for that model.
    ///
    /// # Errors
    /// The daemon does not start.
    pub fn model(&self, args: &ModelArgs) -> Result<ModelClient> {
        let name = self.model_name(args)?;
        Ok(self.client()?.model(name))
    }
}

/// The current model: `$PERIAPT_MODEL`, else `$JUJU_MODEL`, else what `switch` wrote, else the first one.
///
/// # Errors
/// A variable or a file that names no model; the current model was destroyed.
pub fn current_model(home: &Home) -> Result<ModelName> {
    current(home)?.ok_or_else(|| {
        CliError::new(
            "No model in focus.\n\nPlease use \"juju models\" to see models available to you.\nYou can set current \
             model by running \"juju switch\"\nor specify any other model on the command line using the \"-m\" option.",
        )
    })
}

/// As [`current_model`]; None: the current model was destroyed.
///
/// # Errors
/// A variable or a file that names no model.
pub fn current(home: &Home) -> Result<Option<ModelName>> {
    for variable in ["PERIAPT_MODEL", "JUJU_MODEL"] {
        if let Some(value) = std::env::var_os(variable).filter(|value| !value.is_empty()) {
            let value = value
                .into_string()
                .map_err(|value| CliError::new(format!("${variable}: {value:?} names no model")))?;
            let model: ModelRef = value.parse().map_err(|e| CliError::new(format!("${variable}: {e}")))?;
            return Ok(Some(model.0));
        }
    }
    switched(home)
}

/// What the file of the current model holds when there is none: no model's name.
const NONE: &str = "-";

/// The model that `switch` wrote, else the first one of every home; None: it was destroyed.
///
/// # Errors
/// A damaged file.
pub fn switched(home: &Home) -> Result<Option<ModelName>> {
    let path = home.current_model();
    let first = || Ok(Some(daemon::FIRST_MODEL.parse()?));
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim() == NONE => Ok(None),
        Ok(text) if !text.trim().is_empty() => text.trim().parse().map(Some).map_err(|e| {
            CliError::new(format!("{} names no model: {e}", path.display()))
                .hint("periapt switch MODEL writes it anew")
        }),
        Ok(_) => first(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => first(),
        // Another model than the one that is meant must not suffer for it.
        Err(error) => Err(reading(&path)(error).hint("periapt switch MODEL writes it anew")),
    }
}

/// Leaves no model current if it was this one, which is gone: a command that names none must not mean another.
///
/// # Errors
/// The file cannot be written.
pub fn forget(home: &Home, model: &ModelName) -> Result {
    if switched(home).is_ok_and(|current| current.as_ref() == Some(model)) {
        let path = home.current_model();
        write_whole(&path, format!("{NONE}\n").as_bytes()).map_err(writing(&path))?;
    }
    Ok(())
}

/// Makes `model` the current one.
///
/// # Errors
/// The file cannot be written.
pub fn switch(home: &Home, model: &ModelName) -> Result {
    let path = home.current_model();
    write_whole(&path, format!("{model}\n").as_bytes()).map_err(writing(&path))
}

/// Replaces a file: a reader sees the old content or the new one.
pub fn write_whole(path: &Path, content: &[u8]) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    std::io::Write::write_all(&mut file, content)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// The reader's time zone, as the API takes it.
pub fn zone(utc: bool) -> Zone {
    match utc {
        true => Zone::Utc,
        false => Zone::local(Timestamp(jiff::Timestamp::now().as_millisecond())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_switch_writes_is_current() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::at(folder.path()).unwrap();
        assert_eq!(switched(&home).unwrap().unwrap().as_str(), "default");
        switch(&home, &"other".parse().unwrap()).unwrap();
        assert_eq!(switched(&home).unwrap().unwrap().as_str(), "other");
        forget(&home, &"default".parse().unwrap()).unwrap();
        assert_eq!(switched(&home).unwrap().unwrap().as_str(), "other", "another is gone");
        forget(&home, &"other".parse().unwrap()).unwrap();
        assert_eq!(switched(&home).unwrap(), None);
        std::fs::write(home.current_model(), "Not A Model").unwrap();
        assert!(switched(&home).unwrap_err().hint.is_some());
        std::fs::write(home.current_model(), b"\xff\xfe").unwrap();
        assert!(switched(&home).unwrap_err().hint.is_some());
    }
}
