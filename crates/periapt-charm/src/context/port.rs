//! Ports that the unit has open.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

pub use periapt_model::effects::{PortRange, Protocol};

use super::Context;
use crate::commands::CommandError;
use crate::error::Error;

/// What names a port or a range of ports: `80` (tcp), `(53, Protocol::Udp)`, `8000..=8010`, `"8000-8010/udp"`, `"icmp"`.
pub trait IntoPorts {
    /// The range.
    ///
    /// # Errors
    /// It is none: a port 0, an end before the start, a protocol that is not known.
    fn into_ports(self) -> Result<PortRange, Error>;
}

impl IntoPorts for PortRange {
    fn into_ports(self) -> Result<PortRange, Error> {
        // Its fields are open to everybody: what is written must be read again.
        self.to_string().parse().map_err(|error| Error::bug(format!("{error}")))
    }
}

impl IntoPorts for &str {
    fn into_ports(self) -> Result<PortRange, Error> {
        self.parse().map_err(|error| Error::bug(format!("{error}")))
    }
}

impl IntoPorts for u16 {
    fn into_ports(self) -> Result<PortRange, Error> {
        (self, Protocol::Tcp).into_ports()
    }
}

impl IntoPorts for (u16, Protocol) {
    fn into_ports(self) -> Result<PortRange, Error> {
        (self.0..=self.0, self.1).into_ports()
    }
}

impl IntoPorts for RangeInclusive<u16> {
    fn into_ports(self) -> Result<PortRange, Error> {
        (self, Protocol::Tcp).into_ports()
    }
}

impl IntoPorts for (RangeInclusive<u16>, Protocol) {
    fn into_ports(self) -> Result<PortRange, Error> {
        let (ports, protocol) = self;
        if protocol == Protocol::Icmp {
            return Err(Error::bug("icmp takes no port: write \"icmp\""));
        }
        PortRange { protocol, from: *ports.start(), to: *ports.end() }.into_ports()
    }
}

/// What this dispatch has opened and closed. `opened-ports` need not show it before the hook has ended.
#[derive(Debug, Default)]
pub(super) struct Ports(BTreeMap<PortRange, bool>);

impl Context {
    /// Opens a port or a range for all endpoints (`open-port 80/tcp`). It is open when the hook has ended well.
    ///
    /// # Errors
    /// It is no port; those of `open-port`, such as a conflict with a range of another unit of the machine.
    pub fn open_port(&self, ports: impl IntoPorts) -> Result<(), Error> {
        self.change_port("open-port", ports.into_ports()?, &[])
    }

    /// Closes a port or a range for all endpoints (`close-port 80/tcp`). One that is not open stays so.
    ///
    /// # Errors
    /// It is no port; those of `close-port`.
    pub fn close_port(&self, ports: impl IntoPorts) -> Result<(), Error> {
        self.change_port("close-port", ports.into_ports()?, &[])
    }

    /// Opens a port for some endpoints only (`open-port --endpoints db,web 80/tcp`).
    ///
    /// # Errors
    /// As [`Context::open_port`].
    pub fn open_port_for(&self, endpoints: &[&str], ports: impl IntoPorts) -> Result<(), Error> {
        self.change_port("open-port", ports.into_ports()?, endpoints)
    }

    /// Closes a port for some endpoints only (`close-port --endpoints db,web 80/tcp`).
    ///
    /// # Errors
    /// As [`Context::close_port`].
    pub fn close_port_for(&self, endpoints: &[&str], ports: impl IntoPorts) -> Result<(), Error> {
        self.change_port("close-port", ports.into_ports()?, endpoints)
    }

    fn change_port(&self, command: &str, ports: PortRange, endpoints: &[&str]) -> Result<(), Error> {
        let mut args = Vec::new();
        if !endpoints.is_empty() {
            args.extend(["--endpoints".to_owned(), endpoints.join(",")]);
        }
        args.push(ports.to_string());
        self.run(command, &args, None)?;
        if endpoints.is_empty() {
            self.cache.borrow_mut().model.ports.0.insert(ports, command == "open-port");
        }
        Ok(())
    }

    /// What the unit has open, with what this dispatch has opened and closed (`opened-ports`). Ranges are whole.
    ///
    /// # Errors
    /// Those of `opened-ports`.
    pub fn opened_ports(&self) -> Result<BTreeSet<PortRange>, Error> {
        let mut open: BTreeSet<PortRange> = self.json("opened-ports", &[])?;
        for (range, opened) in &self.cache.borrow().model.ports.0 {
            match opened {
                true => open.insert(*range),
                false => open.remove(range),
            };
        }
        Ok(open)
    }

