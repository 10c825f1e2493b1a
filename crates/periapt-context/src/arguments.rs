//! The grammar of the command line: GNU flags between positional arguments (Juju: `gnuflag`).

use crate::format::Format;
use crate::outcome::Stop;
use crate::spec::{Flag, Formats, Spec, Takes};

const OUTPUT_FLAGS: [Flag; 2] = [
    Flag::text("format", "The format of the output"),
    Flag::text("o", "A file to write to instead of standard output").alias("output"),
];

/// The flags of a command, those that come with its output among them.
pub(crate) fn flags(spec: &Spec) -> impl Iterator<Item = &'static Flag> {
    static OUTPUT: [Flag; 2] = OUTPUT_FLAGS;
    spec.flags.iter().chain(spec.output.iter().flat_map(|_| OUTPUT.iter()))
}

/// A flag's value as parsed.
#[derive(Clone, Copy, Debug)]
enum Given<'a> {
    Bool(bool),
    Text(&'a str),
}

/// A command line, parsed.
#[derive(Debug)]
pub(crate) struct Arguments<'a> {
    given: Vec<(&'static str, Given<'a>)>,
    /// What is no flag, in order.
    pub positional: Vec<&'a str>,
}

/// `-r` or `--relation`.
pub(crate) fn dashed(name: &str) -> String {
    if name.chars().count() > 1 { format!("--{name}") } else { format!("-{name}") }
}

/// The booleans of Go's `strconv.ParseBool`.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Reads a command line.
pub(crate) fn parse<'a>(spec: &Spec, args: &'a [String]) -> Result<Arguments<'a>, Stop> {
    let mut parsed = Arguments { given: Vec::new(), positional: Vec::new() };
    let mut rest = args.iter().map(String::as_str);
    while let Some(arg) = rest.next() {
        if arg == "--" {
            parsed.positional.extend(rest.by_ref());
        } else if let Some(long) = arg.strip_prefix("--") {
            let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v)));
            if name.is_empty() {
                return Err(Stop::usage(format!("empty option in argument {arg:?}")));
            }
            let flag = find(spec, name, "--")?;
            let given = match (flag.takes, value) {
                (Takes::Bool, None) => Given::Bool(true),
                (Takes::Bool, Some(text)) => Given::Bool(go_bool(text).ok_or_else(|| {
                    let why = format!("strconv.ParseBool: parsing {text:?}: invalid syntax");
                    Stop::usage(format!("invalid value {text:?} for option --{name}: {why}"))
                })?),
                (Takes::Text, Some(text)) => Given::Text(text),
                (Takes::Text, None) => Given::Text(next_value(name, "--", &mut rest)?),
            };
            parsed.given.push((flag.name, given));
        } else if arg.len() > 1 && arg.starts_with('-') {
            parsed.short(spec, &arg[1..], &mut rest)?;
        } else {
            parsed.positional.push(arg);
        }
    }
    Ok(parsed)
}

fn find(spec: &Spec, name: &str, dashes: &str) -> Result<&'static Flag, Stop> {
    let found = flags(spec).find(|flag| flag.name == name || (!flag.alias.is_empty() && flag.alias == name));
    found.ok_or_else(|| match name {
        "h" | "help" => Stop::Help,
        _ => Stop::usage(format!("option provided but not defined: {dashes}{name}")),
    })
}

fn next_value<'a>(
    name: &str,
    dashes: &str,
    rest: &mut dyn Iterator<Item = &'a str>,
) -> Result<&'a str, Stop> {
    rest.next().ok_or_else(|| Stop::usage(format!("option needs an argument: {dashes}{name}")))
}

impl<'a> Arguments<'a> {
    /// Letters behind one dash: flags without value, and at the end perhaps one with a value, attached or following.
    fn short(
        &mut self,
        spec: &Spec,
        letters: &'a str,
        rest: &mut dyn Iterator<Item = &'a str>,
    ) -> Result<(), Stop> {
        for (place, letter) in letters.char_indices() {
            let end = place + letter.len_utf8();
            let name = &letters[place..end];
            let flag = find(spec, name, "-")?;
            if flag.takes == Takes::Bool {
                self.given.push((flag.name, Given::Bool(true)));
                continue;
            }
            let attached = &letters[end..];
            let value = if attached.is_empty() { next_value(name, "-", rest)? } else { attached };
            self.given.push((flag.name, Given::Text(value)));
            break;
        }
        Ok(())
    }

