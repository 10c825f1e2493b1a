//! Reading bundles and overlays.

mod documents;
mod parts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use periapt_model::entity::{InvalidDirective, StorageDirective, nearest};
use periapt_model::names::{AppName, InvalidName, ResourceName, StorageName};
use periapt_model::offer_url::OfferUrl;
use periapt_model::yaml::{self, Entry, Node, Span, legacy_bool};

use self::documents::{MOST_DOCUMENTS, documents};
use super::{App, Bundle, BundleMachine, Machine, Part, app_of, verify};
use crate::args::file;
use crate::error::{CliError, Result};

/// The most units of one application, as the daemon has it.
const MOST_UNITS: u32 = 10_000;

const TOP_WITHOUT_EFFECT: [&str; 12] = [
    "type",
    "name",
    "description",
    "docs",
    "issues",
    "source",
    "website",
    "tags",
    "series",
    "default-base",
    "variables",
    "ports",
];
const APP_WITHOUT_EFFECT: [&str; 9] = [
    "series",
    "base",
    "placement",
    "annotations",
    "devices",
    "bindings",
    "plan",
    "requires-trust",
    "charm-hub",
];
const APP_KEYS: [&str; 15] = [
    "storage",
    "charm",
    "channel",
    "revision",
    "num_units",
    "scale",
    "options",
    "resources",
    "constraints",
    "trust",
    "expose",
    "exposed-endpoints",
    "to",
    "offers",
    "description",
];

/// One document: a bundle, or what lies over it.
#[derive(Default)]
struct Layer {
    /// None: the overlay takes the application away.
    applications: BTreeMap<AppName, Option<App>>,
    /// None: it says nothing of machines. Otherwise these are all.
    machines: Option<BTreeMap<BundleMachine, Machine>>,
    /// None: the overlay takes it away.
    saas: BTreeMap<AppName, Option<OfferUrl>>,
    relations: Vec<(String, String)>,
}

/// Reads a bundle's file, the further documents in it, and overlays, each over those before.
///
/// # Errors
/// A file that cannot be read or is no bundle, with the place; a relation of an application that the bundle does not have.
pub fn read(path: &Path, overlays: &[PathBuf]) -> Result<Bundle> {
    let mut bundle = Bundle::default();
    let mut is_base = true;
    for path in std::iter::once(path).chain(overlays.iter().map(PathBuf::as_path)) {
        let text = file::text(path)?;
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let documents = documents(&text);
        if documents.len() > MOST_DOCUMENTS {
            return Err(CliError::new(format!(
                "{} has more than {MOST_DOCUMENTS} documents, a bundle and what lies over it",
                path.display()
            )));
        }
        for document in documents {
            let reader = &mut Reader { file: path, folder, bundle: &mut bundle, is_base };
            let layer = reader.layer(&document)?;
            put(&mut bundle, layer);
            is_base = false;
        }
    }
    verify::whole(&bundle)?;
    Ok(bundle)
}

fn put(bundle: &mut Bundle, layer: Layer) {
    for (name, app) in layer.applications {
        match app {
            Some(app) => match bundle.applications.get_mut(&name) {
                Some(below) => below.merge(app),
                None => drop(bundle.applications.insert(name, app)),
            },
            None => {
                bundle.applications.remove(&name);
                forget_relations(bundle, &name);
            }
        }
    }
    for (name, url) in layer.saas {
        match url {
            Some(url) => drop(bundle.saas.insert(name, url)),
            None => {
                bundle.saas.remove(&name);
                forget_relations(bundle, &name);
            }
        }
    }
    if let Some(machines) = layer.machines {
        bundle.machines = machines;
    }
    for (a, b) in layer.relations {
        let same = |(x, y): &(String, String)| (x, y) == (&a, &b) || (x, y) == (&b, &a);
        if !bundle.relations.iter().any(same) {
            bundle.relations.push((a, b));
        }
    }
}

fn forget_relations(bundle: &mut Bundle, name: &AppName) {
    bundle.relations.retain(|(a, b)| ![a, b].iter().any(|end| app_of(end) == name.as_str()));
}

struct Reader<'a> {
    file: &'a Path,
    folder: &'a Path,
    bundle: &'a mut Bundle,
    /// The first document of the first file: what is for one deployment only stands in those that lie over it.
    is_base: bool,
}

