//! Every mistake is reported at its line and column, with what to do about it.

use insta::assert_snapshot;

use crate::{problems, with_basics};

#[test]
fn no_files_at_all() {
    let all = periapt_model::charm::parse(&Default::default()).unwrap_err();
    assert_snapshot!(all[0], @"metadata.yaml:1:1: there is neither metadata.yaml nor charmcraft.yaml (is this the folder of a charm?)");
}

#[test]
fn required_keys_are_reported_together() {
    assert_snapshot!(problems("series: [jammy]\n"), @r"
    metadata.yaml:1:1: the key `name` is missing (every charm needs a name, a summary and a description)
    metadata.yaml:1:1: the key `summary` is missing (every charm needs a name, a summary and a description)
    metadata.yaml:1:1: the key `description` is missing (every charm needs a name, a summary and a description)
    ");
    assert_snapshot!(problems("# nothing\n"), @r"
    metadata.yaml:1:1: the key `name` is missing (every charm needs a name, a summary and a description)
    metadata.yaml:1:1: the key `summary` is missing (every charm needs a name, a summary and a description)
    metadata.yaml:1:1: the key `description` is missing (every charm needs a name, a summary and a description)
    ");
    assert_snapshot!(problems("- a list\n"), @"metadata.yaml:1:1: the file must be a mapping, not a list");
    assert_snapshot!(problems("name: app\nsummary:\ndescription: 5\n"), @r"
    metadata.yaml:2:8: warning: `summary` is empty (Juju refuses the charm: write a text)
    metadata.yaml:3:14: `description` must be text, not the number 5 (put it in quotes)
    ");
}

#[test]
fn names_of_charms() {
    assert_snapshot!(problems("name: My_Charm\nsummary: a\ndescription: b\n"), @r#"metadata.yaml:1:7: "My_Charm" is not a valid charm name (use lower-case letters, digits and dashes; start with a letter; each part after a dash needs a letter)"#);
    assert_snapshot!(problems("name: 5\nsummary: a\ndescription: b\n"), @"metadata.yaml:1:7: `name` must be text, not the number 5 (put it in quotes)");
}

#[test]
fn text_that_is_not_yaml() {
    assert_snapshot!(problems("name: app\nsummary: [unclosed\ndescription: x\n"), @"metadata.yaml:3:12: not valid YAML: illegal placement of ':' indicator");
    assert_snapshot!(problems("name: app\nrequires:\n\tdb: pgsql\n"), @"metadata.yaml:3:2: not valid YAML: tabs disallowed within this context (block indentation) (indent with spaces; YAML does not allow tabs there)");
    assert_snapshot!(problems("name: *nobody\n"), @"metadata.yaml:1:7: not valid YAML: while parsing node, found unknown anchor");
}

#[test]
fn a_key_given_twice_names_both_places() {
    assert_snapshot!(problems(&with_basics("requires:\n  db: pgsql\n  cache: redis\n  db: mysql\n")), @r#"metadata.yaml:7:3: the key "db" is given twice, first at line 5, column 3 (remove or rename one of the two)"#);
}

#[test]
fn near_misses_are_warnings() {
    assert_snapshot!(problems(&with_basics("require:\n  db: pgsql\nx-own-key: 1\nextra_bindings:\n  a:\n")), @r#"
    accepted
    metadata.yaml:4:1: warning: unknown key "require" in the metadata is ignored (did you mean `requires`?)
    metadata.yaml:7:1: warning: unknown key "extra_bindings" in the metadata is ignored (did you mean `extra-bindings`?)
    "#);
    assert_snapshot!(problems(&with_basics("requires:\n  db: {interface: pgsql, limt: 1}\n")), @r#"
    accepted
    metadata.yaml:5:26: warning: unknown key "limt" in endpoint "db" is ignored (did you mean `limit`?)
    "#);
}

#[test]
fn endpoints_need_an_interface() {
    assert_snapshot!(problems(&with_basics("requires:\n  db:\n  cache: {limit: 1}\n  web: [http]\n  size: 5\n")), @r#"
    metadata.yaml:5:5: endpoint "db" must name its interface, not be nothing (write `NAME: INTERFACE` or a mapping with `interface`)
    metadata.yaml:6:10: endpoint "cache" has no interface (add `interface: NAME`)
    metadata.yaml:7:8: endpoint "web" must name its interface, not be a list (write `NAME: INTERFACE` or a mapping with `interface`)
    metadata.yaml:8:9: the interface of endpoint "size" must be text, not the number 5 (put it in quotes)
    "#);
}

#[test]
fn endpoints_have_checked_fields() {
    assert_snapshot!(problems(&with_basics(
        "requires:\n  a: {interface: x, limit: many}\n  b: {interface: x, limit: -1}\n  c: {interface: x, scope: contaner}\n  d: {interface: x, optional: maybe}\n"
    )), @r#"
    metadata.yaml:5:28: the limit of endpoint "a" must be a whole number, not "many"
    metadata.yaml:6:28: the limit of endpoint "b" must be a whole number from 0 to 4294967295, not the number -1
    metadata.yaml:7:28: the scope of endpoint "c" must be `global` or `container`, not "contaner" (did you mean `container`?)
    metadata.yaml:8:31: `optional` of endpoint "d" must be true or false, not "maybe"
    "#);
}

#[test]
fn endpoints_have_valid_names() {
    assert_snapshot!(problems(&with_basics("provides:\n  Web: http\n  db--admin: x\n  0db: y\n")), @r#"
    metadata.yaml:5:3: "Web" is not a valid endpoint name (use lower-case letters, digits, single dashes or underscores; start with a letter)
    metadata.yaml:6:3: "db--admin" is not a valid endpoint name (use lower-case letters, digits, single dashes or underscores; start with a letter)
    metadata.yaml:7:3: "0db" is not a valid endpoint name (use lower-case letters, digits, single dashes or underscores; start with a letter)
    "#);
}

#[test]
fn endpoints_are_unique_across_roles() {
    assert_snapshot!(problems(&with_basics("provides:\n  db: pgsql\nrequires:\n  db: pgsql\npeers:\n  db: pgsql\n")), @r#"
    metadata.yaml:7:3: endpoint "db" is already under `provides` at line 5, column 3 (give each endpoint a name of its own)
    metadata.yaml:9:3: endpoint "db" is already under `provides` at line 5, column 3 (give each endpoint a name of its own)
    "#);
}

#[test]
fn names_of_juju_are_reserved() {
    assert_snapshot!(problems(&with_basics("provides:\n  juju-web: http\n  web: juju-info\nrequires:\n  juju: x\n  info: juju-info\n")), @r#"
    metadata.yaml:5:3: the endpoint name "juju-web" is reserved for Juju (use a name without `juju-`)
    metadata.yaml:6:3: the interface "juju-info" of endpoint "web" is reserved for Juju (only Juju provides it; use an interface without `juju-`)
    metadata.yaml:8:3: the endpoint name "juju" is reserved for Juju (use a name without `juju-`)
    "#);
    assert_snapshot!(problems("name: juju-controller\nsummary: a\ndescription: b\nprovides:\n  juju-web: juju-web\n"), @"accepted");
}

#[test]
fn a_subordinate_needs_a_container_scoped_requirer() {
    assert_snapshot!(problems(&with_basics("subordinate: true\nrequires:\n  info: juju-info\n")), @"metadata.yaml:4:1: a subordinate charm needs an endpoint under `requires` with `scope: container` (for example `juju-info: {interface: juju-info, scope: container}`)");
    assert_snapshot!(problems(&with_basics("subordinate: yes\nrequires:\n  juju-info: {interface: juju-info, scope: container}\n")), @"accepted");
}

#[test]
fn extra_bindings_are_not_endpoints() {
    assert_snapshot!(problems(&with_basics("provides:\n  web: http\nextra-bindings:\n  web:\n  admin: x\n")), @r#"
    metadata.yaml:7:3: the extra binding "web" has the name of an endpoint (endpoints can be bound without it: remove it)
    metadata.yaml:8:10: the extra binding "admin" must have no value (write only `NAME:`)
    "#);
    assert_snapshot!(problems(&with_basics("extra-bindings:\n")), @"metadata.yaml:4:1: `extra-bindings` is given and has no names (add a name or remove the key)");
}

#[test]
fn storage_is_checked() {
    assert_snapshot!(problems(&with_basics(
        "storage:\n  a:\n  b: {description: no type}\n  c: {type: disk}\n  d: {type: block, location: /srv}\n  E: {type: block}\n"
    )), @r#"
    metadata.yaml:5:3: storage "a" has no type (add `type: filesystem` or `type: block`)
    metadata.yaml:6:3: storage "b" has no type (add `type: filesystem` or `type: block`)
    metadata.yaml:7:13: the type of storage "c" must be `filesystem` or `block`, not "disk"
    metadata.yaml:8:30: storage "d" is a block device and cannot have a location (remove `location`)
    metadata.yaml:9:3: "E" is not a valid storage name (use lower-case letters, digits, single dashes or underscores; start with a letter)
    "#);
}

#[test]
fn storage_ranges_and_sizes() {
    assert_snapshot!(problems(&with_basics(
        "storage:\n  a: {type: block, multiple: {range: 0}}\n  b: {type: block, multiple: {range: 3-1}}\n  c: {type: block, multiple: {range: some}}\n  d: {type: block, multiple: {}}\n  e: {type: block, minimum-size: big}\n  f: {type: block, properties: [transint]}\n"
    )), @r#"
    metadata.yaml:5:38: the range "0" of storage "a" allows no instance at all (write `3`, `0-3`, `1+` or `1-`)
    metadata.yaml:6:38: the range "3-1" of storage "b" ends before it starts (write `3`, `0-3`, `1+` or `1-`)
    metadata.yaml:7:38: the range "some" of storage "c" is not a range (write `3`, `0-3`, `1+` or `1-`)
    metadata.yaml:8:30: `multiple` of storage "d" has no range (write `multiple: {range: 0-3}`)
    metadata.yaml:9:34: `minimum-size` of storage "e" is not a size: "big" (write a number and a unit, such as 512M or 10G)
    metadata.yaml:10:33: a property of storage "f" must be `transient`, not "transint" (did you mean `transient`?)
    "#);
}

#[test]
fn resources_are_checked() {
    assert_snapshot!(problems(&with_basics(
        "resources:\n  a: {type: file}\n  b: {type: file, filename: x/y}\n  c: {type: image}\n  d: {filename: d.tgz}\n  e: {type: file, filename: \"a\\0b\"}\n  f: {type: file, filename: ..}\n"
    )), @r#"
    metadata.yaml:5:3: resource "a" has no filename (add the name that the file has on the unit)
    metadata.yaml:6:29: the filename of resource "b" must be a name without a folder (remove everything up to the last `/`)
    metadata.yaml:7:13: the type of resource "c" must be `file` or `oci-image`, not "image"
    metadata.yaml:8:3: warning: resource "d" has no type and counts as a file (ops refuses it: add `type: file`)
    metadata.yaml:9:29: the filename of resource "e" is none that a file can have (give the name that the file has on the unit)
    metadata.yaml:10:29: the filename of resource "f" is none that a file can have (give the name that the file has on the unit)
    "#);
}

#[test]
fn containers_refer_to_images_and_storages() {
    assert_snapshot!(problems(&with_basics(
        "resources:\n  blob: {type: file, filename: b}\ncontainers:\n  web:\n    resource: web-image\n    mounts:\n    - storage: data\n      location: /data\n    - location: /x\n  db: {resource: blob, uid: 1000, gid: 9999}\n"
    )), @r#"
    metadata.yaml:8:15: container "web" refers to resource "web-image", which does not exist (add it under `resources` with `type: oci-image`)
    metadata.yaml:10:16: container "web" mounts storage "data", which does not exist (add it under `storage`)
    metadata.yaml:12:7: a mount of container "web" has no storage (add `storage: NAME`)
    metadata.yaml:13:18: container "db" refers to resource "blob", which is a file (give the resource `type: oci-image`)
    metadata.yaml:13:29: `uid` of container "db" is 1000: 1000 to 9999 are for people (use an id below 1000 or from 10000)
    metadata.yaml:13:40: `gid` of container "db" is 9999: 1000 to 9999 are for people (use an id below 1000 or from 10000)
    "#);
}

#[test]
fn devices_and_payloads_are_checked() {
    assert_snapshot!(problems(&with_basics(
        "devices:\n  a: {description: x}\n  b: {type: gpu, countmin: 3, countmax: 2}\npayloads:\n  p: {}\n"
    )), @r#"
    metadata.yaml:5:3: device "a" has no type (add a `type`, such as `gpu`)
    metadata.yaml:6:28: `countmin` of device "b" is larger than its `countmax`
    metadata.yaml:8:3: payload "p" has no type (add a `type`, such as `docker`)
    "#);
}

#[test]
fn conditions_of_assumes() {
    assert_snapshot!(problems(&with_basics(
        "assumes:\n- juju >= three\n- Juju\n- some-of: [juju]\n- any-of: [k8s-api, 5]\n- {any-of: [], all-of: []}\n"
    )), @r#"
    metadata.yaml:5:3: "juju >= three" is not a condition: "three" is not a version such as 3.6 or 3.6.2 (write `juju`, `juju >= 3.1`, `juju < 4`, `any-of: […]` or `all-of: […]`)
    metadata.yaml:6:3: "Juju" is not a condition: "Juju" is not the name of a feature (write `juju`, `juju >= 3.1`, `juju < 4`, `any-of: […]` or `all-of: […]`)
    metadata.yaml:7:3: unknown group "some-of" in `assumes` (`any-of` or `all-of`)
    metadata.yaml:8:21: an item of `assumes` must be text, not the number 5 (put it in quotes)
    metadata.yaml:9:3: a group in `assumes` must have one key (`any-of` or `all-of`)
    "#);
}

#[test]
fn the_two_formats_cannot_be_mixed() {
    assert_snapshot!(problems(&with_basics("series: [jammy]\nassumes: [juju]\ncontainers:\n  web: {}\n")), @r"
    metadata.yaml:5:1: `assumes` cannot be used together with `series` (remove the old keys `series`, `min-juju-version` and `deployment`)
    metadata.yaml:6:1: `containers` cannot be used together with `series` (remove the old keys `series`, `min-juju-version` and `deployment`)
    ");
    assert_snapshot!(problems(&with_basics(
        "min-juju-version: 2.9.0\n=== manifest.yaml\nbases:\n- {name: ubuntu, channel: '22.04'}\n"
    )), @"metadata.yaml:4:1: `min-juju-version` cannot be used together with bases in manifest.yaml (use `assumes` and bases instead)");
}

#[test]
fn manifest_bases_need_a_name() {
    assert_snapshot!(problems(&with_basics("=== manifest.yaml\nbases:\n- channel: 22.04\n- jammy\n")), @r#"
    manifest.yaml:2:3: a base has no name (add a name, such as `name: ubuntu`)
    manifest.yaml:3:3: a base must be a mapping, not "jammy" (write `name` and `channel`)
    "#);
}

#[test]
fn charm_user_is_one_of_three() {
    assert_snapshot!(problems(&with_basics("charm-user: nonroot\n")), @r#"metadata.yaml:4:13: `charm-user` must be `root`, `sudoer` or `non-root`, not "nonroot" (did you mean `non-root`?)"#);
}

#[test]
fn options_are_checked() {
    assert_snapshot!(problems(&with_basics(
        "=== config.yaml\noptions:\n  a: {type: text}\n  b: {type: int, default: lots}\n  c: {type: string, default: 8080}\n  d: {type: boolean, default: 'perhaps'}\n  e: {default: x}\n  f:\n  g: {type: int, defualt: 1}\n  h: {type: secret, default: hunter2}\n  i: {type: float, default: [1]}\n"
    )), @r#"
    config.yaml:2:13: the type of option "a" must be `string`, `int`, `float`, `boolean` or `secret`, not "text"
    config.yaml:3:27: the default of option "b" does not fit: expected int, got "lots"
    config.yaml:4:30: the default of option "c" does not fit: expected string, got the number 8080 (put the default in quotes)
    config.yaml:5:31: the default of option "d" does not fit: expected boolean, got "perhaps"
    config.yaml:6:3: warning: option "e" has no type and counts as a string (ops refuses it: add `type: string`)
    config.yaml:7:4: option "f" must be a mapping, not nothing (give it a `type`)
    config.yaml:8:18: warning: unknown key "defualt" in option "g" is ignored (did you mean `default`?)
    config.yaml:9:30: the default of option "h" does not fit: expected secret, got "hunter2" (the URI of a secret: `secret:ID`)
    config.yaml:10:29: the default of option "i" does not fit: expected float, got a list
    "#);
}

#[test]
fn config_without_options_is_empty() {
    assert_snapshot!(problems(&with_basics("=== config.yaml\n")), @"config.yaml:1:1: empty configuration (write `options: {}` for a charm without options, or remove the file)");
    assert_snapshot!(problems(&with_basics("=== config.yaml\noption: {}\n")), @r#"
    config.yaml:1:1: empty configuration: there is no key `options` (write `options: {}` for a charm without options, or remove the file)
    config.yaml:1:1: warning: unknown key "option" in the configuration is ignored (did you mean `options`?)
    "#);
    assert_snapshot!(problems(&with_basics("=== config.yaml\noptions: {}\n")), @"accepted");
}

#[test]
fn actions_have_valid_names() {
    assert_snapshot!(problems(&with_basics("=== actions.yaml\nBackup: {}\nback_up: {}\njuju-run: {}\nok: {}\n0k:\n")), @r#"
    actions.yaml:1:1: "Backup" is not a valid action name (use lower-case letters, digits and dashes; start and end with a letter or digit)
    actions.yaml:2:1: "back_up" is not a valid action name (use lower-case letters, digits and dashes; start and end with a letter or digit)
    actions.yaml:3:1: the action name "juju-run" is reserved for Juju (use a name without `juju-`)
    "#);
}

#[test]
fn action_schemas_stand_alone() {
    assert_snapshot!(problems(&with_basics(
        "=== actions.yaml\nbackup:\n  $schema: x\n  params:\n    target:\n      $ref: http://example.com/s\n    deep:\n      type: object\n      properties:\n        in: {$ref: '#/x'}\n"
    )), @r"
    actions.yaml:2:3: the schema key `$schema` cannot be used in an action (write the schema out in full)
    actions.yaml:5:7: the schema key `$ref` cannot be used in an action (write the schema out in full)
    actions.yaml:9:14: the schema key `$ref` cannot be used in an action (write the schema out in full)
    ");
}

#[test]
fn action_schemas_are_checked_where_they_stand() {
    assert_snapshot!(problems(&with_basics(
        "=== actions.yaml\nbackup:\n  params:\n    target:\n      type: strin\n    depth:\n      type: integer\n      minimum: low\n    name: text\n    re: {type: string, pattern: '('}\n"
    )), @r#"
    actions.yaml:4:13: action "backup" has an invalid schema: `target.type`: "strin" is not a type; use array, boolean, integer, null, number, object or string (parameters are described in JSON Schema, draft 4)
    actions.yaml:7:16: action "backup" has an invalid schema: `depth.minimum`: "low" is not of type "number" (parameters are described in JSON Schema, draft 4)
    actions.yaml:8:11: parameter "name" of action "backup" must be a mapping, not "text"
    actions.yaml:9:33: action "backup" has an invalid schema: `re.pattern`: "(" is not a "regex" (parameters are described in JSON Schema, draft 4)
    "#);
}

#[test]
fn required_of_draft_3_is_ignored_with_a_warning() {
    assert_snapshot!(problems(&with_basics(
        "=== actions.yaml\nbackup:\n  params:\n    target: {type: string, required: true}\n    nothing:\n"
    )), @r#"
    accepted
    actions.yaml:3:28: warning: `required` must be a list of names beside `params`, not a boolean here (it is ignored: move the name to `required: […]` of the action)
    actions.yaml:4:5: warning: parameter "nothing" of action "backup" says nothing about itself (give it a `type`)
    "#);
}

#[test]
fn a_parameter_that_must_be_given_is_described() {
    assert_snapshot!(problems(&with_basics(
        "=== actions.yaml\nbackup:\n  params:\n    target: {type: string}\n  required: [target, tarpet]\nplain:\n  required: [all]\n"
    )), @r#"
    accepted
    actions.yaml:4:22: warning: action "backup" requires "tarpet", which is not among its `params` (describe it below `params`, or do not require it)
    actions.yaml:6:14: warning: action "plain" requires "all", which is not among its `params` (describe it below `params`, or do not require it)
    "#);
}

#[test]
fn charmcraft_beside_other_files() {
    assert_snapshot!(problems(&with_basics(
        "=== charmcraft.yaml\ntype: charm\nsummary: Another\nconfig: {options: {}}\nactions: {}\npart: {}\nextensions: [flask-framework]\n=== config.yaml\noptions: {}\n=== actions.yaml\na: {}\n"
    )), @r#"
    charmcraft.yaml:2:1: warning: `summary` is ignored here, because there is a metadata.yaml (keep the metadata in one file)
    charmcraft.yaml:3:1: `config` is given here and in config.yaml as well (keep one of the two)
    charmcraft.yaml:4:1: `actions` is given here and in actions.yaml as well (keep one of the two)
    charmcraft.yaml:5:1: warning: unknown key "part" in charmcraft.yaml is ignored (did you mean `parts`?)
    charmcraft.yaml:6:1: warning: extensions are not expanded: what they would add to the charm is missing (write out what `charmcraft expand-extensions` shows)
    "#);
    assert_snapshot!(problems("=== charmcraft.yaml\ntype: bundle\nname: a\nsummary: b\ndescription: c\n"), @r#"charmcraft.yaml:1:7: `type` must be `charm`, not "bundle""#);
}

#[test]
fn charmcraft_has_no_keys_of_old_metadata() {
    let text = with_basics("series: [jammy]\nmaintainer: Someone\n");
    assert_snapshot!(problems(&format!("=== charmcraft.yaml\n{text}")), @r"
    accepted
    charmcraft.yaml:4:1: warning: `series` is a key of metadata.yaml and is ignored here (charmcraft.yaml does not have it)
    charmcraft.yaml:5:1: warning: `maintainer` is a key of metadata.yaml and is ignored here (charmcraft.yaml does not have it)
    ");
}

#[test]
fn platforms_need_a_base() {
    assert_snapshot!(problems(&format!(
        "=== charmcraft.yaml\n{}platforms:\n  amd64:\n  ubuntu@22.04:arm64:\n  jammy: {{build-on: [amd64], build-for: ['ubuntu@22.04:riscv64']}}\n",
        with_basics("")
    )), @r#"charmcraft.yaml:5:3: platform "amd64" has no base (add `base: ubuntu@24.04`, or write the platform as `ubuntu@24.04:amd64`)"#);
}

#[test]
fn several_files_are_reported_in_one_go() {
    assert_snapshot!(problems(
        "name: app\nsummary: a\nprovides:\n  web: {}\n=== config.yaml\noptions: [\n=== actions.yaml\nX: {}\n"
    ), @r#"
    metadata.yaml:1:1: the key `description` is missing (every charm needs a name, a summary and a description)
    metadata.yaml:4:8: endpoint "web" has no interface (add `interface: NAME`)
    config.yaml:1:10: not valid YAML: unclosed bracket '['
    actions.yaml:1:1: "X" is not a valid action name (use lower-case letters, digits and dashes; start and end with a letter or digit)
    "#);
}
