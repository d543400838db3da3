//! Pairs: how they are found, that both sides are shown alike, and what is said about those that are none.

mod common;

use common::{cmyk_jpeg, encode, options, put, put_png, sentence, solid, truncated_png, turned, zip};
use gan_data::{Fit, Options, PairedSet, Pairs};
use image::{DynamicImage, GenericImage, ImageFormat, Rgb, RgbImage};
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::{TempDir, tempdir};

const OWN: [Option<u32>; 2] = [None, None];

fn text(path: &Path) -> &str {
    path.to_str().expect("utf-8 path")
}

/// Red is the column, green the row, blue the seed; of side B, everything plus 100.
fn side(width: u32, height: u32, seed: u8, is_b: bool) -> DynamicImage {
    let more = 100 * u8::from(is_b);
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        Rgb([x as u8 + more, y as u8 + more, seed + more])
    }))
}

fn beside(a: &DynamicImage, b: &DynamicImage) -> DynamicImage {
    let mut both = DynamicImage::new_rgb8(a.width() + b.width(), a.height());
    both.copy_from(a, 0, 0).expect("room");
    both.copy_from(b, a.width(), 0).expect("room");
    both
}

fn two_folders(count: u8, width: u32, height: u32) -> TempDir {
    let folder = tempdir().expect("folder");
    for seed in 0..count {
        for (name, is_b) in [("A", false), ("B", true)] {
            put_png(&folder.path().join(format!("{name}/{seed:02}.png")), &side(width, height, seed, is_b));
        }
    }
    folder
}

fn open(folder: &Path, options: &Options) -> gan_data::Result<PairedSet> {
    PairedSet::open(text(&folder.join("A")), text(&folder.join("B")), options, OWN)
}

fn refused(result: gan_data::Result<impl Sized>) -> String {
    match result {
        Ok(_) => panic!("must be refused"),
        Err(error) => sentence(error),
    }
}

fn says(text: &str, parts: &[&str]) {
    parts.iter().for_each(|part| assert!(text.contains(part), "`{part}` is missing in: {text}"));
}

/// The seeds of the pairs that can be looked at; both sides must be of the same pair.
fn seeds(pairs: &PairedSet) -> Vec<u8> {
    let plane = (pairs.a().width() * pairs.a().height()) as usize;
    let of = |(a, b): (Vec<u8>, Vec<u8>)| {
        assert_eq!(b[2 * plane], a[2 * plane] + 100);
        a[2 * plane]
    };
    pairs.samples(pairs.len()).expect("samples").into_iter().map(of).collect()
}

#[test]
fn names_are_matched_by_stem_in_folders_and_zips() {
    let folder = tempdir().expect("folder");
    for seed in 0..4u8 {
        put_png(&folder.path().join(format!("A/x/{seed}.png")), &side(6, 6, seed, false));
        put(
            &folder.path().join(format!("B/x/{seed}.bmp")),
            &encode(&side(6, 6, seed, true), ImageFormat::Bmp),
        );
    }
    let pairs = open(folder.path(), &Options { strict: true, ..Options::default() }).expect("pairs");
    assert_eq!((pairs.len(), seeds(&pairs)), (4, vec![0, 1, 2, 3]));
    says(&pairs.describe(), &["A and ", ": 4 pairs, A 6 x 6 x 3, B 6 x 6 x 3"]);
    // Emoji are who they are with and without U+FE0F.
    put_png(&folder.path().join("A/x/2639-fe0f.png"), &side(6, 6, 4, false));
    put_png(&folder.path().join("B/x/2639.png"), &side(6, 6, 4, true));
    let pairs = open(folder.path(), &Options { strict: true, ..Options::default() }).expect("pairs");
    assert_eq!(pairs.len(), 5);
    std::fs::remove_dir_all(folder.path().join("A/x")).expect("removed");
    for seed in 0..4u8 {
        put_png(&folder.path().join(format!("A/x/{seed}.png")), &side(6, 6, seed, false));
    }
    // An archive with another folder around everything, and in another order.
    let images = [2u8, 0, 3, 1]
        .map(|seed| (format!("around/{seed}.png"), encode(&side(6, 6, seed, true), ImageFormat::Png)));
    let path = folder.path().join("b.zip");
    zip(&path, true, &images.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect::<Vec<_>>());
    let pairs = PairedSet::open(text(&folder.path().join("A")), text(&path), &Options::default(), OWN)
        .expect("pairs");
    assert_eq!(seeds(&pairs), [0, 1, 2, 3]);
}

