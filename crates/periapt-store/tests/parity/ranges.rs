use periapt_store::{KeyRange, Options, Query, Revision, Txn};

use crate::{Fixture, Opener};

fn letters(opener: &dyn Opener) -> Fixture {
    let fixture = opener.open(Options::default());
    let keys = ["a", "b", "b/1", "b/2", "c", "d"];
    fixture.commit(keys.iter().fold(Txn::new(), |txn, key| txn.put(*key, *b"value")));
    fixture
}

pub(crate) fn a_range_has_bounds(opener: &dyn Opener) {
    let fixture = letters(opener);
    let keys = |range: KeyRange| fixture.keys(range).0;
    assert_eq!(keys(KeyRange::all()), ["a", "b", "b/1", "b/2", "c", "d"]);
    assert_eq!(keys(KeyRange::prefix("b")), ["b", "b/1", "b/2"]);
    assert_eq!(keys(KeyRange::prefix("b/")), ["b/1", "b/2"]);
    assert_eq!(keys(KeyRange::key("b")), ["b"]);
    assert_eq!(keys(KeyRange::between("b", "c")), ["b", "b/1", "b/2"]);
    assert_eq!(keys(KeyRange::from_key("b/2")), ["b/2", "c", "d"]);
    assert!(keys(KeyRange::between("c", "a")).is_empty());
    assert!(keys(KeyRange::between("c", "c")).is_empty());
    assert!(keys(KeyRange::prefix("x")).is_empty());
}

pub(crate) fn a_range_can_be_read_page_by_page(opener: &dyn Opener) {
    let fixture = letters(opener);
    let mut start = KeyRange::all().start().clone();
    let mut pages = Vec::new();
    loop {
        let query = Query::new(KeyRange::from_key(start.clone())).limit(2);
        let page = fixture.store.range(query).wait().unwrap();
        if let Some(last) = page.entries.last() {
            start = last.key.successor();
        }
        pages.push(page.entries.iter().map(|entry| entry.key.to_string()).collect::<Vec<_>>());
        if !page.more {
            break;
        }
    }
    assert_eq!(pages, [["a", "b"], ["b/1", "b/2"], ["c", "d"]]);
    assert_eq!(fixture.keys(Query::new(KeyRange::all()).limit(0)), (vec![], true));
    assert_eq!(fixture.keys(Query::new(KeyRange::prefix("x")).limit(0)), (vec![], false));
    assert_eq!(fixture.keys(Query::new(KeyRange::all()).limit(usize::MAX)).0.len(), 6);
}

pub(crate) fn a_range_can_be_read_backwards(opener: &dyn Opener) {
    let fixture = letters(opener);
    let backwards = |range| fixture.keys(Query::new(range).reverse().limit(2));
    assert_eq!(backwards(KeyRange::all()), (vec!["d".into(), "c".into()], true));
    assert_eq!(backwards(KeyRange::prefix("b/")), (vec!["b/2".into(), "b/1".into()], false));
    assert_eq!(backwards(KeyRange::between("c", "a")), (vec![], false));
}

pub(crate) fn keys_can_be_read_without_values(opener: &dyn Opener) {
    let fixture = letters(opener);
    let query = Query::new(KeyRange::prefix("b")).keys_only();
    let entries = fixture.store.range(query).wait().unwrap().entries;
    assert_eq!(entries.len(), 3);
    assert!(entries.iter().all(|entry| entry.value.is_empty()));
    assert!(entries.iter().all(|entry| entry.mod_revision == Revision(2) && entry.version == 1));
}

pub(crate) fn a_range_tells_its_revision(opener: &dyn Opener) {
    let fixture = letters(opener);
    let revision = fixture.put("elsewhere", "1");
    let result = fixture.store.range(KeyRange::prefix("b").into()).wait().unwrap();
    assert_eq!(result.revision, revision);
}
