//! Batches of 64 out of a folder of 2,000 PNGs of 64x64: decoded every time, and kept in memory as by default.
//!
//! `cargo bench --bench loader`.

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gan_core::data::Source;
use gan_data::{DataSet, ImageSource, Options, Sampling};
use tch::Device;

#[path = "peer/src/photos.rs"]
mod photos;

fn folder(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder for the pictures");
    photos::make(folder.path(), 2000, 64).expect("pictures");
    let spec = folder.path().to_str().expect("a path in UTF-8");
    let mut group = criterion.benchmark_group("folder of PNGs");
    group.throughput(Throughput::Elements(64)).measurement_time(Duration::from_secs(8));
    for (name, memory) in [("decoding", 0), ("kept in memory", 2 << 30)] {
        let options = Options { size: Some(64), mirror: true, memory, ..Options::default() };
        let data = Arc::new(DataSet::open(spec, &options).expect("a data set"));
        let mut source = ImageSource::new(data, Sampling::new(64, 1), Device::Cpu).expect("a source");
        // The first epoch decodes in either case.
        for _ in 0..32 {
            source.next().expect("a batch");
        }
        group.bench_function(name, |bencher| bencher.iter(|| source.next().expect("a batch")));
    }
    group.finish();
}

criterion_group!(benches, folder);
criterion_main!(benches);
