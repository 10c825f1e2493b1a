use std::time::Duration;

use periapt_store::{
    Changes, CompactError, Event, HistoryLimits, KeyRange, Options, Revision, StoreError, Txn, Watch,
    WatchError,
};

use crate::{Fixture, Opener};

/// How long a test waits for what must come, before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a future, which must end.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
        .block_on(async { tokio::time::timeout(PATIENCE, future).await.unwrap() })
}

pub(crate) fn watch(fixture: &Fixture, range: KeyRange, from: u64) -> Watch {
    fixture.store.watch(range, Revision(from)).wait().unwrap()
}

/// The next changes as text: the revision, and each key with `+` (put) or `-` (deleted).
pub(crate) fn next(watch: &mut Watch) -> String {
    describe(&block_on(watch.next()).unwrap())
}

fn describe(changes: &Changes) -> String {
    let mut text = changes.revision.to_string();
    for event in &changes.events {
        assert_eq!(event.revision(), changes.revision);
        let sign = if matches!(event, Event::Put(_)) { '+' } else { '-' };
        text.push_str(&format!(" {sign}{}", event.key()));
    }
    text
}

fn compacted(result: Result<impl std::fmt::Debug, WatchError>) -> Revision {
    match result {
        Err(WatchError::Compacted { oldest }) => oldest,
        other => panic!("not compacted: {other:?}"),
    }
}

pub(crate) fn changes_come_in_order_from_a_revision(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    fixture.put("a", "1");
    fixture.put("b", "1");
    fixture.commit(Txn::new().delete("a"));
    let mut all = watch(&fixture, KeyRange::all(), 2);
    let mut late = watch(&fixture, KeyRange::all(), 4);
    fixture.put("a", "2");
    for expected in ["2 +a", "3 +b", "4 -a", "5 +a"] {
        assert_eq!(next(&mut all), expected);
    }
    assert_eq!(all.try_next().unwrap(), None);
    assert_eq!(next(&mut late), "4 -a");
    let Event::Put(entry) = block_on(late.next()).unwrap().events.remove(0) else { panic!() };
    assert_eq!(Some(entry), fixture.get("a"), "the event carries the whole entry");
}

pub(crate) fn a_watch_sees_its_range_only(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let mut watch = watch(&fixture, KeyRange::prefix("b/"), 2);
    fixture.put("a", "1");
    fixture.commit(Txn::new().put("b", *b"1").put("b/1", *b"1").put("c", *b"1"));
    fixture.put("b0", "1");
    fixture.commit(Txn::new().delete_prefix("b"));
    assert_eq!(next(&mut watch), "3 +b/1");
    assert_eq!(next(&mut watch), "5 -b/1");
    assert_eq!(watch.try_next().unwrap(), None);
}

pub(crate) fn a_revision_comes_whole_and_in_the_order_of_keys(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    fixture.commit(Txn::new().put("old/2", *b"1").put("old/1", *b"1").put("kept", *b"1"));
    let mut watch = watch(&fixture, KeyRange::all(), 3);
    fixture.commit(
        Txn::new()
            .put("z", *b"1")
            .put("a", *b"1")
            .put("gone", *b"1")
            .delete("gone")
            .delete_prefix("old/")
            .delete("kept")
            .put("kept", *b"2"),
    );
    assert_eq!(next(&mut watch), "3 +a +kept -old/1 -old/2 +z");
}

pub(crate) fn a_watch_can_be_resumed(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    for n in 0..10 {
        fixture.put("a", &n.to_string());
    }
    let mut first = watch(&fixture, KeyRange::all(), 2);
    let mut last = Revision::ABSENT;
    for _ in 0..4 {
        last = block_on(first.next()).unwrap().revision;
    }
    drop(first);
    let mut second = watch(&fixture, KeyRange::all(), last.next().0);
    for revision in 6..=11 {
        assert_eq!(next(&mut second), format!("{revision} +a"));
    }
}

pub(crate) fn a_watch_waits_for_what_comes(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let mut quiet = watch(&fixture, KeyRange::prefix("quiet/"), 2);
    let mut noisy = watch(&fixture, KeyRange::all(), 2);
    let seen = block_on(async {
        let waiting = async { (quiet.next().await.unwrap(), noisy.next().await.unwrap()) };
        let writing = async {
            for n in 0..50 {
                fixture.store.submit(Txn::new().put(format!("noise/{n}"), [])).await.unwrap();
                tokio::task::yield_now().await;
            }
            fixture.store.submit(Txn::new().put("quiet/1", [])).await.unwrap();
        };
        tokio::join!(waiting, writing).0
    });
    assert_eq!(describe(&seen.0), "52 +quiet/1");
    assert_eq!(describe(&seen.1), "2 +noise/0");
    // A watch that was given up while it waited has lost nothing.
    block_on(async {
        let waited = tokio::time::timeout(Duration::ZERO, quiet.next()).await;
        assert!(waited.is_err());
    });
    fixture.put("quiet/2", "");
    assert_eq!(next(&mut quiet), "53 +quiet/2");
}

pub(crate) fn a_watch_can_begin_in_the_future(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let mut watch = watch(&fixture, KeyRange::all(), 4);
    for key in ["a", "b", "c"] {
        fixture.put(key, "1");
    }
    assert_eq!(next(&mut watch), "4 +c");
}

