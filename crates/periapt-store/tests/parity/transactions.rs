use std::sync::Arc;
use std::thread;

use periapt_store::{Key, KeyRange, Options, Revision, Txn, TxnError};

use crate::Opener;

pub(crate) fn an_empty_store_is_at_revision_one(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    assert_eq!(fixture.head(), Revision::INITIAL);
    assert_eq!(fixture.store.range(KeyRange::all().into()).wait().unwrap().revision, Revision(1));
    assert!(fixture.all_keys().is_empty());
    assert_eq!(fixture.get("a"), None);
}

pub(crate) fn entries_carry_their_revisions(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    assert_eq!(fixture.put("a", "1"), Revision(2));
    fixture.put("b", "1");
    assert_eq!(fixture.put("a", "2"), Revision(4));
    let entry = fixture.get("a").unwrap();
    assert_eq!(&*entry.value, b"2");
    assert_eq!((entry.create_revision, entry.mod_revision, entry.version), (Revision(2), Revision(4), 2));
    fixture.commit(Txn::new().delete("a"));
    assert_eq!(fixture.get("a"), None);
    fixture.put("a", "3");
    let entry = fixture.get("a").unwrap();
    assert_eq!((entry.create_revision, entry.mod_revision, entry.version), (Revision(6), Revision(6), 1));
}

pub(crate) fn a_failed_compare_changes_nothing(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let read = fixture.put("a", "1");
    fixture.put("b", "1");
    let written = fixture.put("a", "2");
    let result = fixture
        .try_commit(Txn::new().require("b", Revision(3)).require("a", read).put("a", *b"3").put("c", *b"3"));
    let Err(TxnError::Conflict { key, expected, actual }) = result else { panic!("{result:?}") };
    assert_eq!((key, expected, actual), (Key::from("a"), read, written));
    assert_eq!(fixture.head(), written);
    assert_eq!(fixture.all_keys(), ["a", "b"]);
    assert_eq!(&*fixture.get("a").unwrap().value, b"2");
    fixture.commit(Txn::new().require("a", written).put("a", *b"3"));
}

pub(crate) fn absence_can_be_required(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    fixture.commit(Txn::new().require_absent("a").put("a", *b"1"));
    let again = fixture.try_commit(Txn::new().require_absent("a").put("a", *b"2"));
    assert!(matches!(again, Err(TxnError::Conflict { actual: Revision(2), .. })), "{again:?}");
    let gone = fixture.try_commit(Txn::new().require("b", Revision(2)).put("b", *b"1"));
    assert!(matches!(gone, Err(TxnError::Conflict { actual: Revision::ABSENT, .. })), "{gone:?}");
    fixture.commit(Txn::new().delete("a"));
    fixture.commit(Txn::new().require_absent("a").put("a", *b"2"));
}

pub(crate) fn what_changes_nothing_makes_no_revision(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let head = fixture.put("a", "1");
    assert_eq!(fixture.commit(Txn::new()), head);
    assert_eq!(fixture.commit(Txn::new().require("a", head)), head);
    assert_eq!(fixture.commit(Txn::new().delete("b").delete_prefix("x/")), head);
    assert_eq!(fixture.head(), head);
    // The same value again is a change.
    assert_eq!(fixture.put("a", "1"), head.next());
}

pub(crate) fn a_transaction_is_one_revision(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    fixture.put("c", "1");
    let revision = fixture.commit(Txn::new().put("a", *b"1").put("b", *b"1").delete("c"));
    assert_eq!(fixture.all_keys(), ["a", "b"]);
    assert_eq!(fixture.get("a").unwrap().mod_revision, revision);
    assert_eq!(fixture.get("b").unwrap().mod_revision, revision);
}

pub(crate) fn the_last_write_to_a_key_counts(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    fixture.put("p/old", "1");
    fixture.put("p/kept", "1");
    fixture.commit(
        Txn::new()
            .put("p/before", *b"x")
            .delete_prefix("p/")
            .put("p/kept", *b"2")
            .put("q", *b"1")
            .put("q", *b"2")
            .put("r", *b"1")
            .delete("r"),
    );
    assert_eq!(fixture.all_keys(), ["p/kept", "q"]);
    let kept = fixture.get("p/kept").unwrap();
    assert_eq!((kept.create_revision, kept.version), (Revision(3), 2), "overwritten, not made anew");
    let q = fixture.get("q").unwrap();
    assert_eq!((&*q.value, q.version), (&b"2"[..], 1));
}

