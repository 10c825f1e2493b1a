//! The model that the tables' rows run in: `target`, whose hooks run rows where there are some for them, related to `server`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

use crate::common::{Bench, shell_charm};
use crate::transcript::{Case, Table, matches, variables};

const METADATA: &str = "\
requires:
  db: {interface: sql}
  spare: {interface: sql}
peers:
  mates: {interface: mates}
extra-bindings:
  admin:
storage:
  one: {type: filesystem}
  many: {type: filesystem, multiple: {range: 0-3}}
resources:
  blob: {type: file, filename: blob.txt}
  absent: {type: file, filename: absent.txt}
payloads:
  monitor: {type: docker}
";

const CONFIG: &str = "\
options:
  name: {type: string, default: 'a name'}
  note: {type: string, default: ''}
  size: {type: int, default: 3}
  ratio: {type: float, default: 1.5}
  whole: {type: float, default: 2.0}
  active: {type: boolean, default: true}
  off: {type: boolean, default: false}
  unset: {type: string}
  number: {type: int}
";

const ACTIONS: &str = "\
act:
  params:
    text: {type: string}
    number: {type: integer, default: 5}
    nested: {type: object}
";

/// The hooks of `target` that may have rows.
const HOOKS: [&str; 7] = [
    "one-storage-attached",
    "install",
    "config-changed",
    "db-relation-created",
    "db-relation-joined",
    "db-relation-changed",
    "db-relation-broken",
];

/// Rows that were given to a context, and where their answers are.
struct Run<'a> {
    tables: Vec<&'a Table>,
    folder: PathBuf,
}

/// The model, the rows and what is wrong so far.
pub struct Stage<'a> {
    pub bench: Bench,
    tables: &'a [Table],
    waiting: Vec<Run<'a>>,
    wrong: Vec<String>,
    done: usize,
}

impl<'a> Stage<'a> {
    pub fn new(tables: &'a [Table]) -> Self {
        Self { bench: Bench::new(), tables, waiting: Vec::new(), wrong: Vec::new(), done: 0 }
    }

    /// A charm whose hooks run the script that waits for them, once.
    pub fn deploy_target(&self) {
        let folder = self.bench.path().join("rows");
        std::fs::create_dir_all(&folder).expect("a folder");
        let hook = format!(
            "rows={}/${{JUJU_UNIT_NAME//\\//-}}.$(basename \"$0\")\n[ -f \"$rows\" ] || exit 0\n\
             mv \"$rows\" \"$rows.running\"\nset +eu\n. \"$rows.running\"\nexit 0",
            folder.display()
        );
        let hooks: Vec<(&str, &str)> =
            HOOKS.iter().chain(&["secret-changed"]).map(|name| (*name, hook.as_str())).collect();
        let path = shell_charm(self.bench.path(), "target", METADATA, &hooks);
        let write =
            |name: &str, text: &str| std::fs::write(PathBuf::from(&path).join(name), text).expect("a file");
        write("config.yaml", CONFIG);
        write("actions.yaml", ACTIONS);
        write("blob", "a blob");
        std::fs::create_dir_all(PathBuf::from(&path).join("actions")).expect("a folder");
        let action = PathBuf::from(&path).join("actions/act");
        std::fs::copy(PathBuf::from(&path).join("hooks/install"), action).expect("the action");
        let blob = format!("blob={path}/blob");
        self.bench.ok(&["deploy", &path, "--resource", &blob]);
        self.bench.settle();
    }

    /// A second unit, which therefore does not lead, and the application to relate to.
    pub fn deploy_others(&self) {
        self.bench.ok(&["add-unit", "target"]);
        let metadata = "provides:\n  db: {interface: sql}\npeers:\n  mates: {interface: mates}\n";
        let server =
            shell_charm(self.bench.path(), "server", metadata, &[("install", "status-set active up")]);
        self.bench.ok(&["deploy", &server]);
        self.bench.settle();
    }

    /// Gives the rows of `context` to the next `hook` of `unit`.
    pub fn expect(&mut self, context: &str, unit: &str, hook: &str) {
        let rows = self.bench.path().join("rows");
        let script = self.script(context);
        std::fs::create_dir_all(&rows).expect("a folder");
        std::fs::write(rows.join(format!("{}.{hook}", unit.replace('/', "-"))), script).expect("a script");
    }

