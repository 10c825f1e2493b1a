//! `status --format summary`: counts.

use std::collections::{BTreeMap, BTreeSet};

use periapt_controller::views::status::FullStatus;
use periapt_model::effects::PortRange;

use super::{compact_ports, units};

fn tally<'a>(words: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    counts
}

/// How many machines, units and applications there are in each state, and the ports in use.
pub fn summary(status: &FullStatus) -> String {
    let ports = units(status).flat_map(|(.., unit)| &unit.open_ports).filter_map(|port| port.parse().ok());
    let ports: BTreeSet<PortRange> = ports.collect();
    let ports: Vec<String> = ports.iter().map(ToString::to_string).collect();
    let mut lines = vec![("Utilizing ports".to_owned(), compact_ports(&ports))];
    let mut section = |title: &str, counts: BTreeMap<&str, usize>| {
        lines.push((String::new(), String::new()));
        lines.push((format!("# {title}"), format!("({})", counts.values().sum::<usize>())));
        lines.extend(counts.into_iter().map(|(word, count)| (word.to_owned(), count.to_string())));
    };
    section("Machines", tally(status.machines.values().map(|m| m.juju_status.current.as_str())));
    section("Units", tally(units(status).map(|(.., unit)| unit.workload_status.current.as_str())));
    section(
        "Applications",
        tally(status.applications.values().map(|a| a.application_status.current.as_str())),
    );
    let width = lines.iter().map(|(label, _)| label.len()).max().unwrap_or(0);
    let show = |(label, value): &(String, String)| match label.as_str() {
        "" => "\n".to_owned(),
        label => format!("{}\n", format!("{label:>width$}:  {value}").trim_end()),
    };
    lines.iter().map(show).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn everything_is_counted() {
        insta::assert_snapshot!(super::summary(&super::super::example().status), @"
        Utilizing ports:  80,443/tcp

             # Machines:  (2)
                started:  2

                # Units:  (2)
                 active:  1
                  error:  1

         # Applications:  (2)
                 active:  1
                unknown:  1
        ");
    }
}
