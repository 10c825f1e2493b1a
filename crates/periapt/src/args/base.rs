//! `--base` and `--series`: the operating system that a charm or a machine is meant for.

use clap::Args;
use periapt_model::charm::{Base, CharmMeta};

use crate::error::{CliError, Result};
use crate::output::say;

/// Series of Juju 3.6 and the bases they are.
const SERIES: [(&str, &str, &str); 15] = [
    ("bionic", "ubuntu", "18.04"),
    ("centos7", "centos", "7"),
    ("centos9", "centos", "9"),
    ("cosmic", "ubuntu", "18.10"),
    ("focal", "ubuntu", "20.04"),
    ("genericlinux", "genericlinux", "genericlinux"),
    ("impish", "ubuntu", "21.10"),
    ("jammy", "ubuntu", "22.04"),
    ("kinetic", "ubuntu", "22.10"),
    ("kubernetes", "kubernetes", "kubernetes"),
    ("lunar", "ubuntu", "23.04"),
    ("mantic", "ubuntu", "23.10"),
    ("noble", "ubuntu", "24.04"),
    ("trusty", "ubuntu", "14.04"),
    ("xenial", "ubuntu", "16.04"),
];

/// What an application is deployed on where nobody says so, if its charm supports it; else the charm's first base (Juju 3.6:
/// `DefaultSupportedLTSBase`).
const DEFAULT: (&str, &str) = ("ubuntu", "22.04");

/// The options, for verbs in which a base counts.
#[derive(Args, Clone, Debug, Default)]
pub struct BaseArgs {
    /// The operating system that the charm is deployed for, one of the charm's. It is shown; everything runs on this machine's
    #[arg(long, value_name = "NAME@VERSION")]
    base: Option<String>,
    /// The same, by its series. Deprecated: use --base
    #[arg(long, hide = true)]
    series: Option<String>,
}

impl BaseArgs {
    /// The base that is meant, if any.
    ///
    /// # Errors
    /// As of [`chosen`].
    pub fn chosen(&self) -> Result<Option<Base>> {
        chosen(self.base.as_deref(), self.series.as_deref())
    }
}

/// What `--base` and `--series` mean; a series is said to be deprecated.
///
/// # Errors
/// Both are given; a base that is not written `name@version`; a series that Juju 3.6 does not know.
pub fn chosen(base: Option<&str>, series: Option<&str>) -> Result<Option<Base>> {
    // `all` is how Juju's own verbs say that none is given.
    let series = series.filter(|series| !["", "all"].contains(series));
    let base = base.filter(|base| !base.is_empty());
    match (base, series) {
        (Some(_), Some(_)) => Err(CliError::usage("--series and --base cannot be specified together")),
        (Some(base), None) => parse(base).map(Some),
        (None, Some(series)) => {
            let named =
                if series == "kubernetes" { "using kubernetes as a series flag" } else { "series flag" };
            say(format!("WARNING {named} is deprecated, use --base instead"));
            let base = of_series(series);
            base.map(Some).ok_or_else(|| {
                CliError::new(format!(
                    "attempting to convert {series:?} to a base: series {series:?} not valid"
                ))
                .hint("--base takes names and versions, such as ubuntu@24.04")
            })
        }
        (None, None) => Ok(None),
    }
}

fn make(name: &str, channel: &str) -> Base {
    Base { name: name.to_owned(), channel: channel.to_owned(), architectures: Vec::new() }
}

fn of_series(series: &str) -> Option<Base> {
    SERIES.iter().find(|(known, ..)| *known == series).map(|(_, name, channel)| make(name, channel))
}

/// The series of an Ubuntu release.
pub fn series_of(name: &str, channel: &str) -> Option<&'static str> {
    let version = version(channel);
    SERIES.iter().find(|(_, known, number)| (*known, *number) == (name, version)).map(|(series, ..)| *series)
}

/// `ubuntu@24.04`, perhaps with a risk.
fn parse(text: &str) -> Result<Base> {
    match text.split_once('@') {
        Some((name, channel)) if !name.is_empty() && !channel.is_empty() && !channel.contains('@') => {
            Ok(make(name, channel))
        }
        _ => Err(CliError::new(format!(
            "invalid base {text:?}: expected base string to contain os and channel separated by '@'"
        ))
        .hint("such as ubuntu@24.04")),
    }
}

/// A channel of an operating system without its risk.
fn version(channel: &str) -> &str {
    channel.split_once('/').map_or(channel, |(version, _)| version)
}

/// Whether both are the same operating system in the same version.
pub fn is_same(a: &Base, b: &Base) -> bool {
    a.name == b.name && version(&a.channel) == version(&b.channel)
}

