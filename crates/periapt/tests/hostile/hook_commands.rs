//! Every hook command, in a hook context of a unit.

use std::ffi::OsString;
use std::fmt::Write as _;

use crate::arguments::{daemon_faults, fault, kinds, long_words, quoted, shown, snapshot, words, work};
use crate::common::{Bench, shell_charm};

/// What may be there before a hostile word.
const BEFORE: [(&str, &[&str]); 12] = [
    ("relation-get", &["-r"]),
    ("relation-get", &["-r", "mates:0", "-"]),
    ("relation-get", &["-r", "mates:0", "--app", "-"]),
    ("relation-set", &["-r", "mates:0"]),
    ("relation-set", &["-r", "mates:0", "--file"]),
    ("config-get", &["-o"]),
    ("storage-get", &["-s"]),
    ("secret-add", &["--expire"]),
    ("secret-grant", &["aaaaaaaaaaaaaaaaaaaa", "-r"]),
    ("open-port", &["--endpoints"]),
    ("status-set", &["active"]),
    ("state-set", &["--file"]),
];

/// What is no mistake: a text that stands for itself, and that others see. What is done here is undone below.
const SENSE: [(&str, &str); 2] = [("juju-reboot", "nothing"), ("juju-reboot", "two dashes")];

/// A charm may have its answers written where it likes.
const WRITES: (&str, &str) = ("-o", "path");

#[test]
fn every_hook_command_refuses_hostile_arguments_and_changes_nothing() {
    let bench = Bench::new();
    work(&bench);
    let charm = shell_charm(
        bench.path(),
        "target",
        "peers:\n  mates: {interface: mates}\nresources:\n  blob: {type: file, filename: blob}\n",
        &[("install", "status-set active installed; application-version-set ''")],
    );
    bench.ok(&["deploy", &charm]);
    bench.settle();
    let folder = bench.path().join("answers");
    std::fs::create_dir(&folder).expect("a folder");

    let mut lines: Vec<(&str, Vec<OsString>)> = Vec::new();
    for command in periapt_context::known_commands() {
        for kind in kinds() {
            if !SENSE.contains(&(command, kind.name)) {
                lines.push((command, kind.words));
            }
        }
    }
    for (command, before) in BEFORE {
        for kind in words() {
            if (before[before.len() - 1], kind.name) == WRITES {
                continue;
            }
            let before = before.iter().map(OsString::from);
            lines.push((command, before.chain(kind.words).collect()));
        }
    }
    let mut script = long_words().into_bytes();
    // A path of two steps up leads to a file that is not to be touched.
    script.extend_from_slice(format!("cd {}/work/here\n", bench.path().display()).as_bytes());
    for (number, (command, words)) in lines.iter().enumerate() {
        let base = folder.join(number.to_string());
        script.extend_from_slice(command.as_bytes());
        script.extend_from_slice(&quoted(words));
        let base = base.display();
        let end = format!(" </dev/null >{base}.out 2>{base}.err; echo $? >{base}.code\n");
        script.extend_from_slice(end.as_bytes());
    }
    // What stands for itself was taken; as it was again.
    script.extend_from_slice(b"status-set active installed\napplication-version-set ''\nrm -f -- */* ./*\n");
    let path = bench.path().join("script");
    std::fs::write(&path, script).expect("a script");

    let (daemon, mut before) = (bench.daemon_pid(), snapshot(&bench));
    bench.ok(&["exec", "--unit", "target/0", "--", &format!("bash {}", path.display())]);
    bench.settle();
    let mut wrong = daemon_faults(&bench);
    for (number, (command, words)) in lines.iter().enumerate() {
        let read = |end: &str| std::fs::read(folder.join(format!("{number}.{end}"))).unwrap_or_default();
        let code = String::from_utf8_lossy(&read("code")).trim().parse::<i32>().ok();
        if let Some(fault) = fault(code, &read("out"), &read("err")) {
            wrong.push(format!("{command} {}: {fault}", shown(words)));
        }
    }
    let mut text = String::new();
    for fault in &wrong {
        writeln!(text, "{fault}").expect("text");
    }
    assert!(wrong.is_empty(), "{} faults:\n{text}", wrong.len());
    assert_eq!(bench.daemon_pid(), daemon, "the daemon is another");
    let mut after = snapshot(&bench);
    // The exec itself, and the moments of the statuses.
    for snapshot in [&mut before, &mut after] {
        let map = snapshot.as_object_mut().expect("an object");
        map.remove("operations");
        forget_times(&mut map["status"]);
    }
    for (part, value) in before.as_object().expect("an object") {
        assert_eq!(&after[part], value, "{part} changed");
    }
}

fn forget_times(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(map) => {
            map.remove("since");
            map.values_mut().for_each(forget_times);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(forget_times),
        _ => {}
    }
}
