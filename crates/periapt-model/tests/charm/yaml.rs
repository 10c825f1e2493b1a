//! The YAML layer: both tables of scalars, aliases and their bounds, and writing.

use periapt_model::yaml::{self, Table};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct ScalarCase {
    input: String,
    goyaml: Value,
    pyyaml: Value,
}

#[test]
fn scalars_follow_both_tables() {
    let cases: Vec<ScalarCase> = serde_json::from_str(include_str!("../corpus/yaml/scalars.json")).unwrap();
    assert!(cases.len() > 80);
    let mut wrong = Vec::new();
    for case in cases {
        for (table, expected) in [(Table::Goyaml, &case.goyaml), (Table::PyYaml, &case.pyyaml)] {
            let found = yaml::to_json(&case.input, table).unwrap();
            if found != *expected {
                wrong.push(format!("{:?} by {table:?}: {found}, expected {expected}", case.input));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[derive(Deserialize)]
struct DocumentCase {
    input: String,
    expected: Value,
}

#[test]
fn documents_give_the_value_that_pyyaml_gives() {
    let cases: Vec<DocumentCase> =
        serde_json::from_str(include_str!("../corpus/yaml/documents.json")).unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let found = yaml::to_json(&case.input, Table::PyYaml).unwrap();
        assert_eq!(found, case.expected, "{:?}", case.input);
    }
}

fn error(text: &str) -> String {
    match yaml::parse(text) {
        Ok(node) => format!("accepted: {}", node.to_json(Table::Goyaml)),
        Err(error) => {
            format!("{error}{}", error.help.as_ref().map(|h| format!(" ({h})")).unwrap_or_default())
        }
    }
}

#[test]
fn spans_count_from_one() {
    let node = yaml::parse("a: 1\nb:\n  - x\n  - {ключ: зн}\n").unwrap();
    let items = node.as_map().unwrap().get("b").unwrap().as_seq().unwrap();
    assert_eq!((items[0].span.line, items[0].span.column, items[0].span.length), (3, 5, Some(1)));
    let inner = items[1].as_map().unwrap().entry("ключ").unwrap();
    assert_eq!((inner.key_span.line, inner.key_span.column, inner.key_span.length), (4, 6, Some(4)));
    assert_eq!((inner.value.span.line, inner.value.span.column), (4, 12));
}

#[test]
fn what_is_refused() {
    insta::assert_snapshot!(error("a: 1\nb: 2\na: 3\n"), @r#"3:1: the key "a" is given twice, first at line 1, column 1 (remove or rename one of the two)"#);
    insta::assert_snapshot!(error("[a]: 1\n"), @"1:1: a key must be a scalar, not a list or a mapping");
    insta::assert_snapshot!(error("a: &x [*x]\n"), @"1:8: an alias to the node that it stands in");
    insta::assert_snapshot!(error("<<: 5\n"), @"1:5: the value of `<<` must be a mapping or a list of mappings");
    insta::assert_snapshot!(error("a: 1\n---\nb: 2\n"), @"3:1: a second YAML document starts here (keep one document in the file: remove what follows this `---`)");
    insta::assert_snapshot!(error("a: 1\n---\n"), @r#"accepted: {"a":1}"#);
    insta::assert_snapshot!(error("a: 'open\n"), @"2:1: not valid YAML: invalid indentation in multiline quoted scalar");
}

#[test]
fn aliases_cannot_expand_without_bound() {
    let mut laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for i in 1..10 {
        let before = format!("*a{}, ", i - 1).repeat(10);
        laughs += &format!("a{i}: &a{i} [{}]\n", before.trim_end_matches(", "));
    }
    insta::assert_snapshot!(error(&laughs), @"5:9: the document is too large: more than 200000 nodes or 16777216 bytes (aliases count as often as they are used)");

    let big = "x".repeat(1 << 20);
    let copies = format!("a: &a {big}\nb: [{}]\n", "*a, ".repeat(40));
    assert!(error(&copies).contains("too large"));

    let deep = "[".repeat(120) + &"]".repeat(120);
    assert!(error(&deep).contains("deep"), "{}", error(&deep));

    // Depth through aliases: each level holds the one before.
    let mut nested = "a0: &a0 [x]\n".to_owned();
    for i in 1..150 {
        nested += &format!("a{i}: &a{i} [*a{}]\n", i - 1);
    }
    assert!(error(&nested).contains("deep"), "{}", error(&nested));
}

#[test]
fn written_as_juju_writes_it() {
    let value = json!({
        "name": "app", "units": {"app/0": {"leader": true, "ports": ["80/tcp", "443/tcp"]}},
        "truthy": "yes", "time": "1:30", "empty": "", "word": "null", "mode": "0755", "version": "3.10", "date": "2024-01-02",
        "int": 5, "float": 1.0, "big": 1e21, "none": null, "list": [], "map": {}, "nested": [[1, 2], [{"a": 1, "b": [3]}]],
        "colon": "a: b", "hash": "a #b", "dash": "- a", "star": "*a", "quote": "it's", "lead": " x", "tab": "a\tb",
        "lines": "one\n  two\n\nthree\n", "cut": "one\ntwo", "kept": "one\n\n", "indented": " one\ntwo\n", "spaces": "one \ntwo",
        "1": "key", "on": "key", "a: b": "key", "line\nbreak": "key",
    });
    insta::assert_snapshot!(yaml::to_string(&value), @r#"
    name: app
    units:
      app/0:
        leader: true
        ports:
        - 80/tcp
        - 443/tcp
    truthy: "yes"
    time: "1:30"
    empty: ""
    word: "null"
    mode: "0755"
    version: "3.10"
    date: "2024-01-02"
    int: 5
    float: 1.0
    big: 1.0e+21
    none: null
    list: []
    map: {}
    nested:
    - - 1
      - 2
    - - a: 1
        b:
        - 3
    colon: 'a: b'
    hash: 'a #b'
    dash: '- a'
    star: '*a'
    quote: it's
    lead: ' x'
    tab: "a\tb"
    lines: |
      one
        two

      three
    cut: |-
      one
      two
    kept: |+
      one

    indented: |2
       one
      two
    spaces: "one \ntwo"
    "1": key
    "on": key
    'a: b': key
    "line\nbreak": key
    "#);
    assert_eq!(yaml::to_json(&yaml::to_string(&value), Table::Goyaml).unwrap(), value);
    assert_eq!(yaml::to_json(&yaml::to_string(&value), Table::PyYaml).unwrap(), value);
}

#[test]
fn scalars_are_written_alone_too() {
    for (value, text) in [
        (json!("a"), "a\n"),
        (json!([]), "[]\n"),
        (json!({}), "{}\n"),
        (json!(null), "null\n"),
        (json!("a\nb"), "|-\n  a\n  b\n"),
    ] {
        assert_eq!(yaml::to_string(&value), text);
    }
}

/// Text that YAML finds difficult, and text that it does not.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[-?:,\\[\\]{}#&*!|>'\"%@` \n\ta1.]{0,12}",
        "[-+]?[0-9_.:xobeE+-]{1,8}",
        "(yes|no|on|off|true|null|~|y|n|<<|=|\\.inf|\\.nan)",
        "( ?[a-z]{0,3} ?\n){0,4}[a-z ]{0,3}",
    ]
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |n| n.is_finite()).prop_map(Value::from),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((text(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn what_is_written_reads_the_same_by_both_tables(value in value()) {
        let written = yaml::to_string(&value);
        for table in [Table::Goyaml, Table::PyYaml] {
            let read = yaml::to_json(&written, table);
            prop_assert_eq!(read.as_ref(), Ok(&value), "{}", written);
        }
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in text()) {
        if let Ok(node) = yaml::parse(&text) {
            drop(node.to_json(Table::PyYaml));
        }
    }
}

#[test]
fn long_keys_are_explicit_keys() {
    let value = json!({ "k".repeat(2000): {"a": [1]}, "x".repeat(2000): "v" });
    assert_eq!(yaml::to_json(&yaml::to_string(&value), Table::Goyaml).unwrap(), value);
}
