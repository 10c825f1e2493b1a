//! Prepares a charm and says what came of it: `cargo run -p periapt-build --example prepare -- HOME SOURCE [OUTPUT_DIR]`.
//! With an output directory it packs the charm as well.

use std::path::PathBuf;
use std::process::ExitCode;

use periapt_build::{BuildError, BuildOptions, Progress, pack, prepare};

struct Lines;

impl Progress for Lines {
    fn step(&self, text: &str) {
        eprintln!("{text}");
    }
    fn line(&self, text: &str) {
        eprintln!("    {text}");
    }
}

fn run(home: PathBuf, source: PathBuf, output: Option<PathBuf>) -> Result<(), BuildError> {
    let options = BuildOptions::new(&home);
    let prepared = prepare(&source, &options, &Lines)?;
    println!(
        "{} {} python {:?} version {:?}",
        prepared.meta.name,
        prepared.tree.display(),
        prepared.python,
        prepared.version
    );
    for warning in &prepared.warnings {
        println!("warning: {warning}");
    }
    if let Some(output) = output {
        println!("{}", pack(&source, &output, &options, &Lines)?.0.display());
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(home), Some(source)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: prepare HOME SOURCE [OUTPUT_DIR]");
        return ExitCode::from(2);
    };
    match run(home, source, arguments.next()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
