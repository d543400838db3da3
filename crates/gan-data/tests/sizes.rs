//! Rectangles, and the fits that scale and cut as CycleGAN and pix2pix do.

mod common;

use common::{idx, open, options, put, put_png, refusal, sentence, solid};
use gan_data::{Batches, DataSet, Fit, Options, Sampling};
use image::{DynamicImage, Rgb, RgbImage};
use std::collections::BTreeSet;
use std::sync::Arc;
use tempfile::tempdir;

/// Red is the column, green the row, blue the seed.
fn places(width: u32, height: u32, seed: u8) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, seed])))
}

fn with(fit: Fit, size: Option<u32>) -> Options {
    Options { fit, size, ..Options::default() }
}

/// Left, top and seed of every piece of some batches, of width and height; they must be whole pieces.
fn pieces(data: &Arc<DataSet>, draws: usize) -> Vec<[u8; 3]> {
    let (width, height) = (data.width() as usize, data.height() as usize);
    let mut batches = Batches::new(Arc::clone(data), Sampling::new(data.len(), 3)).expect("batches");
    let mut found = Vec::new();
    for _ in 0..draws {
        for image in batches.next().expect("batch").images.chunks(data.image_bytes()) {
            let plane = width * height;
            let piece = [image[0], image[plane], image[2 * plane]];
            for at in 0..plane {
                assert_eq!(usize::from(image[at]), usize::from(piece[0]) + at % width);
                assert_eq!(usize::from(image[plane + at]), usize::from(piece[1]) + at / width);
            }
            found.push(piece);
        }
    }
    found
}

#[test]
fn a_rectangle_is_asked_for_or_what_the_images_are() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("a.png"), &places(40, 20, 1));
    let own = open(folder.path(), &Options::default()).expect("open");
    assert_eq!((own.width(), own.height()), (40, 20));
    assert!(own.describe().contains(" 40 x 20 x 3, no classes"), "{}", own.describe());
    let asked = |fit: Fit| Options { width: Some(16), ..with(fit, Some(32)) };
    for fit in [Fit::Auto, Fit::Crop, Fit::Pad, Fit::PadEdge, Fit::Stretch] {
        let set = open(folder.path(), &asked(fit)).expect("open");
        assert_eq!(
            (set.width(), set.height(), set.load(0).expect("load").len()),
            (16, 32, 3 * 16 * 32),
            "{fit}"
        );
        assert!(set.describe().contains("16 x 32 x 3 (") && set.describe().contains("from 40 x 20"), "{fit}");
    }
    // Stretched: columns 0 to 39 over 16, rows 0 to 19 over 32.
    let image = open(folder.path(), &asked(Fit::Stretch)).expect("open").load(0).expect("load");
    assert!(
        (20..=21).contains(&image[8]) && (9..=10).contains(&image[512 + 16 * 16]),
        "{} {}",
        image[8],
        image[512]
    );
    put_png(&folder.path().join("b.png"), &places(20, 40, 1));
    assert!(refusal(folder.path(), &Options::default()).contains("several sizes"));
}

#[test]
fn rectangles_are_mirrored_along_their_rows() {
    let folder = tempdir().expect("folder");
    for number in 0..8 {
        put_png(&folder.path().join(format!("{number}.png")), &places(12, 5, number));
    }
    let set = Arc::new(open(folder.path(), &Options { mirror: true, ..Options::default() }).expect("open"));
    let mut batches = Batches::new(Arc::clone(&set), Sampling::new(8, 0)).expect("batches");
    let mut flips = BTreeSet::new();
    for _ in 0..4 {
        for image in batches.next().expect("batch").images.chunks(set.image_bytes()) {
            let row: Vec<u8> = if image[0] == 0 { (0..12).collect() } else { (0..12).rev().collect() };
            flips.insert(image[0] == 0);
            assert!(image[..60].chunks(12).all(|line| *line == row));
        }
    }
    assert_eq!(flips.len(), 2);
}

