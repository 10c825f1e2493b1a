//! What machines have of their own where the daemon may make mount namespaces: `/var/lib`, `/var/lib/juju` and
//! `/usr/bin/juju-exec`, for hooks, actions, `exec` and `ssh` alike. Without the rights there is nothing to test.

mod common;

use std::path::{Path, PathBuf};
use std::time::Duration;

use common::{Bench, Said, shell_charm, until};

/// How long a test waits for what it has no way to be told of.
const SOON: Duration = Duration::from_secs(30);

/// A bench whose daemon makes namespaces; None where it may not.
fn isolated() -> Option<Bench> {
    let try_it = ["--mount", "mount", "--bind", "/var", "/var/lib"];
    let may = std::process::Command::new("unshare").args(try_it).output();
    if !rustix::process::geteuid().is_root() || !may.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this user may not make mount namespaces");
        return None;
    }
    Some(Bench::with([("PERIAPT_NAMESPACES", "full".into())]))
}

fn model_folder(bench: &Bench) -> PathBuf {
    let mut models = std::fs::read_dir(bench.home().join("models")).expect("the models").flatten();
    models.next().expect("a model").path()
}

/// A folder below `/var/lib` that no host has.
fn folder_name(bench: &Bench) -> String {
    let name = bench.path().file_name().expect("a name").to_string_lossy().into_owned();
    format!("/var/lib/{name}")
}

