//! Bundles, overlays and files of options and secrets that were made to do harm.

use std::process::Output;
use std::sync::Mutex;

use crate::arguments::{daemon_faults, fault, run, snapshot, work};
use crate::common::{Bench, shell_charm};

/// What is wrong with the refusal of a command line.
fn faults(words: &[&str], wanted: &str, said: Option<Output>) -> Vec<String> {
    let shown: String = format!("{words:?}").chars().take(150).collect();
    let Some(said) = said else { return vec![format!("{shown} does not end")] };
    let stderr = String::from_utf8_lossy(&said.stderr);
    let start: String = stderr.chars().take(300).collect();
    let mut faults = Vec::new();
    if said.status.success() || !stderr.contains(wanted) {
        faults.push(format!("{shown} wanted {wanted:?}: {:?} {start}", said.status));
    }
    faults.extend(
        fault(said.status.code(), &said.stdout, &said.stderr).map(|fault| format!("{shown}: {fault}")),
    );
    faults
}

#[test]
fn files_that_do_harm_are_refused() {
    let bench = Bench::new();
    let work = work(&bench);
    let charm = shell_charm(
        bench.path(),
        "target",
        "requires:\n  db: {interface: sql}\n",
        &[("install", "status-set active installed")],
    );
    let options = "options:\n  note: {type: string, default: ''}\n  size: {type: int, default: 1}\n";
    std::fs::write(format!("{charm}/config.yaml"), options).expect("a file");
    std::fs::write(format!("{charm}/actions.yaml"), "act: {additionalProperties: true}\n").expect("a file");
    bench.ok(&["deploy", &charm]);
    bench.settle();
    let write = |name: &str, bytes: &[u8]| {
        let path = bench.path().join(name);
        std::fs::write(&path, bytes).expect("a file");
        path.display().to_string()
    };
    let pipe = bench.path().join("pipe").display().to_string();
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).expect("a pipe");
    let large = write("large.yaml", b"");
    std::fs::File::options().write(true).open(&large).and_then(|f| f.set_len(100 << 20)).expect("a hole");
    let binary = write("binary.yaml", b"applications:\n  \xff: {}\n");
    let nul = write("nul.yaml", b"applications: \"\0\"\n");
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        bomb += &format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", "));
    }
    let bomb = write(
        "bomb.yaml",
        format!("{bomb}applications: {{a: {{charm: ./target, options: *a11}}}}\n").as_bytes(),
    );
    let deep =
        write("deep.yaml", format!("applications: {}{}", "[".repeat(9000), "]".repeat(9000)).as_bytes());
    let documents = write("documents.yaml", "---\na: 1\n".repeat(500_000).as_bytes());
    let app = |rest: &str| format!("applications:\n  other:\n    charm: ./target\n    {rest}\n");
    let bundle = |name: &str, rest: &str| write(&format!("{name}.yaml"), app(rest).as_bytes());
    let units = bundle("units", "num_units: 1000000000");
    let more = bundle("more", "num_units: 99999999999999999999");
    let negative = bundle("negative", "num_units: -1");
    let zero = bundle("zero", "options: {note: 'include-file:///dev/zero'}");
    let fifo = bundle("fifo", &format!("options: {{note: 'include-file://{pipe}'}}"));
    let option = bundle("option", "options: {nope: 1}");
    let outside = write("outside.yaml", b"applications:\n  other:\n    charm: ../../../../../../etc\n");
    let name = write("name.yaml", b"applications:\n  ../other:\n    charm: ./target\n");
    let related = write(
        "related.yaml",
        format!("{}relations:\n- [other:db, '../x:y']\n", app("num_units: 1")).as_bytes(),
    );
    let itself = write(
        "itself.yaml",
        format!("{}relations:\n- [other:nope, other:db]\n", app("num_units: 1")).as_bytes(),
    );
    let good = bundle("good", "num_units: 1");
    let secrets = write("secrets.yaml", format!("password: {}", "x".repeat(2 << 20)).as_bytes());
    let levels = format!("{}=1", vec!["a"; 20_000].join("."));
    let nested = format!("{}={}x{}", vec!["a"; 60].join("."), "[".repeat(60), "]".repeat(60));

    let (daemon, before) = (bench.daemon_pid(), snapshot(&bench));
    let at_pipe = format!("note=@{pipe}");
    let key_pipe = format!("password#file={pipe}");
    let cases: &[(&[&str], &str)] = &[
        (&["deploy", &bomb], "ERROR"),
        (&["deploy", &deep], "ERROR"),
        (&["deploy", &documents], "documents"),
        (&["deploy", &large], "larger than 5M"),
        (&["deploy", &binary], "not UTF-8"),
        (&["deploy", &nul], "ERROR"),
        (&["deploy", &units], "10000"),
        (&["deploy", &more], "ERROR"),
        (&["deploy", &negative], "ERROR"),
        (&["deploy", &zero], "larger than 5M"),
        (&["deploy", &fifo], "nobody writes"),
        (&["deploy", &option], "nope"),
        (&["deploy", &outside], "ERROR"),
        (&["deploy", &name], "../other"),
        (&["deploy", &related], "../x"),
        (&["deploy", &itself], "with itself"),
        (&["deploy", &pipe], "neither a folder nor a file"),
        (&["deploy", &good, "--overlay", "/dev/zero"], "larger than 5M"),
        (&["deploy", &good, "--overlay", &pipe], "nobody writes"),
        (&["deploy", &good, "--overlay", &bomb], "ERROR"),
        (&["deploy", &good, "--overlay", &documents], "documents"),
        (&["deploy", &good, "--overlay", "/nope"], "cannot read /nope"),
        (&["deploy", &charm, "other", "--config", &pipe], "nobody writes"),
        (&["config", "target", &at_pipe], "nobody writes"),
        (&["config", "target", "--file", &bomb], "ERROR"),
        (&["config", "target", "--file", &binary], "not UTF-8"),
        (&["add-secret", "mine", "--file", &pipe], "nobody writes"),
        (&["add-secret", "mine", "--file", "/dev/zero"], "larger than 5M"),
        (&["add-secret", "mine", "--file", &large], "larger than 5M"),
        (&["add-secret", "mine", "--file", &secrets], "larger than 1048576"),
        (&["add-secret", "mine", &key_pipe], "nobody writes"),
        (&["add-secret", "mine", "password#file=/dev/zero"], "larger than 5M"),
        (&["add-secret", "mine", "password#file=../../etc/shadow"], "cannot read"),
        (&["run", "target/0", "act", &levels], "parts"),
        (&["run", "target/0", "act", "--params", &deep], "ERROR"),
        (&["run", "target/0", "act", "--params", &pipe], "nobody writes"),
        (&["run", "target/0", "act", &nested], "nest deeper than"),
        (&["add-cloud", "c", "--file", &bomb], "ERROR"),
        (&["add-credential", "localhost", "--file", &pipe], "nobody writes"),
        (&["add-unit", "target", "-n", "4294967295"], "ERROR"),
        (&["add-machine", "-n", "4294967295"], "ERROR"),
        (&["scale-application", "target", "4294967295"], "ERROR"),
        (&["scale-application", "target", "100000"], "ERROR"),
        (&["set-constraints", "target", "mem=99999999999999999999T"], "ERROR"),
        (&["set-constraints", "target", "cores=-1"], "ERROR"),
        (&["add-unit", "target", "--to", "99999999999999999999"], "ERROR"),
        (&["add-unit", "target", "--to", "../0"], "ERROR"),
        (&["wait", "--timeout", "999999999999999999999h"], "ERROR"),
        (&["wait", "--timeout", "-1s"], "ERROR"),
        (&["run", "target/0", "act", "--wait", "1e400s"], "ERROR"),
        (&["status", "--format", "../json"], "ERROR"),
        (&["status", "--model", "../default"], "ERROR"),
        (&["debug-log", "--limit", "-1"], "ERROR"),
        (&["debug-log", "--limit", "99999999999999999999"], "ERROR"),
        (&["show-secret", "secret:../../x"], "ERROR"),
        (&["deploy", "target", "--channel", "../../x"], "ERROR"),
        (&["deploy", "ch:../../etc", "--revision", "99999999999"], "ERROR"),
        (&["exec", "--unit", "target/99999999999999999999", "--", "true"], "ERROR"),
    ];
    // Side by side: a pipe is given five seconds.
    let (left, wrong) = (Mutex::new(cases.iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                loop {
                    let next = left.lock().expect("no thread panics").next();
                    let Some((words, wanted)) = next else { break };
                    let said = run(bench.command().current_dir(&work).args(*words));
                    wrong.lock().expect("no thread panics").extend(faults(words, wanted, said));
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().expect("no thread panics");
    // Times beyond all clocks are no limit.
    for words in [
        &["wait", "--timeout", "5000000000000000h"][..],
        &["run", "target/0", "act", "--wait", "5000000000000000h"],
        &["exec", "--unit", "target/0", "--wait", "5000000000000000h", "--", "true"],
        &[
            "exec",
            "--unit",
            "target/0",
            "--",
            "secret-add --owner unit --expire 5000000000000000h password=x || true",
        ],
    ] {
        let said = run(bench.command().current_dir(&work).args(words));
        let found = said.map(|said| fault(said.status.code(), &said.stdout, &said.stderr));
        wrong.extend(
            found
                .unwrap_or_else(|| Some("does not end".to_owned()))
                .map(|fault| format!("{words:?}: {fault}")),
        );
    }
    // What a running process writes is read to its end, however long it thinks first.
    let slow = format!(
        "(sleep 0.3; echo slow >{pipe}) & {} config target note=@{pipe}",
        env!("CARGO_BIN_EXE_periapt")
    );
    let said = bench.command_of("sh").args(["-c", &slow]).output().expect("a shell");
    assert!(said.status.success(), "{said:?}");
    assert_eq!(bench.ok(&["config", "target", "note"]).trim(), "slow");
    bench.ok(&["config", "target", "--reset", "note"]);
    bench.settle();
    wrong.extend(daemon_faults(&bench));
    assert!(wrong.is_empty(), "{} faults:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(bench.daemon_pid(), daemon, "the daemon is another");
    let after = snapshot(&bench);
    for (part, value) in before.as_object().expect("an object") {
        // The option that was set and taken back ran a hook, and so did what was run above; `models` counts secrets.
        if !["status", "operations", "secrets", "models"].contains(&part.as_str()) {
            assert_eq!(&after[part], value, "{part} changed");
        }
    }
    let apps = after["status"]["applications"].as_object().expect("applications");
    assert_eq!(apps.len(), 1, "{apps:?}");
}
