//! Every small grammar takes any text: it is read or refused, never a panic, and what was read is written so that it is read
//! as the same again.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use periapt_model::channel::Channel;
use periapt_model::charm_url::CharmUrl;
use periapt_model::constraints::Constraints;
use periapt_model::effects::PortRange;
use periapt_model::entity::{RotatePolicy, StorageDirective};
use periapt_model::log::Level;
use periapt_model::names::{
    ActionName, AppName, EndpointName, MachineId, ModelName, ResourceName, SecretId, StorageId, StorageName,
    UnitName,
};
use periapt_model::offer_url::OfferUrl;
use periapt_model::time::{Timestamp, format_duration, parse_duration};
use proptest::prelude::*;

/// Reads a text, and what it writes again.
fn read<T: FromStr + Display + PartialEq + Debug>(text: &str) -> Result<(), TestCaseError> {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        let again = written.parse::<T>().ok();
        prop_assert_eq!(again, Some(value), "{:?} was written as {:?}", text, written);
    }
    Ok(())
}

fn read_all(text: &str) -> Result<(), TestCaseError> {
    read::<Channel>(text)?;
    read::<CharmUrl>(text)?;
    read::<Constraints>(text)?;
    read::<PortRange>(text)?;
    read::<StorageDirective>(text)?;
    read::<Level>(text)?;
    read::<OfferUrl>(text)?;
    read::<AppName>(text)?;
    read::<UnitName>(text)?;
    read::<ModelName>(text)?;
    read::<EndpointName>(text)?;
    read::<ActionName>(text)?;
    read::<ResourceName>(text)?;
    read::<StorageName>(text)?;
    read::<StorageId>(text)?;
    read::<SecretId>(text)?;
    read::<MachineId>(text)?;
    // It has no text of its own to compare.
    let _ = text.parse::<RotatePolicy>();
    if let Some(span) = parse_duration(text) {
        // Writing drops what is finer than a millisecond.
        let whole = std::time::Duration::from_millis(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        if span.as_secs() < 1 << 40 {
            prop_assert_eq!(parse_duration(&format_duration(span)), Some(whole), "{:?}", text);
        }
    }
    if let Some(at) = Timestamp::parse_rfc3339(text) {
        let written = at.to_rfc3339();
        prop_assert_eq!(
            Timestamp::parse_rfc3339(&written),
            Some(at),
            "{:?} was written as {:?}",
            text,
            written
        );
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,60}") {
        read_all(&text)?;
    }

    #[test]
    fn texts_of_the_grammars_own_letters_are_read_or_refused(
        text in "[a-z]{0,3}[0-9A-Za-z,./:@#=_| -]{0,24}",
    ) {
        read_all(&text)?;
    }

    #[test]
    fn texts_that_are_nearly_right_are_read_or_refused(
        text in "((ch|local|periapt):)?[a-z]{1,3}([/.-][a-z0-9]{1,3}){0,3}(:[a-z]{1,2})?|\
                 (rootfs|lxd)?,?[0-9]{0,20},?[0-9]{1,20}(\\.[0-9]{1,20})?[MGTPE](i?B)?|\
                 ([0-9]{1,20}(\\.[0-9]{1,5})?(ns|us|ms|s|m|h)){1,4}|\
                 [0-9]{1,6}(-[0-9]{1,6})?(/(tcp|udp|icmp))?|\
                 (mem|cores|root-disk|tags|arch)=[0-9a-z^,]{0,12}[MGT]?( (mem|cores|spaces)=[0-9a-z^,]{0,12}){0,2}|\
                 [0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?",
    ) {
        read_all(&text)?;
    }
}