impl Reader<'_> {
    /// Remembers where the bundle says something.
    fn note(&mut self, part: Part, span: Span) {
        let place = format!("{}:{}:{}", self.file.display(), span.line, span.column);
        self.bundle.places.put(part, place);
    }

    fn wrong(&self, span: Span, what: impl std::fmt::Display) -> CliError {
        CliError::new(format!("{}:{}:{}: {what}", self.file.display(), span.line, span.column))
    }

    fn map<'n>(&self, node: &'n Node, what: &str) -> Result<&'n [Entry]> {
        if node.is_null() {
            return Ok(&[]);
        }
        let wrong = || self.wrong(node.span, format!("{what} must be a map, not {}", node.describe()));
        node.as_map().map(|map| map.iter().as_slice()).ok_or_else(wrong)
    }

    fn text(&self, node: &Node, what: &str) -> Result<String> {
        let scalar = node.as_scalar().filter(|_| !node.is_null());
        let text = scalar.map(|scalar| scalar.text.to_string());
        text.ok_or_else(|| {
            self.wrong(node.span, format!("{what} must be one value, not {}", node.describe()))
        })
    }

    fn parsed<T: std::str::FromStr>(&self, node: &Node, what: &str) -> Result<T>
    where
        T::Err: std::fmt::Display,
    {
        self.text(node, what)?
            .parse()
            .map_err(|error: T::Err| self.wrong(node.span, format!("{what}: {error}")))
    }

    fn flag(&self, node: &Node, what: &str) -> Result<bool> {
        let text = self.text(node, what)?;
        legacy_bool(&text)
            .ok_or_else(|| self.wrong(node.span, format!("{what} must be true or false, not {text:?}")))
    }

    fn layer(&mut self, text: &str) -> Result<Layer> {
        let root = yaml::parse(text).map_err(|error| self.wrong(error.span, &error.message))?;
        let mut layer = Layer::default();
        for key in ["bundle", "type"] {
            if let Some(kind) = root.as_map().and_then(|map| map.get(key)).filter(|kind| !kind.is_null()) {
                self.bundle.kubernetes = self.text(kind, "the kind of bundle")? == "kubernetes";
            }
        }
        for entry in self.map(&root, "a bundle")? {
            match &*entry.key {
                "applications" | "services" => {
                    for entry in self.map(&entry.value, "`applications`")? {
                        let name: AppName =
                            entry.key.parse().map_err(|e: InvalidName| self.wrong(entry.key_span, e))?;
                        self.note(Part::App(name.clone()), entry.key_span);
                        let gone = entry.value.is_null();
                        let app = if gone { None } else { Some(self.app(&name, &entry.value)?) };
                        layer.applications.insert(name, app);
                    }
                }
                "relations" => layer.relations = self.relations(&entry.value)?,
                "machines" => layer.machines = Some(self.machines(&entry.value)?),
                "saas" => layer.saas = self.saas(&entry.value)?,
                "bundle" | "type" => {}
                key if TOP_WITHOUT_EFFECT.contains(&key) => {
                    if ["series", "default-base"].contains(&key) {
                        self.bundle.ignored.insert(key.to_owned());
                    }
                }
                key => {
                    return Err(self.unknown(
                        entry,
                        key,
                        &[&["applications", "bundle", "machines", "relations", "saas"], &TOP_WITHOUT_EFFECT],
                    ));
                }
            }
        }
        Ok(layer)
    }

    fn unknown(&self, entry: &Entry, key: &str, known: &[&[&str]]) -> CliError {
        let error = self.wrong(entry.key_span, format!("a bundle has no key {key:?} here"));
        match nearest(key, known.iter().flat_map(|keys| keys.iter().copied())) {
            Some(near) => error.hint(format!("did you mean {near:?}?")),
            None => error,
        }
    }

    fn app(&mut self, name: &AppName, node: &Node) -> Result<App> {
        let mut app = App { folder: self.folder.to_owned(), ..App::default() };
        for entry in self.map(node, &format!("application {name}"))? {
            let node = &entry.value;
            self.note(Part::key(name, &*entry.key), entry.key_span);
            match &*entry.key {
                "to" => self.to(name, node, &mut app)?,
                "offers" => app.offers = self.offers(name, entry)?,
                "exposed-endpoints" => app.exposed = self.exposed(name, entry)?,
                _ if node.is_null() => {}
                "charm" => app.charm = Some(self.text(node, "`charm`")?),
                "channel" => app.channel = Some(self.parsed(node, "`channel`")?),
                "revision" => app.revision = Some(self.parsed(node, "`revision`")?),
                key @ ("num_units" | "scale") => {
                    let units: u32 = self.parsed(node, &format!("`{key}`"))?;
                    if units > MOST_UNITS {
                        return Err(
                            self.wrong(node.span, format!("{units} units are more than {MOST_UNITS}"))
                        );
                    }
                    app.units = Some(units);
                }
                "options" => {
                    for option in self.map(node, "`options`")? {
                        self.note(Part::key(name, format!("options.{}", option.key)), option.key_span);
                        let value =
                            if option.value.is_null() { None } else { Some(self.option(&option.value)?) };
                        app.options.insert(option.key.to_string(), value);
                    }
                }
                "resources" => {
                    for resource in self.map(node, "`resources`")? {
                        let resource_name: ResourceName = resource
                            .key
                            .parse()
                            .map_err(|e: InvalidName| self.wrong(resource.key_span, e))?;
                        let text = self.text(&resource.value, "a resource")?;
                        let is_number = text.parse::<u32>().is_ok();
                        let path = if is_number { PathBuf::from(text) } else { self.folder.join(text) };
                        app.resources.insert(resource_name.clone(), path);
                        self.note(Part::key(name, format!("resources.{resource_name}")), resource.key_span);
                    }
                }
                "storage" => {
                    for storage in self.map(node, "`storage`")? {
                        let wrong = |e: InvalidName| self.wrong(storage.key_span, e);
                        let storage_name: StorageName = storage.key.parse().map_err(wrong)?;
                        let directive = self.text(&storage.value, "a storage directive")?;
                        let wrong = |e: InvalidDirective| self.wrong(storage.value.span, e);
                        directive.parse::<StorageDirective>().map_err(wrong)?;
                        app.storage.insert(storage_name.clone(), directive);
                        self.note(Part::key(name, format!("storage.{storage_name}")), storage.key_span);
                    }
                }
                "constraints" => app.constraints = Some(self.text(node, "`constraints`")?),
                "trust" => app.trust = Some(self.flag(node, "`trust`")?),
                "expose" => app.expose = Some(self.flag(node, "`expose`")?),
                "description" => {}
                key if APP_WITHOUT_EFFECT.contains(&key) => drop(self.bundle.ignored.insert(key.to_owned())),
                key => return Err(self.unknown(entry, key, &[&APP_KEYS, &APP_WITHOUT_EFFECT])),
            }
        }
        Ok(app)
    }

    /// An option's value; `include-file://PATH` stands for a file's text, as in Juju.
    fn option(&self, node: &Node) -> Result<String> {
        let text = self.text(node, "an option")?;
        if let Some(path) = text.strip_prefix("include-file://") {
            return file::text(&self.folder.join(path));
        }
        if text.starts_with("include-base64://") {
            return Err(
                self.wrong(node.span, "include-base64 is not supported: write the text, or use include-file")
            );
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(texts: &[&str]) -> Result<Bundle> {
        let folder = tempfile::tempdir().unwrap();
        let paths: Vec<PathBuf> = (0..texts.len()).map(|n| folder.path().join(format!("{n}.yaml"))).collect();
        for (path, text) in paths.iter().zip(texts) {
            std::fs::write(path, text).unwrap();
        }
        std::fs::write(folder.path().join("motd"), "hello\n").unwrap();
        read(&paths[0], &paths[1..])
    }

    const BASE: &str = "series: noble\nmachines: {0: {constraints: mem=1G}}\napplications:\n  db:\n    charm: ./db\n    num_units: 2\n    options: {size: 3, \
                        motd: 'include-file://motd', old: x}\n    to: ['0']\n  web: {charm: web, channel: edge, trust: true}\nrelations:\n\
                        - [web:db, db]\n- [db, [web:other, web:db]]\n";

    #[test]
    fn overlays_change_add_and_take_away() {
        let overlay = "applications:\n  db: {num_units: 3, options: {size: 4, old: null}}\n  cache: {charm: cache}\nrelations:\n- [web, cache]\n";
        let bundle = written(&[BASE, overlay]).unwrap();
        let db = &bundle.applications["db"];
        assert_eq!((db.units, db.charm.as_deref()), (Some(3), Some("./db")));
        assert_eq!(db.set().collect::<Vec<_>>(), [("motd", "hello\n"), ("size", "4")]);
        assert_eq!(bundle.applications["web"].channel.as_ref().unwrap().to_string(), "latest/edge");
        assert_eq!(bundle.relations.len(), 3, "{:?}", bundle.relations);
        assert_eq!(bundle.ignored.into_iter().collect::<Vec<_>>(), ["series"]);
        // The same overlay as a further document; one that takes an application away takes its relations too.
        assert_eq!(written(&[&format!("{BASE}---\n{overlay}")]).unwrap().relations.len(), 3);
        let less = written(&[BASE, "applications: {web: null}\n"]).unwrap();
        assert_eq!((less.applications.len(), less.relations.len()), (1, 0));
    }

    #[test]
    fn machines_offers_and_saas_are_read_and_changed_by_overlays() {
        let base = "applications:\n  db: {charm: db, num_units: 2, to: [0, new]}\n  web: {charm: web}\nmachines:\n  0:\n    \
                    constraints: mem=1G\n    annotations: {x: y}\nsaas:\n  far: {url: 'periapt:admin/other.far'}\n  gone: {url: \
                    other.gone}\nrelations:\n- [web, far]\n- [web, gone]\n";
        let overlay = "applications:\n  db: {offers: {sql: {endpoints: [b, a], acl: {admin: admin, bob: read}}, old: null}}\n\
                       saas: {gone: null}\n";
        let bundle = written(&[base, overlay]).unwrap();
        assert_eq!(bundle.machines[&BundleMachine(0)].constraints, "mem=1G");
        let to: Vec<String> =
            bundle.applications["db"].placements().iter().map(ToString::to_string).collect();
        assert_eq!(to, ["0", "new"]);
        let offers: Vec<_> = bundle.applications["db"].offered().collect();
        assert_eq!((offers.len(), offers[0].0.as_str(), offers[0].1.endpoints.len()), (1, "sql", 2));
        assert_eq!(bundle.strangers.iter().collect::<Vec<_>>(), ["bob"]);
        assert_eq!(bundle.saas.keys().map(AppName::as_str).collect::<Vec<_>>(), ["far"]);
        assert_eq!(bundle.relations, [("web".to_owned(), "far".to_owned())]);
        assert_eq!(bundle.ignored.iter().collect::<Vec<_>>(), ["annotations"]);
        // An overlay's machines are all that there are then; of a bundle for Kubernetes, `to` selects nodes.
        let other = "machines: {7: }\napplications: {db: {to: 7}}\n";
        let bundle = written(&[base, other]).unwrap();
        assert_eq!(bundle.machines.keys().collect::<Vec<_>>(), [&BundleMachine(7)]);
        let kubernetes = "applications: {a: {charm: a, scale: 1, to: [zone=x]}}\nbundle: kubernetes\n";
        assert_eq!(written(&[kubernetes]).unwrap().ignored.into_iter().collect::<Vec<_>>(), ["to"]);
    }

    #[test]
    fn mistakes_are_told_with_their_place() {
        for (text, words) in [
            (
                "applications:\n  db: {charm: db, num_unit: 3}\n",
                "0.yaml:2:19: a bundle has no key \"num_unit\"",
            ),
            ("applications:\n  db: {charm: db, num_units: -1}\n", "0.yaml:2:30: `num_units`:"),
            ("applications:\n  db: {charm: db, num_units: 1000000}\n", "more than 10000"),
            ("applications:\n  DB: {charm: db}\n", "0.yaml:2:3: \"DB\" is not a valid application name"),
            ("applications:\n  db: {}\n", "0.yaml:2:3: application \"db\" of the bundle: it has no charm"),
            ("applications: []\n", "must be a map, not"),
            ("applications: {a: {charm: a}}\nrelations:\n- [a]\n", "0.yaml:3:3: a relation is written"),
            ("applications: {a: {charm: a}}\nrelations:\n- [a, b:x]\n", "names application \"b\""),
            ("applications: {a: {charm: a}}\n---\nrelations:\n- [a, '../b']\n", "0.yaml:4:7:"),
            ("applications: {a: {charm: a, options: {x: [1]}}}\n", "an option must be one value"),
            ("applications: {a: {charm: a, options: {x: include-file:///dev/zero}}}\n", "larger than 5M"),
            (
                "applications: {a: {charm: a, offers: {o: {endpoints: [x]}}}}\n",
                "applications.a.offers can only appear in an overlay",
            ),
            (
                "applications: {a: {charm: a}}\n---\napplications: {a: {offers: {o: {}}}}\n",
                "0.yaml:3:29: offer o names no endpoints",
            ),
            (
                "applications: {a: {charm: a}}\n---\napplications: {a: {offers: {o: {acl: {bob: owner}}}}}\n",
                "\"owner\" offer access not valid",
            ),
            ("applications: {a: {charm: a}}\nsaas: {b: {}}\n", "0.yaml:2:8: saas b has no url"),
            (
                "applications: {a: {charm: a}}\nsaas: {b: {url: nope}}\n",
                "0.yaml:2:17: offer url \"nope\" not valid",
            ),
            ("applications: {a: {charm: a}}\nsaas: {b: {url: 'm.o:x'}}\n", "shouldn't include endpoint"),
            (
                "applications: {a: {charm: a}}\nsaas: {a: {url: m.o}}\n",
                "saas \"a\" of the bundle: application \"a\" already exists",
            ),
            (
                "applications: {a: {charm: a, constraints: mem=x}}\n",
                "0.yaml:1:30: application \"a\" of the bundle: bad \"mem\" constraint",
            ),
            ("machines: {a: }\n", "0.yaml:1:12: invalid machine id \"a\" found in machines"),
            ("machines: {01: }\n", "invalid machine id \"01\""),
            ("machines: {0: {disks: 3}}\n", "a bundle has no key \"disks\" here"),
            ("machines: {0: {constraints: mem=x}}\n", "0.yaml:1:12: machine \"0\" of the bundle: bad"),
            (
                "applications: {a: {charm: a}}\nmachines: {0: }\n",
                "machine \"0\" is not referred to by a placement directive",
            ),
            (
                "bundle: kubernetes\napplications: {a: {charm: a}}\nmachines: {0: }\n",
                "machines not valid for Kubernetes bundles",
            ),
            (
                "applications: {a: {charm: a, num_units: 1, to: [0]}}\n",
                "0.yaml:1:49: application \"a\" of the bundle: placement \"0\" refers to a machine not defined in this bundle",
            ),
            (
                "applications: {a: {charm: a, num_units: 1, to: b}}\n",
                "placement \"b\" refers to an application not defined",
            ),
            (
                "applications: {a: {charm: a, to: [new]}}\n",
                "too many units specified in unit placement for application \"a\"",
            ),
            (
                "applications: {a: {charm: a, num_units: 1, to: [b/1]}, b: {charm: b, num_units: 1}}\n",
                "placement \"b/1\" specifies a unit greater than the 1 unit(s)",
            ),
            (
                "applications: {a: {charm: a, num_units: 1, to: ['lxd:0']}}\n",
                "0.yaml:1:49: cannot place a unit on \"lxd:0\": there are no containers",
            ),
            (
                "applications: {a: {charm: a, exposed-endpoints: {'': {}}}}\n",
                "applications.a.exposed-endpoints can only appear in an overlay",
            ),
            (
                "applications: {a: {charm: a, expose: true}}\n---\napplications: {a: {exposed-endpoints: {'': }}}\n",
                "exposed-endpoints cannot be specified together with \"expose: true\"",
            ),
            (
                "applications: {a: {charm: a}}\n---\napplications: {a: {exposed-endpoints: {A: }}}\n",
                "0.yaml:3:40: \"A\" is not a valid endpoint name",
            ),
            ("a: b: c\n", "0.yaml:1:"),
            ("- x\n", "a bundle must be a map"),
        ] {
            let error = written(&[text]).unwrap_err();
            assert!(error.message.contains(words), "{text}\n{error:?}");
        }
    }
}
