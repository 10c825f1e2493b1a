//! The folder of a model that is gone, which its daemon did not live to remove.

use std::fs;
use std::io;
use std::path::Path;

use crate::leftover::Footprint;
use crate::namespace::Isolation;
use crate::substrate::{ProcessSubstrate, Substrate};

/// Ends what a daemon that died left running in the folder of a model that is gone, and removes the folder. Blocks.
///
/// # Errors
/// Those of removing the folder; a part of it may be left.
pub fn remove_model(model_dir: &Path) -> io::Result<()> {
    let substrate = ProcessSubstrate::new(model_dir, Isolation::Off);
    for unit in fs::read_dir(model_dir.join("agents")).into_iter().flatten().flatten() {
        if let Some(footprint) = Footprint::read(&unit.path().join("run/process")) {
            substrate.end_leftover(&footprint);
        }
    }
    match fs::remove_dir_all(model_dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
    use std::process::Command;

    #[test]
    fn a_hook_that_still_runs_ends_before_its_folder_goes() {
        let home = tempfile::tempdir().unwrap();
        let model = home.path().join("model");
        let run = model.join("agents/unit-app-0/run");
        fs::create_dir_all(&run).unwrap();
        let context = format!("app/0-stray-{}", std::process::id());
        let mut command = Command::new("sleep");
        let mut hook = command
            .arg("600")
            .env(periapt_hook::vars::CONTEXT_ID, &context)
            .process_group(0)
            .spawn()
            .unwrap();
        let boot = ProcessSubstrate::new(&model, Isolation::Off).boot();
        Footprint { context, boot, group: None }.write(&run.join("process")).unwrap();
        remove_model(&model).unwrap();
        assert_eq!(hook.wait().unwrap().signal(), Some(9));
        assert!(!model.exists());
        remove_model(&model).unwrap();
    }
}
