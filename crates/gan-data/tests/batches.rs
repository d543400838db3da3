//! Order, resuming, sharing and mirroring: what is shown is a function of the seed and nothing else.

mod common;

use common::{gradient, idx, numbered_folder, open, options, put, put_png, truncated_jpeg};
use gan_data::{Batch, Batches, DataSet, Options, Sampling};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::tempdir;

fn draw(data: &Arc<DataSet>, sampling: Sampling, count: usize) -> Vec<Batch> {
    let mut batches = Batches::new(Arc::clone(data), sampling).expect("batches");
    (0..count).map(|_| batches.next().expect("batch").clone()).collect()
}

fn labelled_folder(folder: &Path) {
    for number in 0..23 {
        put_png(
            &folder.join(format!("{}/{number:02}.png", ["a", "b", "c"][number % 3])),
            &gradient(12, 12, number as u32),
        );
    }
}

#[test]
fn neither_workers_nor_memory_change_the_batches() {
    let folder = tempdir().expect("folder");
    labelled_folder(folder.path());
    put(&folder.path().join("b/05a.jpg"), &truncated_jpeg());
    let mut results = Vec::new();
    for memory in [0, 7 * 3 * 64, 1 << 20] {
        for workers in [1, 2, 5] {
            let data =
                Arc::new(open(folder.path(), &Options { memory, mirror: true, ..options(8) }).expect("open"));
            results.push(draw(&data, Sampling { workers, ..Sampling::new(7, 11) }, 12));
        }
    }
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]));
    assert_ne!(results[0][0], results[0][1]);
}

#[test]
fn batches_of_many_pieces_come_in_order() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 50, 4);
    let data = Arc::new(open(folder.path(), &Options::default()).expect("open"));
    // 50 images in pieces of 16: each batch is one epoch.
    for batch in draw(&data, Sampling { workers: 3, ..Sampling::new(50, 4) }, 4) {
        let mut seeds: Vec<u8> = batch.images.chunks(48).map(|image| image[32]).collect();
        seeds.sort_unstable();
        let mut expected: Vec<u8> = (0..50u32).map(|number| (number * 37 % 256) as u8).collect();
        expected.sort_unstable();
        assert_eq!(seeds, expected);
    }
}

#[test]
fn seeking_is_exact_forwards_and_backwards() {
    let folder = tempdir().expect("folder");
    labelled_folder(folder.path());
    let files = Arc::new(open(folder.path(), &Options { mirror: true, ..options(8) }).expect("open"));
    let raw_path = folder.path().join("images-idx3-ubyte");
    put(&raw_path, &idx(&[40, 6, 6], &(0..40 * 36).map(|at| (at / 7) as u8).collect::<Vec<_>>()));
    let raw = Arc::new(open(&raw_path, &Options { mirror: true, ..options(6) }).expect("open"));
    for data in [files, raw] {
        let sampling = Sampling { workers: 2, ..Sampling::new(5, 3) };
        let all = draw(&data, sampling, 20);
        let mut batches = Batches::new(Arc::clone(&data), sampling).expect("batches");
        for position in [13, 2, 2, 19, 0, 7, 8, 9, 1] {
            batches.seek(position as u64);
            assert_eq!(batches.position(), position as u64);
            assert_eq!(*batches.next().expect("batch"), all[position], "batch {position}");
        }
    }
}

#[test]
fn labels_stay_with_their_images() {
    let folder = tempdir().expect("folder");
    labelled_folder(folder.path());
    put(&folder.path().join("a/01.jpg"), &truncated_jpeg());
    let data = Arc::new(open(folder.path(), &options(12)).expect("open"));
    assert_eq!(data.classes(), ["a", "b", "c"]);
    for batch in draw(&data, Sampling::new(10, 1), 10) {
        assert_eq!((batch.images.len(), batch.labels.len()), (10 * 3 * 144, 10));
        for (image, label) in batch.images.chunks(3 * 144).zip(&batch.labels) {
            let number =
                (0..23).find(|number| (number * 37 % 256) as u8 == image[2 * 144]).expect("one of ours");
            assert_eq!(*label, i64::from(number % 3));
        }
    }
}

#[test]
fn ranks_take_disjoint_shares_of_what_one_process_would_draw() {
    let folder = tempdir().expect("folder");
    labelled_folder(folder.path());
    let data = Arc::new(open(folder.path(), &Options { mirror: true, ..options(8) }).expect("open"));
    let alone = draw(&data, Sampling::new(6, 5), 8);
    let ranks = [0, 1, 2].map(|rank| draw(&data, Sampling { rank, world: 3, ..Sampling::new(2, 5) }, 8));
    for (step, whole) in alone.iter().enumerate() {
        let images = ranks.iter().flat_map(|rank| rank[step].images.clone()).collect::<Vec<_>>();
        let labels = ranks.iter().flat_map(|rank| rank[step].labels.clone()).collect::<Vec<_>>();
        assert_eq!(Batch { images, labels, attributes: Vec::new() }, *whole);
    }
}

#[test]
fn mirroring_flips_about_half_and_not_always_the_same() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 16, 8);
    let data = Arc::new(open(folder.path(), &Options { mirror: true, ..options(8) }).expect("open"));
    let plain = Arc::new(open(folder.path(), &options(8)).expect("open"));
    let mut flips = Vec::new();
    for (mirrored, plain) in
        draw(&data, Sampling::new(16, 2), 40).iter().zip(draw(&plain, Sampling::new(16, 2), 40))
    {
        for (mirrored, plain) in mirrored.images.chunks(8).zip(plain.images.chunks(8)).step_by(24) {
            let reversed: Vec<u8> = plain.iter().rev().copied().collect();
            assert!(mirrored == plain || mirrored == reversed);
            flips.push(mirrored != plain);
        }
    }
    let flipped = flips.iter().filter(|flip| **flip).count();
    assert!((250..390).contains(&flipped), "{flipped} of {}", flips.len());
}

#[test]
fn dropping_never_waits_and_leaves_no_thread_behind() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 40, 32);
    let data = Arc::new(open(folder.path(), &options(32)).expect("open"));
    for draws in [0, 1, 3] {
        let mut batches = Batches::new(Arc::clone(&data), Sampling { workers: 4, ..Sampling::new(32, 0) })
            .expect("batches");
        (0..draws).for_each(|_| drop(batches.next().expect("batch").clone()));
        let start = Instant::now();
        drop(batches);
        assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    }
    let start = Instant::now();
    while Arc::strong_count(&data) > 1 {
        assert!(start.elapsed() < Duration::from_secs(10), "a worker still holds the data");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn files_that_vanish_while_training_are_passed_over() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 6, 8);
    let data = Arc::new(open(folder.path(), &options(8)).expect("open"));
    std::fs::remove_file(folder.path().join("00003.png")).expect("remove");
    draw(&data, Sampling::new(6, 0), 2);
    let broken = data.broken();
    assert_eq!(broken.len(), 1);
    assert!(broken[0].why.contains("no such file"), "{}", broken[0].why);
}
