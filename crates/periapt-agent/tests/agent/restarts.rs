//! Agents that stop, come back, are replaced, and controllers that cannot store.

use std::fs;
use std::os::unix::process::CommandExt;
use std::sync::atomic::Ordering;

use periapt_model::command::Command;
use periapt_model::names::UnitName;

use crate::support::{Home, alive, app, unit};

/// Its first `install` hangs, with a child that does not care to be asked to end.
const HANG_ONCE: &str = "case $JUJU_HOOK_NAME in install)
    echo x >> ../installs
    if [ ! -e ../hung ]; then touch ../hung; state-set half=done
        (trap '' TERM; echo $BASHPID > ../child; exec sleep 600) & wait; fi;;
esac";

async fn child_of(home: &Home) -> String {
    let path = home.unit_dir("app/0").join("child");
    loop {
        match fs::read_to_string(&path) {
            Ok(pid) if pid.ends_with('\n') => return pid,
            _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test]
async fn a_stopped_hook_is_interrupted_without_error_and_runs_again() {
    let home = Home::new();
    home.deploy_script("app", HANG_ONCE);
    let agents = home.start();
    let child = child_of(&home).await;
    agents.shutdown().await;
    assert!(!alive(&child));
    assert_eq!(home.trace("app/0"), ["install interrupted"]);
    assert!(!home.control.model().charm_states.contains_key(&unit("app/0")));

    let agents = home.start();
    home.idle("app/0").await;
    assert_eq!(home.trace("app/0")[..2], ["install interrupted", "install done"]);
    home.finish(agents).await;
}

#[tokio::test]
async fn what_a_dead_daemon_left_running_is_ended_first() {
    let home = Home::new();
    home.deploy_script("app", "case $JUJU_HOOK_NAME in install) kill -0 $(cat ../victim) 2>/dev/null && touch ../overlap;; esac; true");
    // As a daemon that was killed leaves it: a process in its own group, its footprint, and a service with a group of
    // its own.
    let context = "app/0-install-0123456789abcdef";
    let started = |name: &str| {
        let mut command = std::process::Command::new("sleep");
        command.arg("600").env("JUJU_CONTEXT_ID", context).process_group(0);
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        (child.id().to_string(), child)
    };
    let (victim, mut hook) = started("hook");
    let (service_pid, mut service) = started("service");
    let dir = home.unit_dir("app/0");
    fs::create_dir_all(dir.join("run")).unwrap();
    fs::write(dir.join("victim"), &victim).unwrap();
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let footprint = serde_json::json!({"context": context, "boot": boot.trim()});
    fs::write(dir.join("run/process"), format!("{footprint}\n{victim}\n")).unwrap();
    // Nobody else takes the exit status of what this test started.
    let reaper = std::thread::spawn(move || hook.wait());

    let agents = home.start();
    home.idle("app/0").await;
    assert!(!alive(&victim));
    assert!(!dir.join("overlap").exists());
    assert!(alive(&service_pid));
    service.kill().unwrap();
    service.wait().unwrap();
    reaper.join().unwrap().unwrap();
    home.finish(agents).await;
}

#[tokio::test]
async fn a_reboot_ends_what_runs_on_the_machine_and_start_follows() {
    let home = Home::new();
    home.deploy_script(
        "app",
        "case $JUJU_HOOK_NAME in
            install) setsid sleep 600 < /dev/null > /dev/null 2>&1 & echo $! > ../service;;
            start) [ -e ../asked ] || { touch ../asked; kill -0 $(cat ../service); juju-reboot; };;
        esac",
    );
    let agents = home.start();
    // Between its end and the restart the first `start` leaves the unit idle.
    while home.trace("app/0").len() < 5 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    home.idle("app/0").await;
    let trace = ["install done", "leader-elected done", "config-changed done", "start done", "start done"];
    assert_eq!(home.trace("app/0"), trace);
    assert!(!alive(&fs::read_to_string(home.unit_dir("app/0").join("service")).unwrap()));
    agents.shutdown().await;
    // The next daemon knows of it.
    let agents = home.start();
    home.idle("app/0").await;
    assert_eq!(home.trace("app/0"), trace);
    home.finish(agents).await;
}

#[tokio::test]
async fn a_restart_that_was_not_done_is_done_by_the_next_daemon() {
    let home = Home::new();
    home.deploy_script("app", "");
    let agents = home.start();
    home.idle("app/0").await;
    agents.shutdown().await;
    // So a daemon leaves it that dies between the end of the hook and the restart.
    let mark = home.unit_dir("app/0").join("run/restart-wanted");
    fs::write(&mark, "").unwrap();
    let before = home.trace("app/0");
    let agents = home.start();
    while home.trace("app/0").len() == before.len() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    home.idle("app/0").await;
    assert_eq!(home.trace("app/0")[before.len()..], ["start done"]);
    assert!(!mark.exists());
    home.finish(agents).await;
}

#[tokio::test]
async fn a_hook_whose_changes_are_refused_restarts_nothing() {
    let home = Home::new();
    home.deploy_script(
        "app",
        "[ $JUJU_HOOK_NAME != start ] || { secret-set secret:d0000000000000000000 token=abcdef; juju-reboot; }",
    );
    let agents = home.start();
    while !home.trace("app/0").iter().any(|line| line.starts_with("start failed")) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    agents.shutdown().await;
    let machine = home.unit_dir("app/0").ancestors().nth(2).unwrap().join("machines/0/run/boot");
    assert!(!machine.exists(), "no restart: the hook has not ended well");
    assert!(!home.unit_dir("app/0").join("run/restart-wanted").exists());
}