#[test]
fn names_without_a_partner_are_listed() {
    let folder = two_folders(3, 6, 6);
    for name in ["extra-1", "extra-2", "extra-3", "extra-4", "extra-5", "extra-6", "extra-7"] {
        put_png(&folder.path().join(format!("A/{name}.png")), &side(6, 6, 90, false));
    }
    put_png(&folder.path().join("B/alone.png"), &side(6, 6, 91, true));
    let strict = Options { strict: true, ..Options::default() };
    says(
        &refused(open(folder.path(), &strict)),
        &["extra-1, extra-2", "extra-5 and 2 more of ", "and alone of ", "go on without strict"],
    );
    let pairs = open(folder.path(), &Options::default()).expect("pairs");
    assert_eq!(seeds(&pairs), [0, 1, 2]);
    let [note] = pairs.notes() else { panic!("{:?}", pairs.notes()) };
    says(note, &["without partner and left out: extra-1", "and 2 more of", "alone of"]);
    put_png(&folder.path().join("B/01.bmp"), &side(6, 6, 1, true));
    says(&refused(open(folder.path(), &strict)), &["two images of the name 01"]);
    let strangers = tempdir().expect("folder");
    put_png(&strangers.path().join("A/1.png"), &side(6, 6, 1, false));
    put_png(&strangers.path().join("B/2.png"), &side(6, 6, 2, true));
    says(
        &refused(open(strangers.path(), &Options::default())),
        &["no file of the same name", "1 of ", "2 of "],
    );
    let raw = PairedSet::open("fashion-mnist-test", text(&folder.path().join("B")), &Options::default(), OWN);
    says(&refused(raw), &["fashion-mnist-test", "without file names"]);
}

#[test]
fn one_folder_may_have_both_sides_in_subfolders() {
    let image = |folder: &Path, name: &str, seed: u8| {
        put_png(&folder.join(name), &side(6, 6, seed, name.contains('B')));
    };
    let original = tempdir().expect("folder");
    for (name, seed) in
        [("trainA/1", 1), ("trainA/2", 2), ("testA/3", 3), ("trainB/1", 1), ("trainB/2", 2), ("testB/3", 3)]
    {
        image(original.path(), &format!("{name}.png"), seed);
    }
    let nested = tempdir().expect("folder");
    for (name, seed) in [
        ("A/train/1", 1),
        ("A/train/2", 2),
        ("A/test/3", 3),
        ("B/train/1", 1),
        ("B/train/2", 2),
        ("B/test/3", 3),
    ] {
        image(nested.path(), &format!("{name}.png"), seed);
    }
    let splits = tempdir().expect("folder");
    for (name, seed) in [
        ("train/A/1", 1),
        ("train/A/2", 2),
        ("test/A/3", 3),
        ("train/B/1", 1),
        ("train/B/2", 2),
        ("test/B/3", 3),
    ] {
        image(splits.path(), &format!("{name}.png"), seed);
    }
    for folder in [&original, &nested, &splits] {
        let pairs = Pairs::open(text(folder.path()), &Options::default(), OWN).expect("pairs");
        assert_eq!((seeds(&pairs.train), pairs.val.is_none()), (vec![1, 2], true));
        assert_eq!(pairs.test.as_ref().map(seeds), Some(vec![3]));
    }
    let plain = two_folders(3, 6, 6);
    let pairs = Pairs::open(text(plain.path()), &Options::default(), OWN).expect("pairs");
    assert_eq!((seeds(&pairs.train), pairs.test.is_none()), (vec![0, 1, 2], true));
    std::fs::remove_dir_all(plain.path().join("B")).expect("remove");
    says(&refused(Pairs::open(text(plain.path()), &Options::default(), OWN)), &["images in A but none in B"]);
    std::fs::remove_dir_all(nested.path().join("B/test")).expect("remove");
    says(
        &refused(Pairs::open(text(nested.path()), &Options::default(), OWN)),
        &["has images in test", "none there"],
    );
}