#[test]
fn random_pieces_are_everywhere_and_the_looked_at_ones_in_the_middle() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("a.png"), &places(21, 14, 1));
    put_png(&folder.path().join("b.png"), &places(16, 30, 2));
    let options = Options { width: Some(12), ..with(Fit::RandomCrop, Some(10)) };
    let set = Arc::new(open(folder.path(), &options).expect("open"));
    assert_eq!(
        set.describe().split(": ").nth(1),
        Some("2 images, 12 x 10 x 3 (cut at random from 21 x 14), no classes")
    );
    let found = pieces(&set, 400);
    for (seed, room) in [(1, [9, 4]), (2, [4, 20])] {
        let of_seed: Vec<&[u8; 3]> = found.iter().filter(|piece| piece[2] == seed).collect();
        assert_eq!(of_seed.len(), 400);
        for axis in [0, 1] {
            let seen: BTreeSet<u8> = of_seed.iter().map(|piece| piece[axis]).collect();
            assert_eq!(seen, (0..=room[axis]).collect(), "image {seed}, axis {axis}");
        }
    }
    let middle = |image: &[u8]| [image[0], image[120], image[240]];
    let [a, b] = [0, 1].map(|index| middle(&set.load(index).expect("load")));
    assert_eq!([a, b], [[4, 2, 1], [2, 10, 2]]);
    let samples: Vec<[u8; 3]> = set.samples(2).expect("samples").iter().map(|image| middle(image)).collect();
    assert_eq!(samples, [a, b]);
}

#[test]
fn what_is_cut_out_depends_on_neither_memory_nor_workers_nor_seeking() {
    let folder = tempdir().expect("folder");
    for number in 0..9 {
        put_png(&folder.path().join(format!("{number}.png")), &places(20 + u32::from(number), 30, number));
    }
    for fit in [Fit::RandomCrop, Fit::ResizeAndCrop, Fit::ScaleWidthAndCrop] {
        let mut runs = Vec::new();
        for (memory, workers) in [(0, 1), (5_000, 3), (1 << 20, 2)] {
            let options = Options { memory, mirror: true, ..with(fit, Some(16)) };
            let set = Arc::new(open(folder.path(), &options).expect("open"));
            let mut batches =
                Batches::new(set, Sampling { workers, ..Sampling::new(5, 7) }).expect("batches");
            let mut draw = || batches.next().expect("batch").images.clone();
            let run: Vec<Vec<u8>> = (0..10).map(|_| draw()).collect();
            batches.seek(6);
            assert_eq!(batches.next().expect("batch").images, run[6], "{fit}");
            runs.push(run);
        }
        assert!(runs.windows(2).all(|pair| pair[0] == pair[1]), "{fit}");
    }
}

#[test]
fn raw_sets_are_cut_too() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join("images-idx3-ubyte");
    let image: Vec<u8> = (0..100).collect();
    put(&path, &idx(&[2, 10, 10], &image.repeat(2)));
    for memory in [200, 2 << 20] {
        let set = Arc::new(open(&path, &Options { memory, ..with(Fit::RandomCrop, Some(8)) }).expect("open"));
        assert_eq!(set.load(1).expect("load")[0], 11, "the middle of ten rows of ten");
        let mut batches = Batches::new(set, Sampling::new(2, 0)).expect("batches");
        let mut seen = BTreeSet::new();
        (0..60).for_each(|_| {
            seen.extend(batches.next().expect("batch").images.chunks(64).map(|image| image[0]))
        });
        assert_eq!(seen, [0, 1, 2, 10, 11, 12, 20, 21, 22].into());
    }
    assert!(refusal(&path, &with(Fit::RandomCrop, Some(11))).contains("every image is 10 x 10, too small"));
}

#[test]
fn load_sizes_are_as_in_the_original_and_in_proportion() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("a.png"), &places(60, 40, 1));
    let words = |options: Options| {
        let text = open(folder.path(), &options).expect("open").describe();
        text.split_once(": ").map(|(_, text)| text.to_owned()).unwrap_or_default()
    };
    let resized = words(with(Fit::ResizeAndCrop, Some(256)));
    assert_eq!(
        resized,
        "1 images, 256 x 256 x 3 (cut at random from 286 x 286, stretched from 60 x 40), no classes"
    );
    let wide = words(Options { width: Some(128), ..with(Fit::ResizeAndCrop, Some(64)) });
    assert!(wide.contains("128 x 64 x 3 (cut at random from 144 x 72"), "{wide}"); // 64 * 286 / 256 = 71.5
    let chosen = words(Options { load_size: Some(64), ..with(Fit::ResizeAndCrop, Some(64)) });
    assert!(chosen.contains("64 x 64 x 3 (cut at random from 64 x 64, stretched"), "{chosen}");
    let scaled = words(Options { load_size: Some(90), ..with(Fit::ScaleWidthAndCrop, Some(50)) });
    assert!(scaled.contains("50 x 50 x 3 (cut at random from 90 x 60, scaled from 60 x 40)"), "{scaled}");
    let followed = words(Options { load_size: Some(30), ..with(Fit::ScaleWidth, None) });
    assert!(followed.contains("30 x 20 x 3 (scaled from 60 x 40)"), "{followed}");
    let own = words(with(Fit::None, None));
    assert!(own.contains("60 x 40 x 3, no"), "{own}");
    assert!(words(Options { width: Some(60), ..with(Fit::None, Some(40)) }).contains("60 x 40 x 3, no"));
    for name in Fit::NAMES {
        let fit: Fit = name.parse().expect("a fit");
        assert_eq!(
            (fit.to_string(), serde_json::to_string(&fit).expect("json")),
            ((*name).to_owned(), format!("\"{name}\""))
        );
    }
}

