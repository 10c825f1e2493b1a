//! Durable commits per second: one writer that waits for each of its commits, and 64 of them at once, which share
//! commits. Each transaction has the shape of a hook's: a compare, a few entities, a journal record.
//!
//! The floor is what the disk can do: a write of one page and an fsync, over and over.
#![allow(missing_docs)] // Criterion's macros make undocumented functions.

use std::fs::File;
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use periapt_store::{Revision, Sqlite, Store, Txn};

const ENTITY: [u8; 300] = [b'e'; 300];
const RECORD: [u8; 1200] = [b'j'; 1200];

/// Where the store goes: a folder on a real disk, not one in memory.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("cannot make a folder")
}

/// Commits `commits` transactions in a row as one unit.
async fn unit(store: Arc<dyn Store>, unit: u64, sequence: Arc<AtomicU64>, commits: u64) {
    let key = format!("model/unit/{unit:03}");
    let entry = store.get(&key.as_str().into()).await.expect("cannot read");
    let mut read = entry.map_or(Revision::ABSENT, |entry| entry.mod_revision);
    for _ in 0..commits {
        let record = sequence.fetch_add(1, Ordering::Relaxed);
        let txn = Txn::new()
            .require(key.as_str(), read)
            .put(key.as_str(), ENTITY)
            .put(format!("{key}/local"), ENTITY)
            .put(format!("journal/model/{record:012}"), RECORD);
        read = store.submit(txn).await.expect("cannot commit").revision;
    }
}

fn commits(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .build()
        .expect("cannot start a runtime");
    let mut group = criterion.benchmark_group("durable commits");
    group.measurement_time(Duration::from_secs(5)).sample_size(20);
    for writers in [1_u64, 64] {
        let folder = folder();
        let store: Arc<dyn Store> =
            Arc::new(Sqlite::open(folder.path().join("store.db")).expect("cannot open"));
        let sequence = Arc::new(AtomicU64::new(0));
        group.throughput(Throughput::Elements(writers));
        group.bench_function(BenchmarkId::new("writers", writers), |bencher| {
            bencher.iter_custom(|rounds| {
                runtime.block_on(async {
                    let start = Instant::now();
                    let tasks: Vec<_> = (0..writers)
                        .map(|n| {
                            let (store, sequence) = (Arc::clone(&store), Arc::clone(&sequence));
                            tokio::spawn(unit(store, n, sequence, rounds))
                        })
                        .collect();
                    for task in tasks {
                        task.await.expect("a writer panicked");
                    }
                    start.elapsed()
                })
            });
        });
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("floor: write and fsync of one page", |bencher| {
        let folder = folder();
        bencher.iter_custom(|rounds| floor(folder.path(), rounds));
    });
    group.finish();
}

fn floor(folder: &Path, rounds: u64) -> Duration {
    let mut file = File::create(folder.join("floor")).expect("cannot create");
    let page = [7; 4096];
    let pages = 1000;
    for _ in 0..pages {
        file.write_all(&page).expect("cannot write");
    }
    file.sync_all().expect("cannot sync");
    let start = Instant::now();
    for round in 0..rounds {
        if round % pages == 0 {
            file.rewind().expect("cannot seek");
        }
        file.write_all(&page).expect("cannot write");
        file.sync_data().expect("cannot sync");
    }
    start.elapsed()
}

criterion_group!(benches, commits);
criterion_main!(benches);
