//! The committed corpus of the fuzz target: charms in all shapes, whole and broken.
#![allow(clippy::disallowed_methods)] // the ban is for the core: a test may read its corpus

use std::path::Path;

use periapt_model::charm::fuzz_metadata;

#[test]
fn the_corpus_holds_the_fuzzers_property() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/metadata");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let data = std::fs::read(&path).unwrap();
        println!("{}", path.display());
        fuzz_metadata(&data);
        // Files cut short are the broken charms that nobody would think of.
        for end in (0..data.len()).step_by(97) {
            fuzz_metadata(&data[..end]);
        }
        count += 1;
    }
    assert!(count >= 8, "the corpus has only {count} files");
}
