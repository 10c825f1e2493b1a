//! Any bytes as a hook command's arguments.

use periapt_model::hook::{Hook, RelationEvent};
use serde_json::json;

use crate::testing::{Stage, action, db_hook};
use crate::{ContextKind, decode_arguments, describe, known_commands};

/// Runs one hook command on a fixed model: the first byte chooses the context and the second the command; the rest is
/// the arguments, each ended by a zero byte, and behind two zero bytes the standard input.
///
/// # Panics
/// When a command panics, asks for the same thing twice, changes something before it is done, or ends with an exit code
/// other than Juju's.
pub fn fuzz_arguments(data: &[u8]) {
    let [context, command, rest @ ..] = data else { return };
    let commands = known_commands();
    let command = commands[usize::from(*command) % commands.len()];
    let context = match context % 6 {
        0 => ContextKind::Hook(Hook::ConfigChanged),
        1 => db_hook(RelationEvent::Changed, Some("db/2")),
        2 => db_hook(RelationEvent::Departed, Some("db/10")),
        3 => db_hook(RelationEvent::Broken, None),
        4 => action(json!({"a": {"b": [1, 2.5, null]}, "c": "d"})),
        _ => ContextKind::Exec { relation: None },
    };
    let mut stage = Stage::new(context);
    let split = rest.windows(2).position(|pair| pair == [0, 0]);
    let (args, stdin) = split.map_or((rest, &[][..]), |at| (&rest[..at], &rest[at + 2..]));
    stage.leader = data.len().is_multiple_of(2);
    stage.stdin = stdin.to_vec();
    stage.files.insert("f".to_owned(), stdin.to_vec());
    let args: Vec<&[u8]> = if args.is_empty() { Vec::new() } else { args.split(|byte| *byte == 0).collect() };
    let Ok(args) = decode_arguments(command, &args) else { return };
    let output = stage.run_args(command, &args);
    assert!(output.code <= 2, "{command} {args:?}: exit code {}", output.code);
    if output.code != 0 {
        assert!(output.stderr.starts_with(b"ERROR "), "{command} {args:?}: fails without a word");
        assert!(
            stage.effects.is_empty() && output.immediate.is_empty(),
            "{command} {args:?}: failed, yet did something"
        );
    }
    // Reading after any write must work too.
    for line in ["relation-get -r 2 - web/0", "opened-ports", "state-get", "status-get"] {
        assert_eq!(stage.line(line).0, 0, "{line} after {command} {args:?}");
    }
    let _ = describe(&stage.view, &stage.effects);
}
