//! The fuzz target's committed corpus.

use std::path::Path;

use periapt_context::fuzz_arguments;

#[test]
#[expect(clippy::disallowed_methods, reason = "the ban is for the core, not for its tests")]
fn the_corpus_runs_without_a_panic() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/arguments");
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        fuzz_arguments(&data);
        // Every context and every command with these arguments.
        for context in 0..6 {
            for command in 0..50 {
                let mut varied = vec![context, command];
                varied.extend(data.iter().skip(2));
                fuzz_arguments(&varied);
            }
        }
        files += 1;
    }
    assert!(files >= 20, "the corpus is gone: {files} files");
}
