//! The urls of offers: `[CONTROLLER:][USER/]MODEL.OFFER[:ENDPOINT]`.

use std::fmt;
use std::str::FromStr;

use crate::names::{EndpointName, ModelName, OfferName};

/// The url of an offer, as people write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferUrl {
    /// The controller, where it is named.
    pub controller: Option<String>,
    /// The model's owner, where it is named.
    pub user: Option<String>,
    /// The model that offers.
    pub model: ModelName,
    /// The offer.
    pub offer: OfferName,
    /// One of its endpoints, where it is named: `integrate` takes such a url.
    pub endpoint: Option<EndpointName>,
}

/// A text that is no url of an offer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("offer url {text:?} not valid: {reason}")]
pub struct InvalidOfferUrl {
    /// As given.
    pub text: String,
    /// What is wrong.
    pub reason: String,
}

impl OfferUrl {
    /// Whether a text can only be meant as a url: no application's name has a dot.
    #[must_use]
    pub fn looks_like(text: &str) -> bool {
        text.contains('.')
    }
}

/// Letters, digits and `-_.@+`: what users and controllers may be called.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.@+".contains(&b))
}

impl FromStr for OfferUrl {
    type Err = InvalidOfferUrl;

    fn from_str(text: &str) -> Result<Self, InvalidOfferUrl> {
        let invalid = |reason: String| InvalidOfferUrl { text: text.to_owned(), reason };
        // A colon stands behind a controller or before an endpoint; only behind the former is there a model's dot.
        let (controller, rest) = match text.split_once(':') {
            Some((controller, rest)) if rest.contains('.') => (Some(controller), rest),
            _ => (None, text),
        };
        if controller.is_some_and(|name| !is_name(name)) {
            return Err(invalid("what stands before the colon is no controller's name".to_owned()));
        }
        let (user, rest) = match rest.split_once('/') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, rest),
        };
        if user.is_some_and(|name| !is_name(name)) {
            return Err(invalid("what stands before the slash is no user's name".to_owned()));
        }
        let (model, rest) = rest
            .split_once('.')
            .ok_or_else(|| invalid("it is written [USER/]MODEL.OFFER, such as admin/prod.db".to_owned()))?;
        let (offer, endpoint) = match rest.split_once(':') {
            Some((offer, endpoint)) => (offer, Some(endpoint)),
            None => (rest, None),
        };
        Ok(Self {
            controller: controller.map(str::to_owned),
            user: user.map(str::to_owned),
            model: model.parse().map_err(|e| invalid(format!("{e}")))?,
            offer: offer.parse().map_err(|e| invalid(format!("{e}")))?,
            endpoint: endpoint.map(str::parse).transpose().map_err(|e| invalid(format!("{e}")))?,
        })
    }
}

impl fmt::Display for OfferUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(controller) = &self.controller {
            write!(f, "{controller}:")?;
        }
        if let Some(user) = &self.user {
            write!(f, "{user}/")?;
        }
        write!(f, "{}.{}", self.model, self.offer)?;
        match &self.endpoint {
            Some(endpoint) => write!(f, ":{endpoint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn urls_are_read_and_written() {
        for text in
            ["m.db", "admin/m.db", "periapt:admin/m.db", "periapt:m.db", "admin/m.db:sql", "c:a/m.db:sql"]
        {
            let url: OfferUrl = text.parse().unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(url.to_string(), text);
            assert_eq!((url.model.as_str(), url.offer.as_str()), ("m", "db"));
        }
        let url: OfferUrl = "c:a/m.db:sql".parse().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!((url.controller.as_deref(), url.user.as_deref()), (Some("c"), Some("a")));
        assert_eq!(url.endpoint.map(|e| e.to_string()).as_deref(), Some("sql"));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for text in [
            "", ".", "m", "m.", ".db", "a/b/m.db", ":m.db", "/m.db", "m.db:", "m.db:x:y", "M.db", "m.d_b",
            "m.db.x",
        ] {
            assert!(text.parse::<OfferUrl>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,40}") {
            if let Ok(url) = text.parse::<OfferUrl>() {
                prop_assert_eq!(url.to_string(), text);
            }
        }
    }
}