#[tokio::test]
async fn a_controller_that_cannot_store_is_asked_again_and_no_hook_runs_twice() {
    let home = Home::new();
    home.deploy_script("app", "echo $JUJU_HOOK_NAME >> ran; [ $JUJU_HOOK_NAME != install ] || { touch ../installed; while [ -e ../installed ]; do sleep 0.01; done; }");
    let agents = home.start();
    let mark = home.unit_dir("app/0").join("installed");
    while !mark.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    home.control.unavailable.store(2, Ordering::SeqCst);
    fs::remove_file(&mark).unwrap();
    home.idle("app/0").await;
    assert_eq!(home.control.unavailable.load(Ordering::SeqCst), 0);
    assert_eq!(home.lines("app/0", "ran"), ["install", "leader-elected", "config-changed", "start"]);
    assert!(home.control.logs().iter().any(|line| line.message.contains("no space left on device")));
    home.finish(agents).await;
}

#[tokio::test]
async fn an_agent_that_is_replaced_stops_and_commits_nothing() {
    let home = Home::new();
    home.deploy_script("app", HANG_ONCE);
    let agents = home.start();
    child_of(&home).await;
    home.control.command(Command::TakeUnit { unit: unit("app/0") }).unwrap();
    fs::remove_file(home.unit_dir("app/0").join("installs")).unwrap();
    let pid = child_of(&home).await;
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let stopped = "another agent has taken the unit: this one has stopped";
    home.control.until(stopped, |c| c.logs().iter().any(|line| line.message == stopped).then_some(())).await;
    assert_eq!(home.trace("app/0"), [""; 0]);
    home.finish(agents).await;
}

#[tokio::test]
async fn a_unit_that_is_removed_by_force_loses_its_hook_and_its_folder() {
    let home = Home::new();
    home.deploy_script("app", HANG_ONCE);
    let agents = home.start();
    let child = child_of(&home).await;
    home.control.command(Command::RemoveUnits { units: vec![unit("app/0")], force: true }).unwrap();
    home.gone("app/0").await;
    assert!(!alive(&child));
    home.finish(agents).await;
}

#[tokio::test]
async fn units_are_taken_up_as_they_come() {
    let home = Home::new();
    home.deploy_script("app", "true");
    let agents = home.start();
    home.idle("app/0").await;
    home.control.command(Command::AddUnits { app: app("app"), count: 2 }).unwrap();
    for name in ["app/1", "app/2"] {
        home.idle(name).await;
    }
    let leaders: Vec<UnitName> = home.control.model().leaders.values().map(|l| l.unit.clone()).collect();
    assert_eq!(leaders, [unit("app/0")]);
    assert!(home.control.renewals.load(Ordering::SeqCst) > 0);
    home.finish(agents).await;
}

#[tokio::test]
async fn an_upgrade_keeps_what_the_charm_made() {
    let home = Home::new();
    home.deploy_script("app", "echo $JUJU_HOOK_NAME >> ran; [ ! -e old ] || true");
    let agents = home.start();
    home.idle("app/0").await;
    let charm = home.charm(
        "app2",
        "name: app\nsummary: s\ndescription: d\n",
        &[("dispatch", "#!/bin/bash\necho new $JUJU_HOOK_NAME >> ran\n")],
    );
    let refresh = Command::Refresh {
        app: app("app"),
        charm: Some(Box::new(charm)),
        force_units: false,
        config: Default::default(),
        resources: Default::default(),
        channel: None,
        trust: None,
    };
    home.control.command(refresh).unwrap();
    home.line("app/0", "ran", "new config-changed").await;
    home.idle("app/0").await;
    let expected =
        ["install", "leader-elected", "config-changed", "start", "new upgrade-charm", "new config-changed"];
    assert_eq!(home.lines("app/0", "ran"), expected);
    home.finish(agents).await;
}

#[tokio::test]
async fn a_hook_that_lost_leadership_fails_with_what_it_wrote() {
    let home = Home::new();
    let script = "#!/bin/bash
[ $JUJU_HOOK_NAME = p-relation-created ] || exit 0
relation-set --app -r \"$JUJU_RELATION_ID\" key=value; state-set lost=1
touch written; until [ -e ../go ]; do sleep 0.01; done\n";
    let metadata = "name: app\nsummary: s\ndescription: d\npeers:\n  p: {interface: p}\n";
    let charm = home.charm("c1", metadata, &[("dispatch", script)]);
    home.deploy(charm);
    let agents = home.start();
    let written = home.charm_dir("app/0").join("written");
    while !written.exists() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    home.control.command(Command::LeaseEnded { app: app("app"), unit: unit("app/0") }).unwrap();
    fs::write(home.unit_dir("app/0").join("go"), "").unwrap();
    let failure = home.failed("app/0").await;
    assert!(
        failure.reason.starts_with("cannot apply changes: cannot write relation settings"),
        "{}",
        failure.reason
    );
    assert_eq!(home.trace("app/0"), ["install done", "p-relation-created failed"]);
    assert!(!home.control.model().charm_states.contains_key(&unit("app/0")));
    home.finish(agents).await;
}