pub(crate) fn deletes_take_prefixes_and_ranges(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let keys = ["j", "j/1", "j/2", "j/3", "j/4", "j0", "k"];
    fixture.commit(keys.iter().fold(Txn::new(), |txn, key| txn.put(*key, *b"v")));
    fixture.commit(Txn::new().delete_range(KeyRange::between("j/2", "j/4")));
    assert_eq!(fixture.all_keys(), ["j", "j/1", "j/4", "j0", "k"]);
    fixture.commit(Txn::new().delete_prefix("j/"));
    assert_eq!(fixture.all_keys(), ["j", "j0", "k"]);
    fixture.commit(Txn::new().delete_range(KeyRange::from_key("j0")));
    assert_eq!(fixture.all_keys(), ["j"]);
    fixture.commit(Txn::new().delete_range(KeyRange::between("z", "a")));
    assert_eq!(fixture.all_keys(), ["j"]);
    fixture.commit(Txn::new().delete_prefix(""));
    assert!(fixture.all_keys().is_empty());
}

pub(crate) fn the_empty_key_is_refused(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let result = fixture.try_commit(Txn::new().put("a", *b"1").put("", *b"1"));
    assert!(matches!(result, Err(TxnError::EmptyKey)), "{result:?}");
    assert!(fixture.all_keys().is_empty());
    // It can be asked for, and is not there.
    fixture.commit(Txn::new().require_absent("").delete("").put("a", *b"1"));
    assert_eq!(fixture.get(""), None);
}

pub(crate) fn any_bytes_are_keys_and_values(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let keys: [&[u8]; 6] = [b"\0", b"\0\0", b"a\0", b"a\xff", b"\xff", b"\xff\xff"];
    for key in keys.iter().rev() {
        fixture.commit(Txn::new().put(*key, *key));
    }
    fixture.commit(Txn::new().put("empty", []));
    let all = fixture.store.range(KeyRange::all().into()).wait().unwrap().entries;
    let found: Vec<&[u8]> = all.iter().map(|entry| entry.key.as_bytes()).collect();
    assert_eq!(found, [b"\0", &b"\0\0"[..], b"a\0", b"a\xff", b"empty", b"\xff", b"\xff\xff"]);
    assert!(all.iter().all(|entry| entry.key.as_bytes() == &*entry.value || entry.value.is_empty()));
}

pub(crate) fn large_values_come_back(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let value: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    fixture.commit(Txn::new().put("large", value.clone()));
    assert!(*fixture.get("large").unwrap().value == value[..]);
}

pub(crate) fn the_order_of_submit_is_the_order_of_commit(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    // Each depends on the one before, and none is waited for.
    let pending: Vec<_> = (1..=500_u64)
        .map(|n| {
            let read = if n == 1 { Revision::ABSENT } else { Revision(n) };
            fixture.store.submit(Txn::new().require("last", read).put("last", n.to_string().into_bytes()))
        })
        .collect();
    for (n, pending) in (2..).zip(pending) {
        assert_eq!(pending.wait().unwrap().revision, Revision(n));
    }
    assert_eq!(&*fixture.get("last").unwrap().value, b"500");
}

pub(crate) fn concurrent_counters_lose_nothing(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    fixture.put("counter", "0");
    thread::scope(|scope| {
        for _ in 0..8 {
            let store = Arc::clone(&fixture.store);
            scope.spawn(move || {
                let mut done = 0;
                while done < 25 {
                    let entry = store.get(&Key::from("counter")).wait().unwrap().unwrap();
                    let count: u32 = String::from_utf8_lossy(&entry.value).parse().unwrap();
                    let txn = Txn::new()
                        .require("counter", entry.mod_revision)
                        .put("counter", (count + 1).to_string().into_bytes());
                    match store.submit(txn).wait() {
                        Ok(_) => done += 1,
                        Err(TxnError::Conflict { .. }) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    assert_eq!(&*fixture.get("counter").unwrap().value, b"200");
    assert_eq!(fixture.head(), Revision(202));
}

pub(crate) fn an_answer_can_be_ignored(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    drop(fixture.store.submit(Txn::new().put("a", *b"1")));
    assert_eq!(fixture.put("b", "1"), Revision(3));
    assert_eq!(fixture.all_keys(), ["a", "b"]);
}
