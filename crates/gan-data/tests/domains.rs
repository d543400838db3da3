//! Two domains without pairs: what is drawn from them, and how they are opened.
#![cfg(feature = "torch")]

mod common;

use common::{
    cmyk_jpeg, encode, gradient, numbered_folder, options, put, put_png, sentence, solid, truncated_png,
    turned, zip,
};
use gan_core::data::{PairBatch, Source};
use gan_data::{DataSet, DomainSource, Domains, Fit, Options, Sampling};
use image::{DynamicImage, ImageFormat};
use std::path::Path;
use std::sync::Arc;
use tch::{Device, Kind, Tensor};
use tempfile::tempdir;

const OWN: [Option<u32>; 2] = [None, None];

fn text(path: &Path) -> &str {
    path.to_str().expect("utf-8 path")
}

fn set(folder: &Path, options: &Options) -> Arc<DataSet> {
    Arc::new(common::open(folder, options).expect("a domain"))
}

/// The seeds of the images of a side, which [`gradient`] writes into its third plane.
fn seeds(side: &Tensor) -> Vec<u8> {
    let bytes = ((side.select(1, 2).select(1, 0).select(1, 0) + 1.0) * 127.5).round().to_kind(Kind::Uint8);
    Vec::try_from(bytes).expect("bytes")
}

fn refused(folder: &Path) -> String {
    sentence(Domains::open_folder(text(folder), &options(8), OWN).expect_err("refused"))
}

#[test]
fn each_domain_is_shown_once_an_epoch_in_an_order_of_its_own() {
    let folder = tempdir().expect("folder");
    let (a, b) = (folder.path().join("a"), folder.path().join("b"));
    numbered_folder(&a, 6, 8);
    numbered_folder(&b, 6, 8);
    let (a, b) = (set(&a, &Options::default()), set(&b, &Options::default()));
    let mut source = DomainSource::new(a, b, Sampling::new(2, 5), Device::Cpu).expect("source");
    let mut met = Vec::new();
    let mut all: Vec<u8> = (0..6).map(|seed| seed * 37).collect();
    all.sort_unstable();
    for _ in 0..5 {
        let epoch: Vec<PairBatch> = (0..3).map(|_| source.next().expect("batch")).collect();
        let side = |of: fn(&PairBatch) -> &Tensor| {
            epoch.iter().flat_map(|batch| seeds(of(batch))).collect::<Vec<u8>>()
        };
        let (a, b) = (side(|batch| &batch.a), side(|batch| &batch.b));
        for side in [&a, &b] {
            let mut sorted = side.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, all);
        }
        met.extend(a.into_iter().zip(b));
    }
    let in_step = met.iter().filter(|(a, b)| a == b).count();
    assert!(in_step < 15, "{in_step} of 30 meet their own number");
}

#[test]
fn domains_differ_in_length_and_channels_and_seeking_is_exact() {
    let folder = tempdir().expect("folder");
    numbered_folder(&folder.path().join("trainA"), 7, 12);
    for number in 0..5u8 {
        let grey = DynamicImage::ImageLuma8(solid(20, 14, [40 * number; 3]).to_luma8());
        put_png(&folder.path().join(format!("trainB/{number}.png")), &grey);
    }
    let options = Options { mirror: true, width: Some(10), fit: Fit::ResizeAndCrop, ..options(8) };
    let Domains { a, b, test_a, test_b, notes } =
        Domains::open_folder(text(folder.path()), &options, OWN).expect("domains");
    assert_eq!((a.len(), b.len(), a.channels(), b.channels()), (7, 5, 3, 1));
    assert!(test_a.is_none() && test_b.is_none() && notes.is_empty(), "{notes:?}");
    let open = || {
        DomainSource::new(Arc::clone(&a), Arc::clone(&b), Sampling::new(3, 1), Device::Cpu).expect("source")
    };
    let mut source = open();
    let run: Vec<PairBatch> = (0..8).map(|_| source.next().expect("batch")).collect();
    assert_eq!((run[0].a.size(), run[0].b.size()), (vec![3, 3, 8, 10], vec![3, 1, 8, 10]));
    assert!(run[0].weight.is_none() && run[0].a.kind() == Kind::Float);
    let mut other = open();
    for position in [5, 0, 7, 2, 3] {
        other.seek(position as u64).expect("seek");
        assert_eq!(other.position(), position as u64);
        let batch = other.next().expect("batch");
        assert!(batch.a == run[position].a && batch.b == run[position].b, "batch {position}");
    }
    assert_ne!(run[0].a, run[1].a);
}