#[test]
fn pictures_side_by_side_are_cut_in_two() {
    let folder = tempdir().expect("folder");
    for seed in 0..6u8 {
        let split = ["train", "train", "train", "train", "val", "test"][usize::from(seed)];
        let both = beside(&side(10, 8, seed, false), &side(10, 8, seed, true));
        put_png(&folder.path().join(format!("set/{split}/{seed}.png")), &both);
    }
    for memory in [0, 1 << 20] {
        let options = Options { memory, ..Options::default() };
        let Pairs { train, val, test } = Pairs::open(text(folder.path()), &options, OWN).expect("pairs");
        says(&train.describe(), &["train: 4 pairs, A 10 x 8 x 3, B 10 x 8 x 3"]);
        assert_eq!(seeds(&train), [0, 1, 2, 3]);
        assert_eq!([val, test].map(|pairs| seeds(&pairs.expect("a split"))), [[4], [5]]);
        let (a, b) = train.samples(1).expect("a sample").remove(0);
        assert_eq!(a, train.a().load(0).expect("a"));
        let planes = |image: DynamicImage| -> Vec<u8> {
            let pixels = image.to_rgb8();
            (0..3)
                .flat_map(|plane| pixels.pixels().map(move |pixel| pixel.0[plane]).collect::<Vec<_>>())
                .collect()
        };
        assert!(a == planes(side(10, 8, 0, false)) && b == planes(side(10, 8, 0, true)));
    }
    let grey = Pairs::open(text(folder.path()), &Options::default(), [Some(1), None]).expect("pairs");
    assert_eq!((grey.train.a().channels(), grey.train.b().channels()), (1, 3));
}

#[test]
fn pictures_that_are_no_two_sides() {
    let folder = tempdir().expect("folder");
    let set = |options: &Options| Pairs::open(text(folder.path()), options, OWN).map(|pairs| pairs.train);
    put_png(&folder.path().join("a.png"), &solid(21, 10, [1; 3]));
    says(&refused(set(&options(8))), &["a.png is 21 x 10: an odd width has no two halves"]);
    put_png(&folder.path().join("b.png"), &beside(&side(10, 10, 1, false), &side(10, 10, 1, true)));
    let pairs = set(&options(8)).expect("one is good");
    assert!(pairs.broken()[0].path.ends_with("a.png"));
    assert_eq!(pairs.samples(2).expect("samples").len(), 1);
    says(&refused(set(&Options { strict: true, ..options(8) })), &["a.png: is 21 x 10"]);
    put_png(&folder.path().join("c.png"), &side(10, 10, 2, false));
    says(&refused(set(&options(8))), &["c.png: is 10 x 10 and ", "b.png is 20 x 10", "as two folders"]);
    for name in ["a.png", "b.png"] {
        std::fs::remove_file(folder.path().join(name)).expect("remove");
    }
    says(&set(&options(8)).expect("all alike").notes().join("\n"), &["taller than wide", "10 x 10"]);
}