/// Puts the base that an application is deployed for first among its charm's: the one that is wanted, else Juju's default.
///
/// # Errors
/// The charm names bases and it is none of them, unless forced.
pub fn put_first(meta: &mut CharmMeta, wanted: Option<&Base>, force: bool) -> Result {
    let default = make(DEFAULT.0, DEFAULT.1);
    let at = meta.bases.iter().position(|base| is_same(base, wanted.unwrap_or(&default)));
    match (at, wanted) {
        (Some(at), _) => meta.bases[..=at].rotate_right(1),
        (None, Some(wanted)) if meta.bases.is_empty() || force => meta.bases.insert(0, wanted.clone()),
        (None, Some(wanted)) => {
            let mut bases: Vec<String> =
                meta.bases.iter().map(|base| format!("{}@{}", base.name, version(&base.channel))).collect();
            bases.sort();
            bases.dedup();
            return Err(CliError::new(format!(
                "base \"{}@{}\" not supported by charm, the charm supported bases are: {}",
                wanted.name,
                version(&wanted.channel),
                bases.join(", ")
            ))
            .hint("--force deploys it all the same"));
        }
        (None, None) => {}
    }
    Ok(())
}

/// Which charms of the store are meant, by the bases and architectures that they are for.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    base: Option<Base>,
    arch: Option<String>,
}

impl Filter {
    /// `--base` or `--series`, and `--arch`, of which `all` is none.
    ///
    /// # Errors
    /// As of [`chosen`].
    pub fn new(base: Option<&str>, series: Option<&str>, arch: Option<&str>) -> Result<Self> {
        let arch = arch.filter(|arch| !["", "all"].contains(arch)).map(str::to_owned);
        Ok(Self { base: chosen(base, series)?, arch })
    }

    /// Whether it takes all.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.arch.is_none()
    }

    /// Whether a charm for these bases is meant. One that names none is for all, and a base that names no architecture as well.
    pub fn takes(&self, bases: &[Base]) -> bool {
        let base = |base: &&Base| self.base.as_ref().is_none_or(|wanted| is_same(base, wanted));
        let arch = |base: &Base| {
            let arch = self.arch.as_ref();
            arch.is_none_or(|arch| base.architectures.is_empty() || base.architectures.contains(arch))
        };
        bases.is_empty() || bases.iter().filter(base).any(arch)
    }
}

#[cfg(test)]
mod tests {
    use periapt_model::charm::{CharmFiles, SourceText};

    use super::*;

    #[test]
    fn bases_and_series_are_read_and_contradictions_refused() {
        let shown = |base: Option<Base>| base.map(|base| format!("{}@{}", base.name, base.channel));
        assert_eq!(shown(chosen(Some("ubuntu@24.04/stable"), None).unwrap()).unwrap(), "ubuntu@24.04/stable");
        assert_eq!(shown(chosen(None, Some("focal")).unwrap()).unwrap(), "ubuntu@20.04");
        assert_eq!(chosen(None, Some("all")).unwrap(), None);
        for (base, series, words) in [
            (Some("ubuntu@24.04"), Some("noble"), "--series and --base cannot be specified together"),
            (Some("noble"), None, "separated by '@'"),
            (None, Some("breezy"), "attempting to convert \"breezy\" to a base: series \"breezy\" not valid"),
        ] {
            assert!(chosen(base, series).unwrap_err().message.contains(words), "{words}");
        }
        assert!(SERIES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(series_of("ubuntu", "22.04/stable"), Some("jammy"));
    }

    #[test]
    fn the_base_that_is_wanted_comes_first() {
        let meta = |bases: &[&str]| {
            let text = "name: x\nsummary: x\ndescription: x\n";
            let files = CharmFiles {
                metadata: Some(SourceText::new("metadata.yaml", text)),
                ..CharmFiles::default()
            };
            let mut meta = periapt_model::charm::parse(&files).unwrap().meta;
            meta.bases = bases.iter().map(|text| parse(text).unwrap()).collect();
            meta
        };
        let first = |bases: &[&str], wanted: Option<&str>, force| {
            let mut meta = meta(bases);
            let wanted = wanted.map(|text| parse(text).unwrap());
            put_first(&mut meta, wanted.as_ref(), force).map(|()| {
                let names = meta.bases.iter().map(|base| format!("{}@{}", base.name, base.channel));
                names.collect::<Vec<_>>().join(" ")
            })
        };
        let four = ["ubuntu@16.04", "ubuntu@20.04/stable", "ubuntu@22.04"];
        assert_eq!(first(&four, None, false).unwrap(), "ubuntu@22.04 ubuntu@16.04 ubuntu@20.04/stable");
        assert_eq!(
            first(&four, Some("ubuntu@20.04"), false).unwrap(),
            "ubuntu@20.04/stable ubuntu@16.04 ubuntu@22.04"
        );
        assert_eq!(first(&["ubuntu@24.04"], None, false).unwrap(), "ubuntu@24.04");
        assert_eq!(first(&[], Some("ubuntu@20.04"), false).unwrap(), "ubuntu@20.04");
        assert!(first(&["ubuntu@24.04"], Some("ubuntu@20.04"), true).unwrap().starts_with("ubuntu@20.04"));
        assert_eq!(
            first(&four, Some("centos@7"), false).unwrap_err().message,
            "base \"centos@7\" not supported by charm, the charm supported bases are: ubuntu@16.04, ubuntu@20.04, ubuntu@22.04"
        );
    }
}