#[test]
fn two_specs_may_be_of_any_kind() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join("b.zip");
    let images = [0, 1, 2].map(|seed| encode(&gradient(40, 40, seed), ImageFormat::Jpeg));
    zip(&path, false, &[("x/1.jpg", &images[0]), ("x/2.jpg", &images[1]), ("y/1.jpg", &images[2])]);
    let domains =
        Domains::open("fashion-mnist-test", text(&path), &options(32), [None, Some(3)]).expect("domains");
    assert_eq!((domains.a.len(), domains.b.len(), domains.a.channels()), (10_000, 3, 1));
    assert_eq!(domains.b.classes(), ["x", "y"]);
    let mut source =
        DomainSource::new(domains.a, domains.b, Sampling::new(2, 0), Device::Cpu).expect("source");
    assert_eq!(source.next().expect("batch").b.size(), [2, 3, 32, 32]);
    let differ = Domains::open("fashion-mnist-test", text(&path), &Options::default(), OWN);
    let sentence = sentence(differ.expect_err("refused"));
    assert!(
        sentence.contains("28 x 28") && sentence.contains("40 x 40") && sentence.contains("choose one"),
        "{sentence}"
    );
}

#[test]
fn the_layout_of_the_original_has_tests_and_may_be_zipped() {
    let folder = tempdir().expect("folder");
    let names = [
        "trainA/1", "trainA/2", "trainB/1", "trainB/2", "trainB/3", "testA/1", "testB/1", "testB/2", "more/1",
    ];
    let image = encode(&gradient(9, 9, 1), ImageFormat::Png);
    let files: Vec<(String, &[u8])> =
        names.iter().map(|name| (format!("horse/{name}.png"), &image[..])).collect();
    let unpacked = folder.path().join("unpacked");
    files.iter().for_each(|(name, bytes)| put(&unpacked.join(name), bytes));
    let path = folder.path().join("set.zip");
    zip(&path, true, &files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect::<Vec<_>>());
    for path in [unpacked, path] {
        let options = Options { mirror: true, holdout: 0.5, ..options(8) };
        let domains = Domains::open_folder(text(&path), &options, OWN).expect("domains");
        let lengths = [&domains.a, &domains.b].map(|set| set.len());
        assert_eq!(lengths, [1, 2]);
        let tests = [domains.test_a, domains.test_b].map(|set| set.expect("a test set"));
        assert_eq!([tests[0].len(), tests[1].len()], [1, 2]);
        assert!(!tests[0].options().mirror && tests[1].name().ends_with("testB"), "{}", tests[1].name());
        let said = domains.notes.join("\n");
        assert!(said.contains("trainA has a single image, which will be learned by heart"), "{said}");
        assert!(said.contains("1 images in other folders were left out, such as horse/more/1.png"), "{said}");
    }
}

