//! Tests of the expansion.

use periapt_model::charm::CharmMeta;

use crate::expand::expand_files;
use crate::files::{Files, Source};

fn source(name: &str, text: &str) -> Option<Source> {
    Some(Source { path: format!("/charm/{name}").into(), name: name.to_owned(), text: text.to_owned() })
}

fn charmcraft(text: &str) -> Files {
    Files { charmcraft: source("charmcraft.yaml", &format!("{HEAD}{text}")), ..Files::default() }
}

const HEAD: &str = "type: charm\nname: api\nsummary: An API.\ndescription: It answers.\n";

/// The expansion of `charm!(<input>)` as formatted source.
fn expand(input: &str, files: &Files) -> String {
    let input = syn::parse_str(input).unwrap();
    let tokens = expand_files(&input, files);
    let file = syn::parse2(tokens.clone()).unwrap_or_else(|error| panic!("{error} in {tokens}"));
    prettyplease::unparse(&file)
}

/// The messages of the errors in it.
fn errors(input: &str, files: &Files) -> Vec<String> {
    let input = syn::parse_str(input).unwrap();
    let file: syn::File = syn::parse2(expand_files(&input, files)).unwrap();
    let message = |item: syn::Item| match item {
        syn::Item::Macro(item) => item.mac.parse_body::<syn::LitStr>().ok().map(|text| text.value()),
        _ => None,
    };
    file.items.into_iter().filter_map(message).collect()
}

#[track_caller]
fn contains(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in:\n{text}");
    }
}

#[test]
fn a_whole_charm() {
    let files = charmcraft(
        "
requires:
  db: {interface: postgresql_client, limit: 1, optional: true}
  logs: {interface: logs, scope: container}
provides:
  admin-api: {interface: admin}
peers:
  cluster: {interface: api-peers}
containers:
  web: {resource: web-image}
resources:
  web-image: {type: oci-image, description: The API.}
storage:
  data: {type: filesystem, description: What it keeps.}
config:
  options:
    port: {type: int, default: 8080, description: Where it listens.}
    type: {type: string}
actions:
  rotate-password:
    description: Makes a new password.
    params:
      length: {type: integer, default: 16, description: Its length.}
      mode: {type: string, enum: [fast, very-slow]}
    required: [mode]
",
    );
    insta::assert_snapshot!(expand("db: Postgres, cluster: crate::Peers", &files));
}