    /// What the unit had open when the hook began, and for which endpoints; an empty list stands for all
    /// (`opened-ports --endpoints`).
    ///
    /// # Errors
    /// Those of `opened-ports`.
    pub fn opened_ports_by_endpoint(&self) -> Result<BTreeMap<PortRange, Vec<String>>, Error> {
        let lines: Vec<String> = self.json("opened-ports", &["--endpoints"])?;
        let read = |line: &String| {
            let (range, endpoints) = line.split_once(" (").unwrap_or((line, "*)"));
            let endpoints = endpoints.trim_end_matches(')').split(',').map(str::trim);
            let endpoints = endpoints.filter(|name| *name != "*").map(str::to_owned).collect();
            range.parse().map(|range| (range, endpoints))
        };
        lines.iter().map(read).collect::<Result<_, _>>().map_err(|error| {
            CommandError::unreadable("opened-ports", &["--endpoints".to_owned()], error).into()
        })
    }

    /// Opens these and closes all others, with as few commands as that takes: first those that close, then those that open,
    /// each in order.
    ///
    /// # Errors
    /// One of them is no port, and then nothing is done; those of the commands.
    pub fn set_ports<P: IntoPorts>(&self, ports: impl IntoIterator<Item = P>) -> Result<(), Error> {
        let wanted: BTreeSet<PortRange> =
            ports.into_iter().map(IntoPorts::into_ports).collect::<Result<_, _>>()?;
        let open = self.opened_ports()?;
        open.difference(&wanted).try_for_each(|range| self.close_port(*range))?;
        wanted.difference(&open).try_for_each(|range| self.open_port(*range))
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing_support::FakeAgent;
    use super::*;

    #[test]
    fn ports_are_opened_and_closed_as_juju_writes_them() {
        let agent = FakeAgent::new();
        let cx = agent.context();
        cx.open_port(80).unwrap();
        cx.open_port((53, Protocol::Udp)).unwrap();
        cx.open_port(8000..=8010).unwrap();
        cx.close_port("icmp").unwrap();
        cx.open_port_for(&["db", "web"], "9-10/UDP").unwrap();
        let calls = agent.calls();
        assert_eq!(
            calls,
            [
                "open-port 80/tcp",
                "open-port 53/udp",
                "open-port 8000-8010/tcp",
                "close-port icmp",
                "open-port --endpoints db,web 9-10/udp"
            ]
        );
        assert!(cx.open_port(0).is_err() && cx.open_port("80/sctp").is_err());
        assert!(cx.open_port((1, Protocol::Icmp)).is_err());
        #[expect(clippy::reversed_empty_ranges, reason = "that is what is wrong with it")]
        let reversed = cx.open_port(9..=8);
        assert!(reversed.is_err());
        assert_eq!(agent.calls(), [""; 0], "what is no port is not sent");
    }

    #[test]
    fn set_ports_closes_first_keeps_ranges_and_sees_its_own_writes() {
        let agent =
            FakeAgent::new().says("opened-ports --format=json", r#"["80/tcp","8000-8010/udp","icmp"]"#);
        let cx = agent.context();
        cx.set_ports(["443/tcp", "8000-8010/udp", "icmp"]).unwrap();
        assert_eq!(agent.calls(), ["opened-ports --format=json", "close-port 80/tcp", "open-port 443/tcp"]);
        // Juju may still show what was there before the hook.
        cx.set_ports(["443/tcp", "8000-8010/udp", "icmp"]).unwrap();
        assert_eq!(agent.calls(), ["opened-ports --format=json"]);
        let open: Vec<String> = cx.opened_ports().unwrap().iter().map(ToString::to_string).collect();
        assert_eq!(open, ["icmp", "443/tcp", "8000-8010/udp"]);
    }

    #[test]
    fn endpoints_of_ports_are_read() {
        let agent = FakeAgent::new()
            .says("opened-ports --format=json --endpoints", r#"["80/tcp (db, web)","icmp (*)","9/udp"]"#);
        let open = agent.context().opened_ports_by_endpoint().unwrap();
        let of = |range: &str| open[&range.parse::<PortRange>().unwrap()].clone();
        assert_eq!(of("80/tcp"), ["db", "web"]);
        assert_eq!((of("icmp"), of("9/udp")), (vec![], vec![]));
    }
}