#[test]
fn folders_that_are_no_domains() {
    let folder = tempdir().expect("folder");
    let file = |name: &str| put_png(&folder.path().join(name), &gradient(8, 8, 1));
    assert!(refused(folder.path()).contains("empty folder"));
    file("photos/1.png");
    let text = refused(folder.path());
    assert!(text.contains("no images in subfolders trainA and trainB, nor in A and B"), "{text}");
    file("trainA/1.png");
    std::fs::create_dir(folder.path().join("trainB")).expect("folder");
    assert!(refused(folder.path()).contains("has images in trainA but none in trainB"));
    std::fs::remove_dir_all(folder.path().join("photos")).expect("remove");
    assert!(refused(folder.path()).contains("has images in trainA but none in trainB"));
    file("trainB/1.png");
    let empty = tempdir().expect("folder");
    let found = Domains::open(empty.path().to_str().expect("utf-8"), "fashion-mnist-test", &options(8), OWN);
    assert!(sentence(found.expect_err("empty")).contains("is an empty folder"));
    let raw = sentence(Domains::open_folder("fashion-mnist-test", &options(8), OWN).expect_err("no folders"));
    assert!(raw.contains("without file names"), "{raw}");
    let csv = Options { attributes: Some("x.csv".into()), ..options(8) };
    let text =
        sentence(Domains::open_folder(folder.path().to_str().expect("utf-8"), &csv, OWN).expect_err("csv"));
    assert!(text.contains("x.csv is not for domains"), "{text}");
}

#[test]
fn one_image_is_drawn_again_and_again_but_never_twice_at_once() {
    let folder = tempdir().expect("folder");
    numbered_folder(&folder.path().join("A"), 1, 8);
    numbered_folder(&folder.path().join("B"), 4, 8);
    let domains = Domains::open_folder(text(folder.path()), &options(8), OWN).expect("domains");
    assert_eq!(domains.notes.len(), 1, "{:?}", domains.notes);
    let open = |batch| {
        DomainSource::new(
            Arc::clone(&domains.a),
            Arc::clone(&domains.b),
            Sampling::new(batch, 0),
            Device::Cpu,
        )
    };
    let mut source = open(1).expect("source");
    assert!((0..5).all(|_| seeds(&source.next().expect("batch").a) == [0]));
    let error = open(2).expect_err("2 of 1").to_string();
    assert!(error.contains("A has, 1 images"), "{error}");
}

#[test]
fn odd_files_among_the_images_of_a_domain() {
    let folder = tempdir().expect("folder");
    let file = |name: &str, bytes: &[u8]| put(&folder.path().join(name), bytes);
    let png = |image: DynamicImage| encode(&image, ImageFormat::Png);
    let clear = image::RgbaImage::from_pixel(8, 8, image::Rgba([200, 0, 0, 0]));
    file("A/1.png", &png(DynamicImage::ImageRgba8(clear)));
    file("A/2.png", &png(DynamicImage::ImageRgb16(solid(8, 8, [10, 200, 30]).to_rgb16())));
    file("A/3.png", b"this is no image");
    file("A/4.jpg", &cmyk_jpeg(8, 8, [255, 0, 255, 0]));
    file("A/5.png", &png(DynamicImage::ImageLuma8(solid(8, 8, [77; 3]).to_luma8())));
    file("A/6.jpg", &turned(&encode(&solid(8, 16, [0; 3]), ImageFormat::Jpeg)));
    file("A/7.png", &truncated_png());
    numbered_folder(&folder.path().join("B"), 8, 8);
    let domains = Domains::open_folder(text(folder.path()), &Options { fit: Fit::Pad, ..options(16) }, OWN);
    let domains = domains.expect("domains");
    let centre = |index: usize| {
        let image = domains.a.load(index).expect("load");
        [0, 1, 2].map(|plane| image[plane * 256 + 8 * 16 + 8])
    };
    assert_eq!([centre(0), centre(1), centre(4)], [[255; 3], [10, 200, 30], [77; 3]]);
    let green = centre(3);
    assert!(green[1] > 250 && green[0] < 5 && green[2] < 5, "{green:?}");
    // The turned photograph is 16 wide and 8 high: black itself, and on black bars.
    assert_eq!(domains.a.load(5).expect("load").len(), 3 * 256);
    let mut source =
        DomainSource::new(Arc::clone(&domains.a), Arc::clone(&domains.b), Sampling::new(7, 2), Device::Cpu)
            .expect("source");
    source.next().expect("a batch without the two that are broken");
    let broken: Vec<String> =
        domains.a.broken().iter().map(|broken| broken.path.display().to_string()).collect();
    assert!(broken.len() == 2 && broken[0].ends_with("3.png") && broken[1].ends_with("7.png"), "{broken:?}");
}