#[test]
fn the_metadata_is_kept_whole() {
    let files = charmcraft("requires: {db: {interface: pg}}");
    let input = syn::parse_str("").unwrap();
    let file: syn::File = syn::parse2(expand_files(&input, &files)).unwrap();
    let Some(syn::Item::Static(meta)) = file.items.into_iter().find(|i| matches!(i, syn::Item::Static(_)))
    else {
        panic!("there is no META");
    };
    let syn::Expr::Struct(value) = *meta.expr else { panic!("META is a struct") };
    let json = value.fields.iter().find_map(|field| match (&field.member, &field.expr) {
        (syn::Member::Named(name), syn::Expr::Lit(lit)) if name == "json" => match &lit.lit {
            syn::Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    });
    let kept: CharmMeta = serde_json::from_str(&json.unwrap()).unwrap();
    assert_eq!(kept, periapt_model::charm::parse(&files.to_charm_files()).unwrap().meta);
}

#[test]
fn three_files_are_read_like_one() {
    let files = Files {
        metadata: source("metadata.yaml", &format!("{}provides: {{db: {{interface: pg}}}}", &HEAD[12..])),
        config: source("config.yaml", "options:\n  size: {type: float}\n"),
        actions: source("actions.yaml", "backup: {description: b}\n"),
        charmcraft: None,
    };
    contains(
        &expand("", &files),
        &[
            "pub const DB:",
            "pub size: ::core::option::Option<f64>",
            "pub struct Backup {}",
            "/charm/actions.yaml",
        ],
    );
}

#[test]
fn every_type_of_option_has_its_field_and_default() {
    let text = "config:\n  options:\n    s: {type: string, default: x}\n    i: {type: int, default: -3}\n    \
                f: {type: float, default: -1.5}\n    b: {type: boolean, default: yes}\n    k: {type: secret}\n    e: {type: secret, default: ''}\n    \
                async: {type: int}\n    self: {type: int}\n    a-b: {type: int}\n    a_b: {type: int}\n    \
                logLevel: {type: string, default: ''}\n";
    contains(
        &expand("", &charmcraft(text)),
        &[
            "pub s: ::std::string::String",
            "pub i: i64",
            "pub f: f64",
            "pub b: bool",
            "pub k: ::core::option::Option<::periapt_charm::SecretUri>",
            "pub e: ::core::option::Option<::periapt_charm::SecretUri>",
            "pub r#async: ::core::option::Option<i64>",
            "pub self_: ::core::option::Option<i64>",
            "pub a_b: ::core::option::Option<i64>",
            "pub a_b_option: ::core::option::Option<i64>",
            "pub log_level: ::std::string::String",
            "rename = \"logLevel\"",
            "i: -3,",
            "f: -1.5f64,",
            "b: true,",
        ],
    );
    contains(&expand("", &charmcraft("")), &["pub struct Config {}"]);
}

#[test]
fn parameters_have_the_types_of_their_schema() {
    let text = "
actions:
  make:
    params:
      name: {type: string}
      size: {type: number}
      tags: {type: array, items: {type: string}, default: [a, b]}
      free: {type: object}
      labels: {type: object, additionalProperties: {type: integer}}
      options: {type: object, properties: {deep: {type: boolean, default: true}}, required: [deep]}
      hosts: {type: array, items: {type: object, properties: {port: {type: integer}}}}
      either: {type: [string, number]}
      maybe: {type: [integer, 'null']}
      odd: {enum: ['+', '-']}
      anything: {}
    required: [name, maybe]
";
    contains(
        &expand("", &charmcraft(text)),
        &[
            "pub name: ::std::string::String",
            "pub size: ::core::option::Option<f64>",
            "pub tags: ::std::vec::Vec<::std::string::String>",
            "pub free: ::core::option::Option<\n        ::periapt_charm::__private::serde_json::Map<",
            "::std::collections::BTreeMap<::std::string::String, i64>",
            "pub options: ::core::option::Option<MakeOptions>",
            "pub deep: bool",
            "pub hosts: ::core::option::Option<::std::vec::Vec<MakeHostsItem>>",
            "pub either: ::core::option::Option<::periapt_charm::__private::serde_json::Value>",
            "pub maybe: ::core::option::Option<i64>",
            "pub odd: ::core::option::Option<::std::string::String>",
            "pub anything: ::core::option::Option<::periapt_charm::__private::serde_json::Value>",
            "default = \"Make::__default_tags\"",
        ],
    );
}

#[test]
fn what_has_one_name_gets_two() {
    let text = "
requires: {web: {interface: http}, meta: {interface: m}}
containers: {web: {resource: web}, meta: {resource: web}, 2fa: {resource: web}}
resources: {web: {type: oci-image}}
actions: {stop: {}, config: {}, 2fa: {}, self: {}, run: {params: {x: {type: object, properties: {y: {type: string}}}}}, run-x: {}}
";
    contains(
        &expand("", &charmcraft(text)),
        &[
            "pub const WEB: ::periapt_charm::Endpoint<",
            "pub const WEB_CONTAINER: ::periapt_charm::Container",
            "pub const WEB_RESOURCE: ::periapt_charm::Resource",
            "pub const META_ENDPOINT: ::periapt_charm::Endpoint<",
            "pub const META_CONTAINER: ::periapt_charm::Container",
            "pub const _2FA: ::periapt_charm::Container",
            "pub struct StopAction {}",
            "pub struct ConfigAction {}",
            "pub struct Action2fa {}",
            "pub struct SelfAction {}",
            "pub struct RunX {}",
            "pub x: ::core::option::Option<RunXParams>",
        ],
    );
}

#[test]
fn each_mistake_is_one_error_and_the_rest_is_made() {
    let files = charmcraft(
        "requires:\n  db: {}\n  cache: {interface: redis}\ncontainers:\n  web: {}\nconfig:\n  options:\n    port: {type: integer}\nactions:\n  go:\n    params: {to: {type: string}}\n",
    );
    let all = errors("db: Postgres", &files);
    assert_eq!(all.len(), 2, "{all:#?}");
    contains(&all[0], &["charmcraft.yaml:6:", "\n6 |   db: {}\n  | "]);
    contains(&all[1], &["charmcraft.yaml:12:18: ", "\n   |                  ^^^^^^^"]);
    contains(
        &expand("db: Postgres", &files),
        &[
            "pub const DB: ::periapt_charm::Endpoint<Postgres>",
            "pub const CACHE:",
            "pub const WEB:",
            "pub port: ",
            "pub to: ",
        ],
    );
    // What is no YAML at all.
    let broken = Files { charmcraft: source("charmcraft.yaml", "name: [a\nb: c"), ..Files::default() };
    let all = errors("db: Postgres", &broken);
    assert_eq!(all.len(), 1, "{all:#?}");
    contains(&expand("", &broken), &["pub struct Config {}", "pub static META"]);
}

#[test]
fn an_endpoint_that_is_not_there_is_an_error_at_its_name() {
    let files = charmcraft(
        "requires: {database: {interface: pg}, admin-api: {interface: a}}\nstorage: {data: {type: filesystem}}\n",
    );
    let all = errors("databse: P, admin_api: A, admin-api: A, data: D", &files);
    assert_eq!(
        all,
        [
            "the charm \"api\" has no endpoint `databse`; did you mean `database`?\nhelp: the endpoints are admin-api, database",
            "the databags of endpoint `admin-api` are given twice",
            "the charm \"api\" has no endpoint `data`\n`data` is a storage, which has no databags\nhelp: the endpoints are admin-api, database",
        ]
    );
}

#[test]
fn a_default_that_does_not_fit_is_an_error_at_its_place() {
    let files = charmcraft(
        "actions:\n  go:\n    params:\n      in:\n        type: object\n        properties:\n          n: {type: integer, default: many}\n",
    );
    let all = errors("", &files);
    assert_eq!(all.len(), 1, "{all:#?}");
    contains(
        &all[0],
        &[
            "charmcraft.yaml:11:39: the default \"many\" of parameter `in.n` of action \"go\" does not fit its type, integer",
            "^^^^",
        ],
    );
    let deep = "        type: array\n        items: {type: object, properties: {n: {type: integer, default: 1.5}}}\n";
    let all = errors("", &charmcraft(&format!("actions:\n  go:\n    params:\n      in:\n{deep}")));
    contains(&all[0], &["charmcraft.yaml:10:72: the default 1.5 of parameter `in.n`"]);
}

#[test]
fn what_may_be_a_mistake_is_a_warning() {
    let files = charmcraft("config:\n  options:\n    port: {default: x}\n");
    contains(
        &expand("", &files),
        &["#[deprecated(", "note = \"charmcraft.yaml:7:5: option \\\"port\\\" has no type"],
    );
    assert_eq!(errors("", &files), [""; 0]);
}
