//! What is asked before something goes away.

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _};

use periapt_controller::client::ModelClient;

use crate::error::{CliError, Result};
use crate::output::{print, say};
use crate::render::config::setting_text;

/// The word of a model's `mode` that makes removals ask.
const REQUIRES_PROMPTS: &str = "requires-prompts";

/// Bytes of an answer that are read. A longer one is a no.
const LONGEST_ANSWER: u64 = 1024;

/// Whether a removal asks first: where the model's `mode` says so, unless it is told not to. A model that cannot be asked for its
/// mode counts as one that says so (Juju 3.6: `RemoveConfirmationCommandBase`).
pub async fn is_wanted(model: &ModelClient, no_prompt: bool) -> bool {
    if no_prompt {
        return false;
    }
    let Ok(config) = model.model_config().await else { return true };
    config
        .get("mode")
        .is_none_or(|mode| setting_text(&mode.value).split(',').any(|word| word.trim() == REQUIRES_PROMPTS))
}

/// Shows what a removal would do: the list is data, as in Juju.
///
/// # Errors
/// Standard output cannot be written.
pub fn show(list: &str) -> Result {
    say("WARNING This command will perform the following actions:");
    print(list)
}

/// Asks whether to go on. `what` is what is stopped otherwise: `unit removal`.
///
/// # Errors
/// The answer is not a yes; standard input is at its end.
pub fn yes(what: &str) -> Result {
    match answer("\nContinue [y/N]? ").to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::new(format!("{what}: aborted")).hint("answer with y, or say --no-prompt")),
    }
}

/// Asks for the name of what is to be destroyed: a `model`, a `controller`.
///
/// # Errors
/// The answer is not its name; standard input is at its end.
pub fn name(kind: &str, name: &str) -> Result {
    match answer(&format!("\nTo continue, enter the name of the {kind} to be destroyed: ")) == name {
        true => Ok(()),
        false => Err(CliError::new(format!("{kind} destruction: aborted"))
            .hint("answer with its name, or say --no-prompt")),
    }
}

/// One line of standard input; empty at its end.
fn answer(question: &str) -> String {
    let mut stderr = std::io::stderr().lock();
    // A question that cannot be shown is answered by nobody, which is a no.
    let _ = write!(stderr, "{question}").and_then(|()| stderr.flush());
    let mut line = String::new();
    let stdin = std::io::stdin();
    let read = stdin.lock().take(LONGEST_ANSWER).read_line(&mut line);
    if !stdin.is_terminal() {
        // Nobody ended the question's line by typing.
        let _ = writeln!(stderr);
    }
    match read {
        Ok(_) => line.trim().to_owned(),
        Err(_) => String::new(),
    }
}

/// Refuses `--no-wait` where nothing is forced (Juju 3.6).
///
/// # Errors
/// That is so.
pub fn check_no_wait(no_wait: bool, force: bool) -> Result {
    match no_wait && !force {
        true => Err(CliError::usage("--no-wait without --force not valid")),
        false => Ok(()),
    }
}