#[test]
fn sides_of_other_proportions_are_left_out_or_refused() {
    let folder = two_folders(3, 12, 8);
    put_png(&folder.path().join("B/01.png"), &side(8, 8, 1, true));
    put_png(&folder.path().join("B/02.png"), &side(24, 16, 2, true));
    for fit in [Fit::Auto, Fit::Stretch, Fit::ResizeAndCrop, Fit::ScaleWidthAndCrop] {
        let load_size = (fit == Fit::ScaleWidthAndCrop).then_some(18);
        let pairs = open(folder.path(), &Options { fit, load_size, ..options(8) }).expect("pairs");
        let broken = pairs.broken();
        assert_eq!((pairs.samples(3).expect("samples").len(), broken.len()), (2, 1), "{fit}");
        assert!(broken[0].path.ends_with("B/01.png"));
        says(&broken[0].why, &["is 8 x 8", "01.png is 12 x 8", "same proportions"]);
    }
    let cut = open(folder.path(), &Options { fit: Fit::RandomCrop, ..options(8) }).expect("pairs");
    says(
        &cut.broken()[1].why,
        &["is 24 x 16", "with random-crop both sides of a pair must have the same size"],
    );
    says(
        &refused(open(folder.path(), &Options { strict: true, ..options(8) })),
        &["B/01.png: is 8 x 8", "A/01.png is 12 x 8", "same proportions"],
    );
    for name in ["00", "02"] {
        put_png(&folder.path().join(format!("B/{name}.png")), &side(8, 8, 1, true));
    }
    says(&refused(open(folder.path(), &options(8))), &["B/00.png: is 8 x 8"]);
    says(&refused(open(folder.path(), &Options::default())), &["12 x 8", "8 x 8", "choose one"]);
}

#[test]
fn pairs_too_small_for_a_piece() {
    let folder = two_folders(3, 12, 8);
    let options = |size| Options { fit: Fit::RandomCrop, ..options(size) };
    says(
        &refused(open(folder.path(), &options(10))),
        &["00.png: is 12 x 8, too small for the pieces of 10 x 10"],
    );
    for name in ["A", "B"] {
        put_png(&folder.path().join(format!("{name}/01.png")), &side(12, 10, 1, name == "B"));
    }
    let pairs = open(folder.path(), &options(10)).expect("one is large enough");
    assert_eq!(seeds(&pairs), [1]);
    assert_eq!(pairs.broken().len(), 4);
}

#[test]
fn whole_pairs_are_held_out() {
    let folder = two_folders(8, 6, 6);
    let part = |held_out| {
        open(folder.path(), &Options { holdout: 0.25, held_out, ..Options::default() }).expect("pairs")
    };
    let (own, apart) = (part(false), part(true));
    assert_eq!((seeds(&own), seeds(&apart)), (vec![0, 1, 2, 4, 5, 6], vec![3, 7]));
    says(&own.describe(), &["6 pairs", "2 more held out"]);
    says(&apart.describe(), &["2 pairs", "held out of 8"]);
}

#[test]
fn odd_files_among_pairs() {
    let folder = tempdir().expect("folder");
    let file = |name: &str, bytes: &[u8]| put(&folder.path().join(name), bytes);
    let png = |image: DynamicImage| encode(&image, ImageFormat::Png);
    let clear = image::RgbaImage::from_pixel(16, 8, image::Rgba([200, 0, 0, 0]));
    file("A/1.png", &png(DynamicImage::ImageRgba8(clear)));
    file("A/2.png", &png(DynamicImage::ImageRgb16(solid(16, 8, [10, 200, 30]).to_rgb16())));
    file("A/3.png", b"this is no image");
    file("A/4.jpg", &cmyk_jpeg(16, 8, [255, 0, 255, 0]));
    file("A/5.png", &png(DynamicImage::ImageLuma8(solid(16, 8, [77; 3]).to_luma8())));
    file("A/6.jpg", &turned(&encode(&solid(8, 16, [9; 3]), ImageFormat::Jpeg)));
    file("A/7.png", &png(solid(16, 8, [7; 3])));
    (1..=6).for_each(|number| file(&format!("B/{number}.png"), &png(side(16, 8, number, true))));
    file("B/7.png", &truncated_png());
    let pairs = open(folder.path(), &Options { width: Some(16), ..options(8) }).expect("pairs");
    let samples = pairs.samples(7).expect("samples");
    let colours: Vec<[u8; 3]> = samples.iter().map(|(a, _)| [a[0], a[128], a[256]]).collect();
    assert_eq!(samples.iter().map(|(_, b)| b[256] - 100).collect::<Vec<_>>(), [1, 2, 4, 5, 6]);
    assert_eq!([colours[0], colours[1], colours[3]], [[255; 3], [10, 200, 30], [77; 3]]);
    assert!(colours[2][1] > 250 && colours[2][0] < 5 && colours[2][2] < 5, "{colours:?}");
    assert!((6..=12).contains(&colours[4][0]), "turned, it has the proportions of its partner: {colours:?}");
    let broken: BTreeSet<String> =
        pairs.broken().iter().map(|broken| broken.path.display().to_string()).collect();
    assert_eq!(broken.len(), 2);
    assert!(
        broken.iter().any(|path| path.ends_with("A/3.png"))
            && broken.iter().any(|path| path.ends_with("B/7.png"))
    );
    let strict = open(folder.path(), &Options { strict: true, width: Some(16), ..options(8) });
    says(&refused(strict), &["A/3.png", "not an image"]);
}

