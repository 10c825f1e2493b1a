//! What all commands share: flags, help, formats, `-o`, exit codes.

use std::collections::BTreeSet;

use periapt_context::testing::Stage;
use periapt_context::{Output, known_commands};

use super::check_each;

#[test]
fn config_get_in_every_format() {
    check_each(&[
        ("config-get port", 0, "8080\n", ""),
        ("config-get debug", 0, "False\n", ""),
        ("config-get --format=json debug", 0, "false\n", ""),
        ("config-get title", 0, "a <b> & c\n", ""),
        ("config-get title --format json", 0, "\"a \\u003cb\\u003e \\u0026 c\"\n", ""),
        ("config-get ratio --format=json", 0, "2\n", ""),
        ("config-get name", 0, "", ""),
        ("config-get name --format=json", 0, "null\n", ""),
        ("config-get name --format=yaml", 0, "", ""),
        ("config-get nope", 0, "", ""),
        (
            "config-get --format=json",
            0,
            "{\"debug\":false,\"port\":8080,\"ratio\":2,\"title\":\"a \\u003cb\\u003e \\u0026 c\"}\n",
            "",
        ),
        (
            "config-get --all --format=json",
            0,
            "{\"debug\":false,\"name\":null,\"port\":8080,\"ratio\":2,\"title\":\"a \\u003cb\\u003e \\u0026 c\"}\n",
            "",
        ),
        ("config-get -a port", 2, "", "ERROR cannot use argument --all together with key \"port\"\n"),
        ("config-get a b", 2, "", "ERROR unrecognized args: [\"b\"]\n"),
        (
            "config-get --format=xml",
            2,
            "",
            "ERROR invalid value \"xml\" for option --format: unknown format \"xml\"\n",
        ),
        ("config-get --x", 2, "", "ERROR option provided but not defined: --x\n"),
        ("config-get -x", 2, "", "ERROR option provided but not defined: -x\n"),
        ("config-get --format", 2, "", "ERROR option needs an argument: --format\n"),
        ("no-such-command", 1, "", "ERROR unknown command: no-such-command\n"),
    ]);
}

#[test]
fn output_can_go_to_a_file() {
    for flag in ["-o", "--output"] {
        let output = Stage::config_changed().run("config-get", &["port", flag, "out.txt", "--format=json"]);
        let expected =
            Output { write_file: Some(("out.txt".to_owned(), b"8080\n".to_vec())), ..Output::default() };
        assert_eq!(output, expected);
    }
    let output = Stage::config_changed().run("config-get", &["nope", "-o", "out.txt"]);
    assert_eq!(output.write_file, Some(("out.txt".to_owned(), Vec::new())), "nothing is a file too");
}

#[test]
fn every_command_explains_itself() {
    for command in known_commands() {
        let (code, stdout, stderr) = Stage::config_changed().line(&format!("{command} --help"));
        assert_eq!((code, stderr.as_str()), (0, ""), "{command}");
        assert!(stdout.starts_with(&format!("Usage: {command}")), "{command}: {stdout}");
        assert!(stdout.contains("\nSummary:\n"), "{command}: {stdout}");
        assert_eq!(Stage::config_changed().line(&format!("{command} -h")).1, stdout);
    }
    // charmhelpers looks for this to decide how to hand over data.
    assert!(Stage::config_changed().line("relation-set --help").1.contains("--file"));
    insta::assert_snapshot!(Stage::config_changed().line("relation-list --help").1, @r#"
    Usage: relation-list [options]

    Summary:
    List the units on the other side of a relation.

    Options:
    --app  (= false)
        Print the remote application instead of its units
    --format  (= smart)
        The format of the output (json|smart|yaml)
    -o, --output  (= "")
        A file to write to instead of standard output
    -r, --relation  (= "")
        The relation, as N or ENDPOINT:N; in a relation hook that relation by default

    Details:
    Lists the remote units whose relation-joined has run, without the one that a relation-departed is about.
    Outside a relation hook the relation must be given.
    "#);
}

#[test]
fn the_commands_of_juju_are_there_and_function_get_is_not() {
    let known: BTreeSet<&str> = known_commands().into_iter().collect();
    // What ops and charmhelpers run, in their documentation's order.
    let wanted = "juju-log is-leader config-get relation-ids relation-list relation-get relation-set relation-model-get \
        network-get status-get status-set application-version-set open-port close-port opened-ports storage-list \
        storage-get storage-add resource-get action-get action-set action-log action-fail goal-state credential-get \
        juju-reboot state-get state-set state-delete secret-add secret-get secret-set secret-grant secret-revoke \
        secret-remove secret-info-get secret-ids leader-get leader-set unit-get add-metric pod-spec-set pod-spec-get \
        k8s-spec-set k8s-spec-get k8s-raw-set k8s-raw-get payload-register payload-status-set payload-unregister";
    for command in wanted.split_whitespace() {
        assert!(known.contains(command), "{command}");
    }
    for absent in ["function-get", "function-set", "function-fail", "function-log"] {
        assert!(!known.contains(absent), "{absent}");
    }
}

#[test]
fn what_is_not_there_yet_says_so() {
    let unsupported =
        |command: &str| format!("ERROR {command} is not supported by this version of periapt yet\n");
    for line in ["k8s-raw-get --format=json", "pod-spec-set --file f --k8s-resources g"] {
        let command = line.split(' ').next().unwrap();
        let got = Stage::config_changed().line(line);
        assert_eq!(got, (1, String::new(), unsupported(command)), "{line}");
    }
}
