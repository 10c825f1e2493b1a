//! What a home needs over time: logs and results that stay bounded, what nobody names any more, and files that are in the way.

mod common;

use std::fs::{self, File};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use common::{Bench, Said, shell_charm, until};

const LONG: Duration = Duration::from_secs(60);

fn entries(folder: PathBuf) -> Vec<String> {
    let names = fs::read_dir(folder).expect("the folder").map(|entry| entry.expect("an entry").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

#[test]
fn a_command_line_runs_on_a_unit_whose_install_has_failed() {
    let bench = Bench::new();
    let failing = shell_charm(bench.path(), "failing", "", &[("install", "test -e mended || exit 1")]);
    bench.ok(&["model-config", "automatically-retry-hooks=false"]);
    bench.ok(&["deploy", &failing]);
    bench.ok(&["wait", "--for", "failing/0=error", "--timeout", "60s"]);
    let said = bench.run(&["exec", "--unit", "failing/0", "--wait", "60s", "--", "touch mended; echo done"]);
    assert_eq!((said.code, said.stdout.as_str()), (0, "done\n"), "{said:?}");
    bench.ok(&["resolved", "failing/0"]);
    bench.settle();
    let trace = bench.trace("failing/0");
    let place = |event: &str| trace.iter().position(|line| line == event);
    assert!(place("exec") < place("install") && place("start").is_some(), "{trace:?}");
}

#[test]
fn a_long_log_of_the_daemon_is_put_aside() {
    let bench = Bench::new();
    let (log, older) = (bench.home().join("daemon.log"), bench.home().join("daemon.log.1"));
    let fill = |letter: u8| {
        let mut file = File::options().create(true).append(true).open(&log).expect("the log");
        file.write_all(&vec![letter; 17 << 20]).expect("room");
    };
    fill(b'a');
    bench.ok(&["models"]);
    let text = fs::read_to_string(&log).expect("the log");
    assert!(text.len() < 1 << 20 && text.contains("serving on"), "{}", text.len());
    assert_eq!(fs::read(&older).expect("the one before")[0], b'a');
    // While it runs, too.
    fill(b'b');
    bench.ok(&["daemon", "stop"]);
    let text = fs::read_to_string(&log).expect("the log");
    assert!(text.len() < 1 << 20 && text.contains("stopped"), "{}", text.len());
    assert!(fs::read(&older).expect("the one before").ends_with(b"bbb"));
}

#[test]
fn a_daemon_whose_home_is_removed_ends_and_leaves_the_next_one_alone() {
    let bench = Bench::new();
    bench.ok(&["models"]);
    let first = bench.daemon_pid().expect("it runs");
    // It may write just then.
    until("the home goes", LONG, || fs::remove_dir_all(bench.home()).ok());
    bench.ok(&["models"]);
    let second = bench.daemon_pid().expect("another runs");
    assert_ne!(first, second);
    let process = PathBuf::from(format!("/proc/{first}"));
    until("the first daemon has ended", LONG, || {
        // Nobody may have waited for it: then a zombie is left.
        let state = fs::read_to_string(process.join("stat")).ok();
        state.is_none_or(|text| text.contains(") Z ")).then_some(())
    });
    assert!(bench.home().join("periapt.sock").exists(), "the first has removed the second's socket");
    assert!(bench.ok(&["daemon", "status"]).contains(&format!("process {second}")));
}

#[test]
fn refused_deployments_leave_nothing_for_good() {
    let bench = Bench::new();
    let metadata = "resources:\n  blob: {type: file, filename: blob}\n";
    let charm = shell_charm(bench.path(), "c", metadata, &[("install", "true")]);
    let folder = PathBuf::from(&charm);
    fs::write(folder.join("config.yaml"), "options:\n  size: {type: int}\n").expect("the options");
    let blob = bench.path().join("blob");
    fs::write(&blob, "first").expect("the resource");
    let resource = format!("blob={}", blob.display());
    bench.ok(&["deploy", &charm, "--resource", &resource]);
    bench.settle();
    let there = || (entries(bench.home().join("charms")), entries(bench.home().join("resources")));
    let before = there();
    assert_eq!((before.0.len(), before.1.len()), (1, 1), "{before:?}");
    // What is wrong with the options is found before anything is copied.
    fs::write(folder.join("changed"), "one").expect("a file");
    fs::write(&blob, "second").expect("the resource");
    for wrong in ["nosuch=1", "size=many"] {
        bench.refused(&["deploy", &charm, "two", "--resource", &resource, "--config", wrong]);
        assert_eq!(there(), before, "{wrong}");
    }
    // What only the model can refuse is found later, and cleared.
    bench.refused(&["deploy", &charm, "c", "--resource", &resource]);
    let (trees, files) = there();
    assert_eq!((trees.len(), files.len()), (2, 2), "{trees:?} {files:?}");
    bench.ok(&["daemon", "stop"]);
    let earlier = SystemTime::now() - Duration::from_secs(3600);
    let place = |name: &str| bench.home().join(name);
    let trees = trees.iter().map(|name| place("charms").join(name));
    for path in trees.chain(files.iter().map(|name| place("resources").join(name))) {
        File::open(path).expect("it is there").set_modified(earlier).expect("its time");
    }
    bench.ok(&["models"]);
    until("only what is used is left", LONG, || (there() == before).then_some(()));
    // It is whole.
    bench.ok(&["add-unit", "c"]);
    bench.settle();
}

#[test]
fn a_model_that_cannot_become_the_current_one_says_how_to_go_on() {
    let bench = Bench::new();
    bench.ok(&["models"]);
    fs::create_dir(bench.home().join("current-model")).expect("something in the way");
    let said = bench.refused(&["add-model", "m2"]);
    assert!(
        said.stderr.contains("the model is there") && said.stderr.contains("periapt switch m2"),
        "{said:?}"
    );
    fs::remove_dir(bench.home().join("current-model")).expect("it goes");
    bench.ok(&["switch", "m2"]);
}

#[test]
fn what_lies_in_the_daemons_way_is_named_with_a_remedy() {
    let bench = Bench::new();
    for name in ["daemon.log", "daemon.lock", "periapt.sock"] {
        let path = bench.home().join(name);
        fs::create_dir(&path).expect("something in the way");
        let said = bench.refused(&["models"]);
        let words = [path.to_str().expect("a text"), "remove"];
        assert!(words.iter().all(|word| said.stderr.contains(word)), "{name}: {said:?}");
        fs::remove_dir(&path).expect("it goes");
    }
    for name in ["daemon.log", "daemon.lock"] {
        let path = bench.home().join(name);
        // The last attempt has left one.
        fs::remove_file(&path).ok();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).expect("a pipe");
        let said = bench.refused(&["models"]);
        assert!(said.stderr.contains("no plain file") && said.stderr.contains("remove"), "{name}: {said:?}");
        fs::remove_file(&path).expect("it goes");
    }
    bench.ok(&["models"]);
}

#[test]
fn what_the_daemon_makes_does_not_depend_on_who_started_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    let program = bench.command().get_program().to_owned();
    let mut shell = bench.command_of("sh");
    let said = shell.args(["-c", "umask 000 && \"$0\" models"]).arg(program).output().expect("a shell");
    let said = Said::of(said);
    assert_eq!(said.code, 0, "{said:?}");
    bench.ok(&["deploy", &shell_charm(bench.path(), "c", "", &[("install", "touch made")])]);
    bench.settle();
    let model = entries(bench.home().join("models")).remove(0);
    let model = bench.home().join("models").join(model);
    let made = [model.clone(), model.join("agents/unit-c-0/charm/made"), bench.home().join("daemon.log")];
    for path in made {
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o022, 0, "{} is {:o}", path.display(), mode & 0o777);
    }
}