fn two_units(bench: &Bench) -> String {
    let folder = folder_name(bench);
    let install = format!("mkdir -p {folder}; echo \"$JUJU_UNIT_NAME\" >> {folder}/who");
    let charm = shell_charm(bench.path(), "c", "", &[("install", &install), ("start", "status-set active")]);
    let actions = PathBuf::from(&charm).join("actions");
    std::fs::create_dir(&actions).expect("the folder");
    std::fs::write(PathBuf::from(&charm).join("actions.yaml"), "look: {description: looks}\n")
        .expect("a file");
    let look = actions.join("look");
    std::fs::write(&look, format!("#!/bin/sh\naction-set who=\"$(cat {folder}/who)\"\n")).expect("a file");
    std::fs::set_permissions(&look, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("executable");
    bench.ok(&["deploy", &charm, "-n", "2"]);
    bench.settle();
    folder
}

#[test]
fn each_machine_has_a_var_lib_of_its_own_in_all_that_runs_on_it() {
    let Some(bench) = isolated() else { return };
    let folder = two_units(&bench);
    assert!(!Path::new(&folder).exists(), "the host has nothing of it");
    for (unit, machine) in [("c/0", "0"), ("c/1", "1")] {
        let expected = format!("{unit}\n");
        let who = format!("cat {folder}/who");
        let ran = bench.json(&["run", unit, "look"]);
        assert_eq!(ran[unit]["results"]["who"], unit, "{ran}");
        let executed = bench.json(&["exec", "--unit", unit, &who]);
        assert_eq!(executed[unit]["results"]["stdout"], expected, "{executed}");
        let executed = bench.json(&["exec", "--machine", machine, &who]);
        assert_eq!(executed[machine]["results"]["stdout"], expected, "{executed}");
        for target in [unit, machine] {
            assert_eq!(bench.ok(&["ssh", target, &who]), expected);
        }
        bench.ok(&["scp", &format!("{unit}:{folder}/who"), "."]);
        assert_eq!(std::fs::read_to_string(bench.path().join("who")).expect("the copy"), expected);
    }
    // What the host has there is shown, and Juju's folder is the model's.
    let host = std::fs::read_dir("/var/lib").expect("the host's").flatten().count();
    let seen: usize = bench.ok(&["ssh", "c/0", "ls -A /var/lib | wc -l"]).trim().parse().expect("a number");
    assert!(seen >= host, "{seen} of {host}");
    let charm = "/var/lib/juju/agents/unit-c-0/charm";
    assert_eq!(bench.ok(&["ssh", "c/0", &format!("cat {charm}/metadata.yaml | head -1")]), "name: c\n");
}

#[test]
fn hook_commands_read_and_write_the_files_of_their_machine() {
    let Some(bench) = isolated() else { return };
    let folder = two_units(&bench);
    let line =
        format!("cd {folder} && config-get --all -o out && application-version-set \"$(cat out)\" && ls");
    let executed = bench.json(&["exec", "--unit", "c/0", &line]);
    assert_eq!(executed["c/0"]["results"]["stdout"], "out\nwho\n", "{executed}");
    let line =
        format!("echo '{{password: secret}}' > {folder}/in && secret-add --owner unit --file {folder}/in");
    let executed = bench.json(&["exec", "--unit", "c/0", &line]);
    let stdout = executed["c/0"]["results"]["stdout"].as_str().unwrap_or_default();
    assert!(stdout.starts_with("secret:"), "{executed}");
    assert!(!Path::new(&folder).exists(), "the host has nothing of it");
}

#[test]
fn what_a_machine_has_made_survives_its_daemon_and_goes_with_it() {
    let Some(bench) = isolated() else { return };
    let folder = two_units(&bench);
    let service =
        format!("setsid sh -c 'cd {folder} && exec sleep 600' > /dev/null 2>&1 & echo $! > {folder}/pid");
    bench.ok(&["exec", "--unit", "c/0", "--", &service]);
    bench.kill_daemon();
    let pid = bench.json(&["exec", "--unit", "c/0", &format!("cat {folder}/who {folder}/pid")]);
    let said = pid["c/0"]["results"]["stdout"].as_str().expect("its output").to_owned();
    let (who, pid) = said.trim().split_once('\n').expect("two lines");
    assert_eq!(who, "c/0");
    assert!(Path::new("/proc").join(pid).exists(), "a service outlives its daemon");

    // It ends with its machine all the same.
    bench.ok(&["remove-unit", "c/0", "--no-prompt"]);
    bench.settle();
    let machine = model_folder(&bench).join("machines/0");
    until("the machine's folder is gone", SOON, || (!machine.exists()).then_some(()));
    let running = || std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    until("its service is gone", SOON, || (running().trim() != "sleep").then_some(()));
    assert_eq!(bench.ok(&["ssh", "c/1", &format!("cat {folder}/who")]), "c/1\n", "the other one goes on");
}

#[test]
fn juju_exec_is_where_charms_look_for_it() {
    let Some(bench) = isolated() else { return };
    two_units(&bench);
    if !Path::new("/usr/bin/juju-exec").exists() {
        eprintln!("skipped: /usr/bin cannot be written");
        return;
    }
    let folder = folder_name(&bench);
    // As a worker does that a hook has left behind.
    let worker = format!(
        "setsid env -u JUJU_CONTEXT_ID /usr/bin/juju-exec -u c/1 'status-set active by-hand' > {folder}/said 2>&1 &"
    );
    bench.ok(&["exec", "--unit", "c/1", "--", &worker]);
    bench.ok(&["wait-for", "unit", "c/1", "--query", "workload-message==\"by-hand\"", "--timeout", "60s"]);
    // As cron does, while the operator is in another model: it is the folder that says whose it is.
    bench.ok(&["add-model", "other"]);
    let by_hand = |place: &str, variables: &str, words: &str| {
        let exec = "/usr/bin/juju-exec";
        let line = format!("cd {place} && env -i PATH=/usr/bin:/bin {variables} {exec} {words}");
        bench.run(&["ssh", "-m", "default", "c/1", &line])
    };
    for (place, words) in [("/var/lib/juju/agents/unit-c-1/charm", ""), ("/var/lib/juju/agents", "-u c/1")] {
        let said = by_hand(place, "", &format!("{words} 'echo $JUJU_UNIT_NAME'"));
        assert_eq!((said.code, said.stdout.as_str()), (0, "c/1\n"), "{place}: {said:?}");
    }
    let other = format!("PERIAPT_HOME={}", bench.path().join("other").display());
    let said = by_hand("/var/lib/juju", &other, "-u c/1 ls");
    assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
    assert!(said.stderr.contains("no model of Periapt's found in /var/lib/juju"), "{said:?}");
    let said = Said::of(
        std::process::Command::new("/usr/bin/juju-exec")
            .env_clear()
            .current_dir("/")
            .output()
            .expect("it starts"),
    );
    assert_eq!((said.code, said.stdout.as_str()), (1, ""), "{said:?}");
    assert!(said.stderr.contains("is not called by a unit"), "{said:?}");
}

#[test]
fn no_daemon_starts_on_a_machine() {
    let Some(bench) = isolated() else { return };
    two_units(&bench);
    let periapt = env!("CARGO_BIN_EXE_periapt");
    let said = bench.run(&["ssh", "c/0", &format!("{periapt} daemon stop && {periapt} models")]);
    assert_eq!(said.code, 1, "{said:?}");
    assert!(said.stderr.contains("is on a machine of the model"), "{said:?}");
    bench.ok(&["models"]);
    let pid = bench.daemon_pid().expect("it runs");
    let view = |process: &str| std::fs::read_link(format!("/proc/{process}/ns/mnt")).expect("a link");
    assert_eq!(view(&pid.to_string()), view("self"));
}

#[test]
fn ssh_sees_what_hooks_see_when_namespaces_are_no_longer_asked_for() {
    let Some(bench) = isolated() else { return };
    let folder = two_units(&bench);
    bench.ok(&["daemon", "stop"]);
    let started = bench.command().env("PERIAPT_NAMESPACES", "off").args(["daemon", "start"]).output();
    assert!(started.expect("it starts").status.success());
    let look = format!("cat {folder}/who");
    let executed = bench.run(&["exec", "--unit", "c/0", &look]);
    let entered = bench.run(&["ssh", "c/0", &look]);
    assert_eq!((executed.code, entered.code), (1, 1), "{executed:?} {entered:?}");
}

#[test]
fn without_namespaces_everything_goes_on_in_the_hosts_folders() {
    let bench = Bench::new();
    let charm = shell_charm(bench.path(), "c", "", &[("install", "readlink /proc/self/ns/mnt > seen")]);
    bench.ok(&["deploy", &charm]);
    bench.settle();
    let seen = model_folder(&bench).join("agents/unit-c-0/charm/seen");
    let here = std::fs::read_link("/proc/self/ns/mnt").expect("a link").display().to_string();
    assert_eq!(std::fs::read_to_string(seen).expect("the hook ran").trim(), here);
}
