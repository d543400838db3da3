//! How fast a data set turns into batches: `cargo run --release --example loader -- DATA [workers] [size]`.
//!
//! One line of JSON per way: every image decoded anew, and from memory after the first epoch.

use gan_data::{Batches, DataSet, Options, Sampling};
use std::sync::Arc;
use std::time::Instant;

const BATCH: usize = 64;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let spec = arguments.next().unwrap_or_else(|| gan_data::DEFAULT.to_owned());
    let workers = arguments.next().map_or(Ok(1), |text| text.parse())?;
    let size = arguments.next().map(|text| text.parse()).transpose()?;
    for (way, memory) in [("decode", 0), ("memory", 2 << 30)] {
        // What is raw to begin with has nothing to decode.
        let memory = if way == "decode" && !std::path::Path::new(&spec).exists() { 2 << 30 } else { memory };
        let opening = Instant::now();
        let data =
            Arc::new(DataSet::open(&spec, &Options { size, mirror: true, memory, ..Options::default() })?);
        let open_seconds = opening.elapsed().as_secs_f64();
        let sampling = Sampling { workers, ..Sampling::new(BATCH.min(data.len()), 0) };
        let mut batches = Batches::new(Arc::clone(&data), sampling)?;
        let epoch = data.len().div_ceil(sampling.batch);
        for _ in 0..epoch {
            batches.next()?;
        }
        let start = Instant::now();
        let (mut drawn, mut checksum) = (0usize, 0u64);
        while start.elapsed().as_secs_f64() < 3.0 {
            checksum = checksum.wrapping_add(
                batches.next()?.images.iter().step_by(997).map(|value| u64::from(*value)).sum(),
            );
            drawn += 1;
        }
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{{\"way\":\"{way}\",\"workers\":{workers},\"images\":{},\"size\":{},\"open_seconds\":{open_seconds:.3},\
             \"images_per_second\":{:.0},\"microseconds_per_batch\":{:.1},\"checksum\":{checksum}}}",
            data.len(),
            data.height(),
            (drawn * sampling.batch) as f64 / seconds,
            seconds / drawn as f64 * 1e6,
        );
    }
    Ok(())
}
