//! What charms write in masses: databags of ten megabytes, statuses, lines of the log and results that have no end.

use crate::arguments::daemon_faults;
use crate::common::{Bench, shell_charm};

/// Ten megabytes, as a value.
const TEN: usize = 10 << 20;

#[test]
fn what_charms_write_in_masses_is_kept_up_to_its_limit() {
    let bench = Bench::new();
    let charm = shell_charm(
        bench.path(),
        "target",
        "peers:\n  mates: {interface: mates}\n",
        &[("install", "status-set active installed")],
    );
    std::fs::write(format!("{charm}/actions.yaml"), "act: {}\n").expect("a file");
    std::fs::create_dir(format!("{charm}/actions")).expect("a folder");
    let action = format!("{charm}/actions/act");
    // A megabyte in each call: the results end where their limit is.
    let script = "#!/bin/bash\nset +e\nlong=$(head -c 120000 /dev/zero | tr '\\0' y)\nwords=()\n\
                  for key in a b c d e f g h; do words+=(\"$key=$long\"); done\n\
                  for n in $(seq 1 20); do action-set \"${words[@]/#/n$n.}\" || exit 0; done\n";
    std::fs::write(&action, script).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&action, mode).expect("executable");
    bench.ok(&["deploy", &charm, "-n", "3"]);
    bench.settle();
    let daemon = bench.daemon_pid();
    let exec = |unit: &str, script: &str| {
        let said = bench.run(&["exec", "--unit", unit, "--", script]);
        assert!(said.stderr.len() < 20_000 && !said.stderr.contains("panicked"), "{unit}: {said:?}");
        said
    };

    // Three units with ten megabytes each, which every other unit reads.
    let value = format!("(printf 'big: '; head -c {TEN} /dev/zero | tr '\\0' x) >big.yaml");
    for unit in ["target/0", "target/1", "target/2"] {
        let said = exec(unit, &format!("{value}; relation-set -r mates:0 --file big.yaml"));
        assert_eq!(said.code, 0, "{said:?}");
    }
    bench.settle();
    for (reader, of) in [("target/0", "target/1"), ("target/1", "target/2"), ("target/2", "target/0")] {
        let said = exec(reader, &format!("relation-get -r mates:0 big {of} | wc -c"));
        assert_eq!(said.stdout.trim(), (TEN + 1).to_string(), "{said:?}");
    }
    // No more than sixteen: neither in one hook nor in two, and what was there stays.
    let more = "(printf 'more: '; head -c 7000000 /dev/zero | tr '\\0' z) >more.yaml";
    let set = "relation-set -r mates:0 --file more.yaml";
    let said = exec("target/0", &format!("{more}; {set}"));
    assert_eq!(said.code, 1, "{said:?}");
    let all = format!("{said:?}");
    assert!(all.contains("ERROR cannot write relation settings") && all.contains("16777216"), "{all}");
    let said = exec(
        "target/1",
        &format!("{more}; relation-set -r mates:0 big= && {set} && relation-set -r mates:0 --file big.yaml"),
    );
    assert_eq!(said.code, 1, "{said:?}");
    let said = exec(
        "target/0",
        "relation-get -r mates:0 more target/0; relation-get -r mates:0 big target/1 | wc -c",
    );
    assert_eq!(said.stdout.trim(), (TEN + 1).to_string(), "{said:?}");
    // A file that is longer than any answer.
    let said =
        exec("target/0", "head -c 70000000 /dev/zero >huge.yaml; relation-set -r mates:0 --file huge.yaml");
    assert_eq!(said.code, 1, "{said:?}");
    let said = exec("target/0", "head -c 70000000 /dev/zero | relation-set -r mates:0 --file -");
    assert_ne!(said.code, 0, "{said:?}");
    for unit in ["target/0", "target/1", "target/2"] {
        assert_eq!(exec(unit, "relation-set -r mates:0 big=").code, 0);
    }

    // Statuses and lines of the log.
    let long = "long=$(head -c 120000 /dev/zero | tr '\\0' s)";
    let said =
        exec("target/0", &format!("{long}; status-set active \"$long\"; juju-log \"$long\" \"$long\""));
    assert_eq!(said.code, 0, "{said:?}");
    let log = bench.ok(&["debug-log", "--replay", "--no-tail", "--include", "target/0"]);
    let longest = log.lines().map(str::len).max().unwrap_or_default();
    assert!(longest > 60_000 && longest < 70_000, "{longest}");
    assert!(log.contains("more bytes were cut"));
    let said = exec(
        "target/0",
        "(printf '[{\"message\": \"'; head -c 10000000 /dev/zero | tr '\\0' x; printf '\"}]') | periapt-log --file -",
    );
    assert_eq!(said.code, 0, "{said:?}");
    assert_eq!(exec("target/0", "status-set active installed; leader-get >/dev/null").code, 0);

    // An action's results.
    let said = bench.run(&["run", "target/0", "act", "--format", "json"]);
    assert!(
        said.stdout.len() > 14_000_000 && said.stdout.len() < 18_000_000,
        "{} {}",
        said.code,
        said.stdout.len()
    );
    assert!(said.stdout.contains("cannot set the action's results"), "{}", said.stderr);
    let deep = exec("target/0", "action-set $(printf 'a.%.0s' {1..5000})a=1");
    assert!(deep.code == 1 && format!("{deep:?}").contains("has more than 64 parts"), "{deep:?}");

    assert!(daemon_faults(&bench).is_empty());
    assert_eq!(bench.daemon_pid(), daemon, "the daemon is another");
    // And what was written is read again.
    bench.ok(&["daemon", "stop"]);
    bench.ok(&["status"]);
    bench.settle();
}
