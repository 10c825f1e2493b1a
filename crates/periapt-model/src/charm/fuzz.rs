//! The property behind the fuzz target of charm metadata.

use super::{CharmFiles, CharmMeta, SourceText, parse, split};
use crate::yaml::{self, Table};

/// Reads `data` as the files of a charm, and holds what comes out of it to what must always be true:
/// nothing panics, what is accepted survives JSON, and packing it changes nothing but its bases.
///
/// A line `=== NAME` starts the file of that name; text before the first is `metadata.yaml`.
pub fn fuzz_metadata(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(node) = yaml::parse(text) {
        for table in [Table::Goyaml, Table::PyYaml] {
            let value = node.to_json(table);
            let written = yaml::to_string(&value);
            assert_eq!(yaml::to_json(&written, table).ok().as_ref(), Some(&value), "{written}");
        }
    }
    let files = files(text);
    let Ok(parsed) = parse(&files) else {
        return;
    };
    let meta = &parsed.meta;
    let copy = serde_json::to_value(meta).and_then(serde_json::from_value::<CharmMeta>);
    assert_eq!(copy.ok().as_ref(), Some(meta));
    for spec in meta.actions.values() {
        // Whatever it says of these parameters: it must say it.
        drop(spec.validate(&serde_json::json!({ "a": 1 })));
    }
    let packed = split(&files, &meta.bases).expect("a charm that was parsed can be packed");
    let file = |name: &str, text: String| Some(SourceText::new(name, text));
    let again = CharmFiles {
        metadata: file("metadata.yaml", packed.metadata),
        charmcraft: None,
        config: packed.config.and_then(|text| file("config.yaml", text)),
        actions: packed.actions.and_then(|text| file("actions.yaml", text)),
        // A manifest with bases makes a charm V2, which an old charm may not be.
        manifest: files.manifest.clone(),
    };
    match parse(&again) {
        Ok(again) => assert_eq!(CharmMeta { bases: meta.bases.clone(), ..again.meta }, *meta),
        Err(problems) => panic!("the packed files are refused: {problems:?}"),
    }
}

fn files(text: &str) -> CharmFiles {
    let mut files = CharmFiles::default();
    let mut slot = Some(&mut files.metadata);
    for line in text.split_inclusive('\n') {
        if let Some(name) = line.strip_prefix("=== ") {
            slot = match name.trim_end() {
                "metadata.yaml" => Some(&mut files.metadata),
                "charmcraft.yaml" => Some(&mut files.charmcraft),
                "config.yaml" => Some(&mut files.config),
                "actions.yaml" => Some(&mut files.actions),
                "manifest.yaml" => Some(&mut files.manifest),
                _ => None,
            };
            if let Some(file) = &mut slot {
                file.get_or_insert_with(|| SourceText::new(name.trim_end(), ""));
            }
        } else if let Some(file) = &mut slot {
            file.get_or_insert_with(|| SourceText::new("metadata.yaml", "")).text.push_str(line);
        }
    }
    files
}