#[test]
fn images_too_small_for_a_piece_are_left_out_or_refused() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("a.png"), &places(30, 30, 1));
    put_png(&folder.path().join("b.png"), &places(30, 15, 2));
    let set = open(folder.path(), &with(Fit::RandomCrop, Some(16))).expect("open");
    let [broken] = &set.broken()[..] else { panic!("{:?}", set.broken()) };
    assert!(broken.path.ends_with("b.png"));
    assert!(broken.why.starts_with("is 30 x 15, too small for the pieces of 16 x 16"), "{}", broken.why);
    assert_eq!(set.samples(2).expect("samples").len(), 1);
    let strict = Options { strict: true, ..with(Fit::RandomCrop, Some(16)) };
    let text = refusal(folder.path(), &strict);
    assert!(text.contains("b.png: is 30 x 15") && text.contains("resize-and-crop"), "{text}");
    let text = refusal(folder.path(), &with(Fit::RandomCrop, Some(32)));
    assert!(text.contains("a.png: is 30 x 30, too small for the pieces of 32 x 32"), "{text}");
    let low = Options { load_size: Some(20), ..with(Fit::ScaleWidthAndCrop, Some(16)) };
    let set = open(folder.path(), &low).expect("one is high enough");
    assert!(
        set.broken()[0].why.starts_with("is 30 x 15 and becomes 20 x 10, too small"),
        "{:?}",
        set.broken()
    );
}

#[test]
fn fits_that_follow_the_images_want_them_to_agree() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("a.png"), &places(30, 30, 1));
    put_png(&folder.path().join("b.png"), &places(60, 60, 2));
    let text = refusal(folder.path(), &with(Fit::None, None));
    assert!(text.contains("a.png comes to 30 x 30") && text.contains("b.png to 60 x 60"), "{text}");
    let scaled = Options { load_size: Some(15), ..with(Fit::ScaleWidth, None) };
    let set = open(folder.path(), &scaled).expect("the same proportions");
    assert_eq!((set.width(), set.height()), (15, 15));
    let text = refusal(folder.path(), &Options { size: Some(14), ..scaled.clone() });
    assert!(text.contains("14 x 14 was asked for") && text.contains("15 x 15"), "{text}");
    put_png(&folder.path().join("c.png"), &solid(60, 30, [1; 3]));
    assert!(refusal(folder.path(), &scaled).contains("c.png to 15 x 8"));
}

#[test]
fn settings_that_do_not_go_together() {
    let says = |options: Options, parts: &[&str]| {
        let text = sentence(DataSet::open("fashion-mnist-test", &options).expect_err("refused"));
        parts.iter().for_each(|part| assert!(text.contains(part), "`{part}` is missing in: {text}"));
    };
    says(Options { width: Some(64), ..Options::default() }, &["width: 64", "choose both or neither"]);
    says(Options { width: Some(0), ..options(4) }, &["width: 0 is not between"]);
    says(Options { load_size: Some(99_999), ..options(4) }, &["load_size: 99999 is not between"]);
    says(with(Fit::RandomCrop, None), &["size: the fit random-crop needs"]);
    says(with(Fit::ScaleWidth, None), &["load_size: the fit scale-width needs"]);
    says(
        Options { load_size: Some(20), ..with(Fit::Crop, Some(10)) },
        &["load_size: 20 is for", "not for crop"],
    );
    says(
        Options { load_size: Some(20), ..with(Fit::ResizeAndCrop, Some(30)) },
        &["20 is less than 30, the height"],
    );
    let wide = Options { width: Some(30), load_size: Some(20), ..with(Fit::ScaleWidthAndCrop, Some(10)) };
    says(wide, &["20 is less than 30, the width"]);
}