pub(crate) fn compacted_revisions_cannot_be_watched(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    for key in ["a", "b", "c", "d"] {
        fixture.put(key, "1");
    }
    fixture.store.compact(Revision(3)).wait().unwrap();
    let from = |revision| fixture.store.watch(KeyRange::all(), Revision(revision)).wait();
    assert_eq!(compacted(from(0)), Revision(4));
    assert_eq!(compacted(from(3)), Revision(4));
    assert_eq!(next(&mut from(4).unwrap()), "4 +c");
    assert_eq!(fixture.all_keys(), ["a", "b", "c", "d"], "values are untouched");
    // Again, or further back, does nothing; up to the head is allowed.
    fixture.store.compact(Revision(2)).wait().unwrap();
    assert_eq!(next(&mut from(4).unwrap()), "4 +c");
    fixture.store.compact(Revision(5)).wait().unwrap();
    assert_eq!(compacted(from(5)), Revision(6));
    let mut head = from(6).unwrap();
    fixture.put("e", "1");
    assert_eq!(next(&mut head), "6 +e");
}

pub(crate) fn compaction_overtakes_a_slow_watch(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let mut slow = watch(&fixture, KeyRange::prefix("a"), 2);
    let mut done = watch(&fixture, KeyRange::prefix("a"), 2);
    let mut other = watch(&fixture, KeyRange::prefix("b"), 2);
    for n in 0..4 {
        fixture.put("a", &n.to_string());
        assert_eq!(next(&mut done), format!("{} +a", n + 2));
    }
    assert_eq!(next(&mut slow), "2 +a");
    fixture.store.compact(Revision(4)).wait().unwrap();
    assert_eq!(compacted(slow.try_next()), Revision(5));
    fixture.commit(Txn::new().put("a", *b"9").put("b", *b"9"));
    assert_eq!(compacted(block_on(slow.next())), Revision(5), "it does not come back to life");
    assert_eq!(next(&mut done), "6 +a");
    assert_eq!(next(&mut other), "6 +b");
}

pub(crate) fn only_the_past_can_be_compacted(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    fixture.put("a", "1");
    let result = fixture.store.compact(Revision(3)).wait();
    assert!(matches!(result, Err(CompactError::Future { head: Revision(2) })), "{result:?}");
    assert_eq!(next(&mut watch(&fixture, KeyRange::all(), 2)), "2 +a");
}

pub(crate) fn a_bounded_history_forgets(opener: &dyn Opener) {
    let history = HistoryLimits { events: 10, bytes: usize::MAX };
    let fixture = opener.open(Options { history, ..Options::default() });
    for n in 0..30 {
        fixture.put("a", &n.to_string());
    }
    let oldest = compacted(fixture.store.watch(KeyRange::all(), Revision(2)).wait());
    assert_eq!(oldest, Revision(22));
    assert_eq!(next(&mut watch(&fixture, KeyRange::all(), oldest.0)), "22 +a");
}

pub(crate) fn a_large_deletion_is_seen_whole(opener: &dyn Opener) {
    let history = HistoryLimits { events: 10, bytes: 100 };
    let fixture = opener.open(Options { history, ..Options::default() });
    let txn = (0..1000).fold(Txn::new(), |txn, n| txn.put(format!("journal/{n:04}"), *b"record"));
    fixture.commit(txn);
    let mut watch = watch(&fixture, KeyRange::all(), 3);
    fixture.commit(Txn::new().delete_prefix("journal/"));
    let changes = block_on(watch.next()).unwrap();
    assert_eq!(changes.events.len(), 1000);
    assert!(changes.events.iter().all(|event| matches!(event, Event::Delete { .. })));
}

/// Readers that start at any moment between commits see each key exactly once: in the range, or in the watch.
pub(crate) fn range_then_watch_misses_nothing(opener: &dyn Opener) {
    const KEYS: u64 = 300;
    let fixture = opener.open(Options::default());
    std::thread::scope(|scope| {
        let store = &fixture.store;
        scope.spawn(move || {
            let pending: Vec<_> =
                (0..KEYS).map(|n| store.submit(Txn::new().put(format!("{n:03}"), []))).collect();
            for pending in pending {
                pending.wait().unwrap();
            }
        });
        for _ in 0..4 {
            scope.spawn(move || {
                let read = store.range(KeyRange::all().into()).wait().unwrap();
                let mut watch = store.watch(KeyRange::all(), read.revision.next()).wait().unwrap();
                let mut seen = read.entries.len() as u64;
                assert_eq!(read.revision.0, seen + 1);
                while seen < KEYS {
                    let changes = block_on(watch.next()).unwrap();
                    seen += 1;
                    assert_eq!(changes.revision.0, seen + 1);
                }
            });
        }
    });
}

pub(crate) fn closing_ends_a_watch(opener: &dyn Opener) {
    let fixture = opener.open(Options::default());
    let mut watch = watch(&fixture, KeyRange::all(), 2);
    drop(fixture.store.submit(Txn::new().put("a", *b"1")));
    drop(fixture);
    assert_eq!(next(&mut watch), "2 +a");
    let end = block_on(watch.next());
    assert!(matches!(end, Err(WatchError::Store(StoreError::Closed))), "{end:?}");
}
