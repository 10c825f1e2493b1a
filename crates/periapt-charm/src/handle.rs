//! The names of a charm's metadata as constants, one for each endpoint, container, storage and resource. The
//! [`charm!`](crate::charm) macro makes them, so that a name which the metadata does not have does not compile.

use std::fmt;
use std::marker::PhantomData;

pub use periapt_model::charm::Role;

use crate::databag::{Interface, Untyped};
use crate::event::{
    EventKind, On, PebbleCheckFailed, PebbleCheckRecovered, PebbleCustomNotice, PebbleReady, RelationBroken,
    RelationChanged, RelationCreated, RelationDeparted, RelationJoined, StorageAttached, StorageDetaching,
};

/// One endpoint of the charm. `I` says what its databags hold; [`Untyped`] is text by text.
pub struct Endpoint<I: Interface = Untyped> {
    name: &'static str,
    role: Role,
    interface: &'static str,
    databags: PhantomData<fn() -> I>,
}

impl<I: Interface> Endpoint<I> {
    /// For the [`charm!`](crate::charm) macro.
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'static str, role: Role, interface: &'static str) -> Self {
        Self { name, role, interface, databags: PhantomData }
    }

    /// The name in the metadata.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Provider, requirer or peer.
    #[must_use]
    pub const fn role(&self) -> Role {
        self.role
    }

    /// The interface's name.
    #[must_use]
    pub const fn interface(&self) -> &'static str {
        self.interface
    }

    /// `<endpoint>-relation-created`.
    #[must_use]
    pub const fn created(&self) -> On<RelationCreated> {
        On::about(EventKind::RelationCreated, self.name)
    }

    /// `<endpoint>-relation-joined`.
    #[must_use]
    pub const fn joined(&self) -> On<RelationJoined> {
        On::about(EventKind::RelationJoined, self.name)
    }

    /// `<endpoint>-relation-changed`.
    #[must_use]
    pub const fn changed(&self) -> On<RelationChanged> {
        On::about(EventKind::RelationChanged, self.name)
    }

    /// `<endpoint>-relation-departed`.
    #[must_use]
    pub const fn departed(&self) -> On<RelationDeparted> {
        On::about(EventKind::RelationDeparted, self.name)
    }

    /// `<endpoint>-relation-broken`.
    #[must_use]
    pub const fn broken(&self) -> On<RelationBroken> {
        On::about(EventKind::RelationBroken, self.name)
    }
}

impl<I: Interface> Clone for Endpoint<I> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<I: Interface> Copy for Endpoint<I> {}

impl<I: Interface> fmt::Debug for Endpoint<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("name", &self.name).field("role", &self.role).finish_non_exhaustive()
    }
}

macro_rules! named {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct $name(&'static str);

        impl $name {
            /// For the [`charm!`](crate::charm) macro.
            #[doc(hidden)]
            #[must_use]
            pub const fn new(name: &'static str) -> Self {
                Self(name)
            }

            /// The name in the metadata.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                self.0
            }
        }
    };
}

named! {
    /// A workload container of the charm.
    Container
}

impl Container {
    /// `<container>-pebble-ready`.
    #[must_use]
    pub const fn pebble_ready(&self) -> On<PebbleReady> {
        On::about(EventKind::PebbleReady, self.0)
    }

    /// `<container>-pebble-custom-notice`.
    #[must_use]
    pub const fn custom_notice(&self) -> On<PebbleCustomNotice> {
        On::about(EventKind::PebbleCustomNotice, self.0)
    }

    /// `<container>-pebble-check-failed`.
    #[must_use]
    pub const fn check_failed(&self) -> On<PebbleCheckFailed> {
        On::about(EventKind::PebbleCheckFailed, self.0)
    }

    /// `<container>-pebble-check-recovered`.
    #[must_use]
    pub const fn check_recovered(&self) -> On<PebbleCheckRecovered> {
        On::about(EventKind::PebbleCheckRecovered, self.0)
    }
}

named! {
    /// A storage of the charm.
    Storage
}

impl Storage {
    /// `<storage>-storage-attached`.
    #[must_use]
    pub const fn attached(&self) -> On<StorageAttached> {
        On::about(EventKind::StorageAttached, self.0)
    }

    /// `<storage>-storage-detaching`.
    #[must_use]
    pub const fn detaching(&self) -> On<StorageDetaching> {
        On::about(EventKind::StorageDetaching, self.0)
    }
}

named! {
    /// A resource of the charm.
    Resource
}