    fn last(&self, name: &str) -> Option<Given<'a>> {
        self.given.iter().rev().find(|(n, _)| *n == name).map(|(_, value)| *value)
    }

    /// Whether a flag is on.
    pub fn is_on(&self, name: &str) -> bool {
        matches!(self.last(name), Some(Given::Bool(true)))
    }

    /// A flag's text, the last one where it is given twice.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.last(name) {
            Some(Given::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Refuses positional arguments from `from` on.
    pub fn no_more_than(&self, from: usize) -> Result<(), Stop> {
        match self.positional.get(from..) {
            None | Some([]) => Ok(()),
            Some(extra) => {
                let quoted: Vec<String> = extra.iter().map(|arg| format!("{arg:?}")).collect();
                Err(Stop::usage(format!("unrecognized args: [{}]", quoted.join(" "))))
            }
        }
    }

    /// The first positional argument, if any, and no more.
    pub fn at_most_one(&self) -> Result<Option<&'a str>, Stop> {
        self.no_more_than(1)?;
        Ok(self.positional.first().copied())
    }

    /// The key of a reading command: `-` and nothing at all mean every key.
    pub fn key(&self) -> Result<Option<&'a str>, Stop> {
        Ok(self.at_most_one()?.filter(|key| !matches!(*key, "" | "-")))
    }

    /// The positional arguments as one text.
    pub fn message(&self) -> Result<String, Stop> {
        if self.positional.is_empty() {
            return Err(Stop::usage("no message specified"));
        }
        Ok(self.positional.join(" "))
    }

    /// The format to print.
    pub fn format(&self, formats: Formats) -> Result<Format, Stop> {
        match (self.text("format"), formats) {
            (None, Formats::Smart) | (Some("smart"), Formats::Smart) => Ok(Format::Smart),
            (None, Formats::Structured) | (Some("yaml"), _) => Ok(Format::Yaml),
            (Some("json"), _) => Ok(Format::Json),
            (Some(other), _) => Err(Stop::usage(format!(
                "invalid value {other:?} for option --format: unknown format {other:?}"
            ))),
        }
    }

    /// The file to print into.
    pub fn output_file(&self) -> Option<&'a str> {
        self.text("o").filter(|path| !path.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    const SPEC: Spec = Spec {
        name: "test",
        synopsis: "",
        purpose: "",
        doc: "",
        flags: &[
            Flag::bool("all", "").alias("a"),
            Flag::bool("b", ""),
            Flag::text("r", "").alias("relation"),
        ],
        output: Some(Formats::Smart),
        run: |_| Ok(Outcome::default()),
    };

    fn args(line: &str) -> Vec<String> {
        line.split(' ').map(str::to_owned).collect()
    }

    fn error(line: &str) -> String {
        match parse(&SPEC, &args(line)) {
            Err(Stop::Usage(text)) => text,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn flags_stand_anywhere_before_two_dashes() {
        let line = args("x --all -r 7 y --relation=8 -- --all -r");
        let parsed = parse(&SPEC, &line).unwrap();
        assert_eq!(parsed.positional, ["x", "y", "--all", "-r"]);
        assert!(parsed.is_on("all"));
        assert_eq!(parsed.text("r"), Some("8"));
    }

    #[test]
    fn short_flags_run_together_and_take_attached_values() {
        let line = args("-abr7 - -r 8");
        let parsed = parse(&SPEC, &line).unwrap();
        assert!(parsed.is_on("all") && parsed.is_on("b"));
        assert_eq!(parsed.text("r"), Some("8"));
        assert_eq!(parsed.positional, ["-"]);
    }

    #[test]
    fn booleans_are_gos() {
        for (text, on) in
            [("True", true), ("true", true), ("1", true), ("t", true), ("False", false), ("F", false)]
        {
            let line = args(&format!("--all={text}"));
            assert_eq!(parse(&SPEC, &line).unwrap().is_on("all"), on, "{text}");
        }
        assert_eq!(
            error("--all=yes"),
            "invalid value \"yes\" for option --all: strconv.ParseBool: parsing \"yes\": invalid syntax"
        );
    }

    #[test]
    fn errors_are_gnuflags() {
        assert_eq!(error("--nope"), "option provided but not defined: --nope");
        assert_eq!(error("-n"), "option provided but not defined: -n");
        assert_eq!(error("-r"), "option needs an argument: -r");
        assert_eq!(error("--relation"), "option needs an argument: --relation");
        assert_eq!(error("--=x"), "empty option in argument \"--=x\"");
        assert!(matches!(parse(&SPEC, &args("x -h")), Err(Stop::Help)));
        assert!(matches!(parse(&SPEC, &args("--help --nope")), Err(Stop::Help)));
    }
}
