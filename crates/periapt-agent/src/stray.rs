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
    let in_folder = |folder: &Path| {
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect::<Vec<_>>()
    };
    let machines = in_folder(&model_dir.join("machines"));
    let units = in_folder(&model_dir.join("agents")).into_iter().map(|unit| unit.join("run/process"));
    let tasks = machines.iter().flat_map(|machine| in_folder(&machine.join("run")));
    for footprint in units.chain(tasks).filter_map(|path| Footprint::read(&path)) {
        substrate.end_leftover(&footprint);
    }
    // What these and the hooks have started in sessions of its own, and what sees a machine's own folders.
    machines.iter().for_each(|machine| substrate.end_machine(machine));
    substrate.end_machine(model_dir);
    match fs::remove_dir_all(model_dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::leftover::TASK_VARIABLE;
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
        let machine = model.join("machines/0");
        fs::create_dir_all(machine.join("run")).unwrap();
        let mark = format!("machine-0-{}", std::process::id());
        let boot = ProcessSubstrate::new(&model, Isolation::Off).boot();
        Footprint { context: mark.clone(), boot, group: None }.write(&machine.join("run/task-1")).unwrap();
        let mut task = Command::new("sleep").arg("600").env(TASK_VARIABLE, &mark).spawn().unwrap();
        let mut service =
            Command::new("setsid").args(["sleep", "600"]).current_dir(&machine).spawn().unwrap();
        // Until it has a session of its own, it has the terminal of whoever runs the tests.
        let session = format!("/proc/{}/stat", service.id());
        let own = format!(" {} ", service.id());
        while !fs::read_to_string(&session).unwrap().contains(&own) {
            std::thread::yield_now();
        }
        remove_model(&model).unwrap();
        assert_eq!(hook.wait().unwrap().signal(), Some(9));
        assert_eq!(task.wait().unwrap().signal(), Some(9));
        assert_eq!(service.wait().unwrap().signal(), Some(9));
        assert!(!model.exists());
        remove_model(&model).unwrap();
    }
}
