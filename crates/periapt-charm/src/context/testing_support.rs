//! An agent that is told what to answer and remembers what it was asked, for the tests of this folder.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use periapt_model::log::Level;
use periapt_model::time::Timestamp;

use super::Context;
use crate::commands::{Commands, Output, Timer};
use crate::environment::Environment;
use crate::log::Lines;
use crate::memory::Memory;
use crate::metadata::Metadata;

/// The charm that the tests are about.
const META: Metadata = Metadata {
    name: "web",
    json: r#"{"name": "web", "summary": "", "description": "", "format": "v2", "config": {"key": {"type": "secret"}}}"#,
    files: &[],
};

#[derive(Default)]
struct Told {
    /// What commands print or say, by command line. The last one is said again and again.
    answers: BTreeMap<String, Vec<Output>>,
    calls: Vec<String>,
    timers: Vec<Timer>,
}

/// Answers by command line; what it has no answer for succeeds and prints nothing.
#[derive(Clone)]
pub(crate) struct FakeAgent {
    told: Rc<RefCell<Told>>,
    variables: BTreeMap<String, String>,
    periapt: bool,
    #[cfg(feature = "pebble")]
    containers: BTreeMap<String, periapt_pebble::fake::FakePebble>,
}

impl FakeAgent {
    /// Juju's, of version 3.6.1, for `web/0` in an update-status hook.
    pub(crate) fn new() -> Self {
        let variables = [
            ("JUJU_UNIT_NAME", "web/0"),
            ("JUJU_MODEL_NAME", "dev"),
            ("JUJU_MODEL_UUID", "5d1c6c8c-0000-4000-8000-000000000001"),
            ("JUJU_VERSION", "3.6.1"),
            ("JUJU_CHARM_DIR", "/var/lib/juju/agents/unit-web-0/charm"),
            ("JUJU_MACHINE_ID", "0"),
            ("JUJU_DISPATCH_PATH", "hooks/update-status"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        Self {
            told: Rc::default(),
            variables,
            periapt: false,
            #[cfg(feature = "pebble")]
            containers: BTreeMap::new(),
        }
    }

    /// The same with another variable.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Periapt's.
    pub(crate) fn periapt(mut self) -> Self {
        self.periapt = true;
        self
    }

    /// With a container.
    #[cfg(feature = "pebble")]
    pub(crate) fn container(mut self, name: &str, pebble: &periapt_pebble::fake::FakePebble) -> Self {
        self.containers.insert(name.to_owned(), pebble.clone());
        self
    }

    /// Whether the unit leads.
    pub(crate) fn leads(self, leads: bool) -> Self {
        self.says("is-leader --format=json", if leads { "true" } else { "false" })
    }

    /// `line` prints `text`.
    pub(crate) fn says(self, line: &str, text: &str) -> Self {
        self.answers(line, Output { stdout: text.into(), ..Output::default() })
    }

    /// `line` fails with `text` on standard error.
    pub(crate) fn fails(self, line: &str, text: &str) -> Self {
        self.answers(line, Output { code: 1, stderr: text.into(), ..Output::default() })
    }

    fn answers(self, line: &str, output: Output) -> Self {
        self.told.borrow_mut().answers.entry(line.to_owned()).or_default().push(output);
        self
    }

    pub(crate) fn context(&self) -> Context {
        let environment = Environment::read(&|name| self.variables.get(name).cloned()).expect("a good one");
        let lines = Arc::new(Lines::new(Level::Debug));
        Context::new(environment, META.parse(), Box::new(self.clone()), Memory::default(), lines)
    }

    /// What was run since it was asked last, one line each. A file that an argument names stands there as its content,
    /// standard input after a `<`.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut self.told.borrow_mut().calls)
    }

    pub(crate) fn timers(&self) -> Vec<Timer> {
        self.told.borrow().timers.clone()
    }
}

/// `key#file=PATH` with the content of the file. It must be nobody else's to read.
fn opened(arg: &str) -> String {
    let Some((key, path)) = arg.split_once("#file=") else { return arg.to_owned() };
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| std::fs::metadata(path).map(|m| m.permissions().mode() & 0o077);
    let path = std::path::Path::new(path);
    let private = mode(path).is_ok_and(|mode| mode == 0)
        && path.parent().is_some_and(|folder| mode(folder).is_ok_and(|mode| mode == 0));
    let content = std::fs::read_to_string(path).unwrap_or_else(|error| format!("({error})"));
    format!("{key}#file={}[{content}]", if private { "" } else { "NOT PRIVATE" })
}

impl Commands for FakeAgent {
    fn run(&mut self, command: &str, args: &[String], stdin: Option<&[u8]>) -> io::Result<Output> {
        let mut line = command.to_owned();
        for arg in args {
            line.push(' ');
            line.push_str(&opened(arg));
        }
        let mut told = self.told.borrow_mut();
        let shown = match stdin {
            Some(stdin) => format!("{line} < {}", String::from_utf8_lossy(stdin)),
            None => line.clone(),
        };
        told.calls.push(shown);
        Ok(match told.answers.get_mut(&line) {
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
            None => Output::default(),
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::parse_rfc3339("2026-01-02T03:04:05Z").expect("a time")
    }

    fn sleep(&mut self, _pause: Duration) {}

    fn chance(&mut self) -> f64 {
        0.5
    }

    fn is_periapt(&self) -> bool {
        self.periapt
    }

    #[cfg(feature = "pebble")]
    fn pebble(&mut self, container: &str) -> Result<Box<dyn periapt_pebble::Pebble>, crate::Error> {
        match self.containers.get(container) {
            Some(pebble) => Ok(Box::new(pebble.clone())),
            None => Err(crate::Error::bug("no such container")),
        }
    }

    fn set_timer(&mut self, timer: &Timer) -> io::Result<()> {
        self.told.borrow_mut().timers.push(timer.clone());
        Ok(())
    }
}