#[cfg(feature = "torch")]
mod sources {
    use super::{OWN, open, refused, says, side, text, two_folders};
    use crate::common::{options, put, put_png, sentence, truncated_png};
    use gan_core::data::{PairBatch, Source};
    use gan_data::{Fit, Options, PairSource, PairedSet, Pairs, Sampling};
    use std::collections::BTreeSet;
    use tch::{Device, Kind, Tensor};
    use tempfile::tempdir;

    fn bytes(side: &Tensor) -> Tensor {
        ((side + 1.0) * 127.5).round().to_kind(Kind::Int64)
    }

    fn draw(pairs: &PairedSet, sampling: Sampling, count: usize) -> Vec<PairBatch> {
        let mut source = PairSource::new(pairs, sampling, Device::Cpu).expect("source");
        (0..count).map(|_| source.next().expect("batch")).collect()
    }

    #[test]
    fn both_sides_are_cut_and_mirrored_alike() {
        let folder = two_folders(7, 20, 14);
        for fit in [Fit::RandomCrop, Fit::Crop, Fit::ResizeAndCrop, Fit::ScaleWidthAndCrop] {
            let size = Options { width: Some(12), mirror: true, fit, ..options(8) };
            let load_size = match fit {
                Fit::ResizeAndCrop => Some(14),
                Fit::ScaleWidthAndCrop => Some(20),
                _ => None,
            };
            let pairs = open(folder.path(), &Options { load_size, ..size }).expect("pairs");
            let (mut corners, mut seeds) = (BTreeSet::new(), Vec::new());
            for batch in draw(&pairs, Sampling::new(7, 4), 12) {
                assert_eq!((batch.a.size(), batch.weight.is_none()), (vec![7, 3, 8, 12], true));
                // Side B is side A plus 100 in the files, and so it is still.
                let off = (bytes(&batch.b) - bytes(&batch.a) - 100).abs().max();
                assert!(off.int64_value(&[]) <= 2, "{fit}: {off}");
                for item in 0..7 {
                    let at = |plane, x| bytes(&batch.a).int64_value(&[item, plane, 0, x]);
                    corners.insert((at(0, 0), at(1, 0), at(0, 0) > at(0, 11)));
                    seeds.push(at(2, 0));
                }
            }
            seeds.sort_unstable();
            assert_eq!(seeds, (0..7).flat_map(|seed| [seed; 12]).collect::<Vec<_>>(), "{fit}");
            let least = if fit == Fit::Crop { 2 } else { 20 };
            assert!(corners.len() >= least, "{fit}: {corners:?}");
        }
    }

