//! Options of type `secret`: what a charm makes of one that was not granted, is gone, or is none.

use periapt_charm::prelude::*;
use periapt_charm::testing::{Scenario, SecretOwner, SecretState, State};

charm!("tests/fixtures/api/charmcraft.yaml");

#[derive(Default)]
struct Signer;

impl Charm for Signer {
    const META: &'static Metadata = &META;

    fn observe(on: &mut Observe<Self>) {
        on.any((start(), config_changed())).reconcile(Self::reconcile);
        on.stop(Self::stop);
        on.action(Self::restart);
    }
}

fn key(cx: &Context) -> Result<String, Error> {
    let config: Config = cx.config()?;
    let Some(token) = &config.token else { return Err(Error::needs_human("set the option `token`")) };
    Ok(cx.secret(token).content()?.require("key")?.to_owned())
}

impl Signer {
    fn reconcile(&mut self, cx: &mut Context) -> Flow {
        let key = key(cx)?;
        cx.set_status(Status::Active(key))?;
        done()
    }

    fn stop(&mut self, cx: &mut Context) -> Finish {
        key(cx)?;
        done()
    }

    fn restart(&mut self, _params: Restart, cx: &mut Context) -> ActionResult {
        Ok(Results::new().with("key", key(cx)?))
    }
}

fn secret() -> SecretState {
    SecretState::new("token", SecretOwner::Model, [("key", "hunter2")])
}

fn state() -> State {
    State::new().with_config("token", secret().uri().as_str())
}

fn blocked(out: &State) -> &str {
    match &out.unit_status {
        Some(Status::Blocked(message)) => message,
        other => panic!("{other:?}"),
    }
}

#[test]
fn one_that_was_not_granted_blocks_until_it_is() {
    let charm = Scenario::<Signer>::new();
    let out = charm.run(config_changed(), &state().with_secret(secret())).unwrap();
    let expected = format!("grant me the secret of option `token`: periapt grant-secret {} api", secret().id);
    assert_eq!(blocked(&out.state), expected);
    assert_eq!(out.deferred().len(), 1);
    assert_eq!(out.deferred()[0].reason, expected);
    // Whatever comes next: the operator has done it meanwhile.
    let mut state = out.state;
    state.secrets[0] = state.secrets[0].clone().with_user_grant(AppName::new("api").unwrap());
    let out = charm.run(update_status(), &state).unwrap();
    assert_eq!(out.state.unit_status, Some(Status::Active("hunter2".into())));
    assert!(out.deferred().is_empty());
}

#[test]
fn the_words_are_those_of_the_operators_program() {
    let out =
        Scenario::<Signer>::new().on_juju("3.6.1").run(start(), &state().with_secret(secret())).unwrap();
    assert!(blocked(&out.state).contains("`token`: juju grant-secret "), "{}", blocked(&out.state));
}

#[test]
fn one_that_is_gone_blocks_and_says_how_to_give_another() {
    let out = Scenario::<Signer>::new().run(start(), &state()).unwrap();
    let said = blocked(&out.state);
    assert!(
        said.starts_with(&format!("there is no secret {}, which option `token` names", secret().uri())),
        "{said}"
    );
    assert!(said.ends_with("periapt grant-secret NAME api, periapt config api token=URI"), "{said}");
    assert_eq!(out.deferred().len(), 1);
}

/// `config-changed` comes with the value: nothing is kept.
#[test]
fn an_empty_one_is_unset() {
    let out = Scenario::<Signer>::new().run(start(), &State::new().with_config("token", "")).unwrap();
    assert_eq!(blocked(&out.state), "set the option `token`");
    assert!(out.deferred().is_empty());
}

#[test]
fn where_nothing_can_be_deferred_it_is_only_told() {
    let charm = Scenario::<Signer>::new();
    let out = charm.run(stop(), &state().with_secret(secret())).unwrap();
    assert!(blocked(&out.state).starts_with("grant me the secret of option `token`"));
    assert!(out.deferred().is_empty());
    let out = charm.run_action(Restart {}, &state().with_secret(secret()));
    let said = format!("{out:?}");
    assert!(said.contains("grant me the secret of option `token`"), "{said}");
}