    /// The script that runs the rows of `context`, each with its answers in files of their own.
    fn script(&mut self, context: &str) -> String {
        let folder = self.bench.path().join("answers").join(context);
        std::fs::create_dir_all(&folder).expect("a folder");
        let tables: Vec<&Table> = self.tables.iter().filter(|table| table.context == context).collect();
        let cases = tables.iter().flat_map(|table| &table.cases);
        let mut script = "exec </dev/null\n".to_owned();
        for (number, case) in cases.enumerate() {
            let base = folder.join(number.to_string());
            let base = base.display();
            std::fs::write(format!("{base}.sh"), &case.command).expect("a row");
            // Into a variable first: what the row itself prints must not disturb it.
            writeln!(script, ". {base}.sh >{base}.out 2>{base}.err; echo $? >{base}.code").expect("text");
            for name in variables(case) {
                writeln!(script, "printf %s \"${{{name}-}}\" >{base}.{name}").expect("text");
            }
        }
        self.waiting.push(Run { tables, folder });
        script
    }

    /// Waits until nothing is left to do, and compares what the rows said.
    pub fn collect(&mut self) {
        self.bench.settle();
        for run in std::mem::take(&mut self.waiting) {
            let cases = run.tables.iter().flat_map(|table| table.cases.iter().map(|case| (*table, case)));
            for (number, (table, case)) in cases.enumerate() {
                self.done += 1;
                let base = run.folder.join(number.to_string());
                let read = |end: &str| std::fs::read(format!("{}.{end}", base.display())).ok();
                self.wrong.extend(compare(table, case, read));
            }
        }
    }

    /// The rows of the context `action`, and what the action ends with.
    pub fn act(&mut self) {
        self.expect("action", "target/0", "act");
        let said =
            self.bench.run(&["run", "target/0", "act", "text=a b", "nested.deep=x", "--format", "json"]);
        self.collect();
        let shown: serde_json::Value =
            serde_json::from_str(&said.stdout).unwrap_or_else(|e| panic!("{e}: {said:?}"));
        let task = &shown["target/0"];
        assert_eq!(task["status"], "failed", "{task}");
        assert_eq!(task["message"], "it did not work", "{task}");
        let results = &task["results"];
        assert_eq!(results["plain"], "last", "{results}");
        assert_eq!(results["nested"], serde_json::json!({"a": {"b": "1"}, "c": "2"}), "{results}");
        assert_eq!(results["empty"], "", "{results}");
        let log: Vec<&str> =
            task["log"].as_array().into_iter().flatten().filter_map(|line| line.as_str()).collect();
        assert!(log.iter().any(|line| line.ends_with("half way")), "{task}");
    }

    /// The rows of a context that `periapt exec` makes.
    pub fn exec(&mut self, context: &str, unit: &str) {
        let script = self.script(context);
        let path = self.bench.path().join(format!("{context}.sh"));
        std::fs::write(&path, script).expect("a script");
        let command = format!("bash {}", path.display());
        self.bench.ok(&["exec", "--unit", unit, "--", &command]);
        self.collect();
    }

    /// Runs a script in a hook context of `server/0`.
    pub fn on_server(&self, script: &str) {
        self.bench.ok(&["exec", "--unit", "server/0", "--", script]);
    }

    /// Fails if a row failed.
    pub fn report(self) {
        let Self { bench, tables, wrong, done, .. } = self;
        let rows: usize = tables.iter().map(|table| table.cases.len()).sum();
        let evidence = if done == 0 { bench.evidence() } else { String::new() };
        assert!(wrong.is_empty(), "{} of {done} rows:\n\n{}\n{evidence}", wrong.len(), wrong.join("\n"));
        assert_eq!(done, rows, "rows whose context never came");
    }
}

/// What is wrong with the answer to a row, if anything.
fn compare(table: &Table, case: &Case, read: impl Fn(&str) -> Option<Vec<u8>>) -> Option<String> {
    let place = format!("{}:{} ({}): {}", table.place, case.line, table.context, case.command);
    let Some(code) = read("code").and_then(|code| String::from_utf8(code).ok()?.trim().parse::<i32>().ok())
    else {
        return Some(format!("{place}    did not run\n"));
    };
    let text = |end: &str| String::from_utf8_lossy(&read(end).unwrap_or_default()).into_owned();
    let values: BTreeMap<String, String> =
        variables(case).into_iter().map(|name| (name.clone(), text(&name))).collect();
    let (stdout, stderr) = (text("out"), text("err"));
    let mut wrong = String::new();
    for (what, wanted, got) in [("stdout", &case.stdout, &stdout), ("stderr", &case.stderr, &stderr)] {
        if !matches(wanted, got, &values) {
            write!(wrong, "    {what} wanted: {wanted:?}\n    {what} got:    {got:?}\n").expect("text");
        }
    }
    if code != case.code {
        writeln!(wrong, "    exit code wanted {}, got {code}", case.code).expect("text");
    }
    (!wrong.is_empty()).then(|| format!("{place}{wrong}"))
}
