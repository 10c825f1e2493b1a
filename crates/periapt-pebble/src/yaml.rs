//! Layers and plans as YAML.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::combine::{LayerError, Plan};
use crate::layer::Layer;

impl Layer {
    /// Reads a layer as strictly as Pebble does: a key that Pebble does not know is an error, so that a misspelt one
    /// is found by the charm's tests. An empty document is an empty layer.
    ///
    /// # Errors
    /// [`LayerError::Yaml`] and [`LayerError::UnknownKey`].
    pub fn from_yaml(text: &str) -> Result<Self, LayerError> {
        let (layer, unknown) = read(text)?;
        match unknown.into_iter().next() {
            Some(path) => Err(LayerError::UnknownKey(path)),
            None => Ok(layer),
        }
    }

    /// The layer as Pebble takes it.
    ///
    /// # Errors
    /// [`LayerError::Yaml`] if it holds text that YAML cannot, such as control characters.
    pub fn to_yaml(&self) -> Result<String, LayerError> {
        write(self)
    }
}

impl Plan {
    /// Reads a plan as Pebble answers it. Keys that this crate does not know are left out: a newer Pebble may have
    /// more of them.
    ///
    /// # Errors
    /// [`LayerError::Yaml`].
    pub fn from_yaml(text: &str) -> Result<Self, LayerError> {
        read(text).map(|(plan, _)| Plan(plan))
    }

    /// The plan as Pebble would print it: sorted, without empty sections, `{}` if there is nothing in it.
    ///
    /// # Errors
    /// [`LayerError::Yaml`] if it holds text that YAML cannot.
    pub fn to_yaml(&self) -> Result<String, LayerError> {
        write(&self.0)
    }
}

/// The value and the paths of the keys that were not used.
fn read<T: DeserializeOwned + Default>(text: &str) -> Result<(T, Vec<String>), LayerError> {
    let mut unknown = Vec::new();
    let value: Option<T> = serde_saphyr::with_deserializer_from_str(text, |from| {
        serde_ignored::deserialize(from, |path| unknown.push(plain(&path.to_string())))
    })
    .map_err(|e| LayerError::Yaml(e.to_string()))?;
    Ok((value.unwrap_or_default(), unknown))
}

/// `?` stands for the steps through options, which mean nothing to a reader.
fn plain(path: &str) -> String {
    path.split('.').filter(|step| *step != "?").collect::<Vec<_>>().join(".")
}

fn write<T: Serialize>(value: &T) -> Result<String, LayerError> {
    let options = serde_saphyr::ser_options! { indent_step: 4 };
    serde_saphyr::to_string_with_options(value, options).map_err(|e| LayerError::Yaml(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::duration::Span;
    use crate::layer::{Action, Override, Service, Startup};

    const LAYER: &str = r#"
summary: web layer
services:
  web:
    override: replace
    summary: The web server
    command: /bin/web --port 8080 [ --quiet ]
    startup: enabled
    environment:
      PORT: 8080
      DEBUG: yes
      RATIO: 1.50
      OCTAL: 0755
      EMPTY:
      TRUTH: true
    on-check-failure:
      up: restart
    backoff-factor: 1.5
    backoff-delay: 1.5s
    kill-delay: 90s
    user-id: 0
checks:
  up:
    override: merge
    level: ready
    period: 20s
    threshold: 7
    http:
      url: http://localhost:8080/
log-targets:
  loki:
    override: merge
    type: loki
    location: http://loki:3100/loki/api/v1/push
    services: [all, -web]
    labels:
      unit: web/0
"#;

    #[test]
    fn scalars_of_any_kind_are_their_source_text_where_text_is_meant() {
        let layer = Layer::from_yaml(LAYER).unwrap_or_else(|e| panic!("{e}"));
        let web = &layer.services["web"];
        let expected = [
            ("DEBUG", "yes"),
            ("EMPTY", ""),
            ("OCTAL", "0755"),
            ("PORT", "8080"),
            ("RATIO", "1.50"),
            ("TRUTH", "true"),
        ];
        assert_eq!(
            web.environment.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(),
            expected
        );
        assert_eq!(web.startup, Some(Startup::Enabled));
        assert_eq!(web.overrides, Override::Replace);
        assert_eq!(web.kill_delay, Some(Span::seconds(90)));
        assert_eq!(web.on_check_failure["up"], Action::Restart);
        assert_eq!(web.user_id, Some(0));
        assert_eq!(layer.log_targets["loki"].services, ["all", "-web"]);
    }

    #[test]
    fn what_was_written_is_what_is_read() {
        let mut layer = Layer::from_yaml(LAYER).unwrap_or_else(|e| panic!("{e}"));
        let odd = [
            "",
            "yes",
            "0755",
            "~",
            "a: b",
            "# no",
            "line\nline\n",
            " lead",
            "'",
            "\"",
            "- x",
            "{",
            "1e3",
            "é",
            "null",
        ];
        let mut service = Service::replace("/bin/x \"a b\" 'c'");
        service.environment =
            odd.iter().enumerate().map(|(n, v)| (format!("V{n}"), (*v).to_owned())).collect();
        layer.services.insert("odd".to_owned(), service);
        let text = layer.to_yaml().unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(Layer::from_yaml(&text), Ok(layer), "{text}");
    }

    #[test]
    fn a_layer_is_read_strictly_and_a_plan_is_not() {
        let text = "services:\n  web:\n    override: replace\n    comand: x\n";
        assert_eq!(Layer::from_yaml(text), Err(LayerError::UnknownKey("services.web.comand".to_owned())));
        assert_eq!(Layer::from_yaml("servces: {}\n"), Err(LayerError::UnknownKey("servces".to_owned())));
        assert!(Plan::from_yaml(text).is_ok());
    }

    #[test]
    fn what_pebble_refuses_is_refused() {
        for text in [
            "services: [a]\n",
            "checks:\n  up:\n    override: replace\n    period: 10\n",
            "services:\n  a:\n    override: merge\n    override: merge\n",
            "services:\n  a:\n    override: merge\n    user-id: root\n",
            ": :\n  - {",
        ] {
            assert!(matches!(Layer::from_yaml(text), Err(LayerError::Yaml(_))), "{text}");
        }
    }

    #[test]
    fn nothing_is_an_empty_layer_and_an_empty_plan_is_braces() {
        for text in ["", "{}", "\n# nothing\n", "services:\nchecks: null\n"] {
            assert_eq!(Layer::from_yaml(text), Ok(Layer::default()), "{text:?}");
        }
        assert_eq!(Plan::default().to_yaml(), Ok("{}\n".to_owned()));
        assert_eq!(Plan::from_yaml("{}\n"), Ok(Plan::default()));
    }

    #[test]
    fn unknown_words_are_kept() {
        let plan =
            Plan::from_yaml("services:\n    a:\n        override: replace\n        on-success: hibernate\n");
        let plan = plan.unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(plan.services["a"].on_success, Some(Action::Other("hibernate".to_owned())));
        assert!(plan.to_yaml().is_ok_and(|t| t.contains("on-success: hibernate")));
    }
}