    #[test]
    fn batches_depend_on_neither_memory_nor_workers_and_seeking_is_exact() {
        let folder = two_folders(9, 16, 12);
        put(&folder.path().join("B/04.png"), &truncated_png());
        let mut runs = Vec::new();
        for (memory, workers) in [(0, 1), (4_000, 3), (1 << 20, 2)] {
            let options = Options { memory, mirror: true, fit: Fit::RandomCrop, ..options(8) };
            let pairs = open(folder.path(), &options).expect("pairs");
            let sampling = Sampling { workers, ..Sampling::new(4, 9) };
            let run = draw(&pairs, sampling, 10);
            let mut source = PairSource::new(&pairs, sampling, Device::Cpu).expect("source");
            for position in [7, 0, 3] {
                source.seek(position as u64).expect("seek");
                let batch = source.next().expect("batch");
                assert!(batch.a == run[position].a && batch.b == run[position].b, "batch {position}");
                assert_eq!(source.position(), position as u64 + 1);
            }
            assert!(pairs.broken().len() == 1 && pairs.broken()[0].path.ends_with("B/04.png"));
            runs.push(run);
        }
        let equal = |left: &PairBatch, right: &PairBatch| left.a == right.a && left.b == right.b;
        assert!(
            runs.windows(2).all(|two| two[0].iter().zip(&two[1]).all(|(left, right)| equal(left, right)))
        );
    }

    #[test]
    fn the_next_readable_pair_takes_the_place_of_a_broken_one() {
        let folder = two_folders(5, 8, 8);
        put(&folder.path().join("A/01.png"), &truncated_png());
        put(&folder.path().join("B/02.png"), b"no image");
        let pairs = open(folder.path(), &options(8)).expect("pairs");
        for _ in 0..2 {
            for batch in draw(&pairs, Sampling::new(5, 1), 3) {
                let mut seeds: Vec<i64> =
                    Vec::try_from(bytes(&batch.a).select(1, 2).select(1, 0).select(1, 0)).expect("seeds");
                seeds.sort_unstable();
                assert_eq!(seeds, [0, 3, 3, 3, 4]);
            }
        }
        (0..5).for_each(|seed| put(&folder.path().join(format!("A/{seed:02}.png")), &truncated_png()));
        let pairs = open(folder.path(), &options(8)).expect("headers are whole");
        let mut source = PairSource::new(&pairs, Sampling::new(2, 1), Device::Cpu).expect("source");
        says(&source.next().expect_err("none").to_string(), &["has no pair that can be read"]);
        says(&sentence(pairs.samples(1).expect_err("none")), &["has no pair that can be read"]);
    }

    #[test]
    fn channels_may_differ_and_a_batch_may_not_be_larger_than_the_set() {
        let folder = two_folders(3, 8, 8);
        let [a, b] = ["A", "B"].map(|name| folder.path().join(name));
        let pairs = PairedSet::open(text(&a), text(&b), &options(8), [Some(1), Some(3)]).expect("pairs");
        let batch = draw(&pairs, Sampling::new(3, 0), 1).remove(0);
        assert_eq!((batch.a.size(), batch.b.size()), (vec![3, 1, 8, 8], vec![3, 3, 8, 8]));
        let error =
            PairSource::new(&pairs, Sampling::new(4, 0), Device::Cpu).expect_err("4 of 3").to_string();
        says(&error, &["batch", "3 pairs"]);
    }

    #[test]
    fn halves_are_drawn_like_two_folders() {
        let (folder, halves) = (two_folders(6, 10, 9), tempdir().expect("folder"));
        for seed in 0..6u8 {
            let both = super::beside(&side(10, 9, seed, false), &side(10, 9, seed, true));
            put_png(&halves.path().join(format!("{seed:02}.png")), &both);
        }
        let options = Options { mirror: true, fit: Fit::ResizeAndCrop, ..options(8) };
        let two = open(folder.path(), &options).expect("pairs");
        let one = Pairs::open(text(halves.path()), &options, OWN).expect("pairs").train;
        for (left, right) in draw(&two, Sampling::new(4, 3), 6).iter().zip(draw(&one, Sampling::new(4, 3), 6))
        {
            assert!(left.a == right.a && left.b == right.b);
        }
        let csv = Options { attributes: Some("x.csv".into()), ..options };
        says(&refused(Pairs::open(text(halves.path()), &csv, OWN)), &["x.csv is not for pairs"]);
    }
}
