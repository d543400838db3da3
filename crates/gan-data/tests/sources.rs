//! What is taken from odd folders and archives, what is left out, and what is said about it.

mod common;

use common::{
    cifar_record, encode, gradient, idx, numbered_folder, open, options, put, refusal, sentence, solid,
    truncated_png, zip,
};
use gan_data::{DataSet, Options, inspect};
use image::{DynamicImage, ImageFormat};
use std::path::Path;
use tempfile::tempdir;

fn notes(path: &Path) -> Vec<String> {
    open(path, &options(4)).expect("open").notes().to_vec()
}

#[test]
fn the_training_split_is_taken_wherever_its_name_says_so() {
    let folder = tempdir().expect("folder");
    let file = |name: &str, images: u32| {
        put(&folder.path().join(name), &idx(&[images, 2, 2], &vec![7; images as usize * 4]));
    };
    file("emnist-letters-train-images-idx3-ubyte", 3);
    put(&folder.path().join("emnist-letters-train-labels-idx1-ubyte"), &idx(&[3], &[0, 1, 1]));
    assert_eq!(notes(folder.path()), [""; 0]);
    file("emnist-letters-test-images-idx3-ubyte", 2);
    file("._emnist-letters-train-images-idx3-ubyte", 1);
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!((data.len(), data.label(2)), (3, Some(1)));
    let [note] = data.notes() else { panic!("{:?}", data.notes()) };
    assert!(note.contains("2 files of images emnist-letters-train-images-idx3-ubyte was taken"), "{note}");
    assert!(note.contains("emnist-letters-test-images"), "{note}");
}

#[test]
fn a_missing_cifar_file_is_named() {
    let folder = tempdir().expect("folder");
    for number in [1, 2, 4, 5] {
        put(&folder.path().join(format!("data_batch_{number}.bin")), &cifar_record(&[3], [1, 2, 3]));
    }
    assert_eq!(
        notes(folder.path()),
        ["only 4 of CIFAR-10's 5 training files are there; missing: data_batch_3.bin"]
    );
    put(&folder.path().join("data_batch_3.bin"), &cifar_record(&[3], [1, 2, 3]));
    assert_eq!(notes(folder.path()), [""; 0]);
}

#[test]
fn names_in_zips_may_start_with_a_dot_and_a_slash() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join("set.zip");
    let image = encode(&gradient(6, 6, 0), ImageFormat::Png);
    let json = br#"{"labels": [["./a.png", 1], ["b.png", 0]]}"#;
    zip(&path, true, &[("./a.png", &image), ("./b.png", &image), ("./dataset.json", json)]);
    let data = open(&path, &Options::default()).expect("open");
    assert_eq!((data.len(), data.label(0), data.label(1)), (2, Some(1), Some(0)));
}

#[test]
fn stylegan_labels_are_found_below_a_common_folder() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join("set.zip");
    let image = encode(&gradient(6, 6, 0), ImageFormat::Png);
    let json = br#"{"labels": [["00000/a.png", 5], ["00000/b.png", 2]]}"#;
    let files = [("set/00000/a.png", &image[..]), ("set/00000/b.png", &image), ("set/dataset.json", json)];
    zip(&path, true, &files);
    for (name, bytes) in files {
        put(&folder.path().join("unpacked").join(name), bytes);
    }
    for path in [path, folder.path().join("unpacked")] {
        let data = open(&path, &Options::default()).expect("open");
        assert_eq!([data.label(0), data.label(1)], [Some(5), Some(2)], "{}", path.display());
    }
}

#[test]
fn other_files_are_counted_and_text_is_not() {
    let folder = tempdir().expect("folder");
    let image = encode(&gradient(6, 6, 0), ImageFormat::Png);
    let files = [
        ("x/a.png", &image[..]),
        ("x/notes.txt", b"text"),
        ("x/labels.npy", b"labels"),
        ("LICENSE", b"text"),
        ("x/.hidden.heic", b"hidden"),
    ];
    let path = folder.path().join("set.zip");
    let unpacked = folder.path().join("unpacked");
    files.iter().for_each(|(name, bytes)| put(&unpacked.join(name), bytes));
    zip(&path, false, &files);
    assert_eq!((notes(&path), notes(&unpacked)), (vec![], vec![]));
    let mut more = files.to_vec();
    more.push(("x/c.heic", b"heic"));
    put(&unpacked.join("x/c.heic"), b"heic");
    zip(&path, false, &more);
    let note = vec!["1 other file was left out: x/c.heic".to_owned()];
    assert_eq!((notes(&path), notes(&unpacked)), (note.clone(), note));
    put(&unpacked.join("x/b.avif"), b"avif");
    assert_eq!(notes(&unpacked), ["2 other files were left out, such as x/b.avif"]);
}

#[cfg(unix)]
#[test]
fn links_that_lead_nowhere_stop_only_strict_sets() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 3, 8);
    let link =
        |name: &str| std::os::unix::fs::symlink("/no/such/place", folder.path().join(name)).expect("link");
    // As Emacs leaves it beside a file that is being edited.
    link(".#lock");
    let strict = Options { strict: true, ..Options::default() };
    assert!(open(folder.path(), &strict).expect("hidden").notes().is_empty());
    link("00001a.png");
    link("old");
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!(data.len(), 4);
    let [broken] = &data.broken()[..] else { panic!("{:?}", data.broken()) };
    assert!(broken.path.ends_with("00001a.png") && broken.why.contains("no such file"), "{broken:?}");
    assert_eq!(data.notes(), ["old cannot be read and was left out: there is no such file or folder"]);
    assert_eq!(data.samples(4).expect("samples").len(), 3);
    let found = inspect(folder.path().to_str().expect("utf-8"), &Options::default()).expect("inspect");
    assert_eq!((found.images, found.broken.len()), (3, 1));
    assert!(refusal(folder.path(), &strict).contains("no such file"));
    let only = tempdir().expect("folder");
    std::os::unix::fs::symlink("/no/such/place", only.path().join("photos")).expect("link");
    assert!(refusal(only.path(), &Options::default()).contains("photos cannot be read"));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_no_image() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 2, 8);
    let pipe = folder.path().join("zz.png");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!((data.len(), data.notes()), (2, &["1 other file was left out: zz.png".to_owned()][..]));
    assert!(refusal(&pipe, &Options::default()).contains("neither a file nor a folder"));
}

#[test]
fn raw_sets_that_do_not_fit_say_what_to_raise() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join("images-idx3-ubyte");
    put(&path, &idx(&[2, 1000, 1000], &vec![1; 2_000_000]));
    let limit = |memory: u64| Options { memory, ..options(8) };
    let text = refusal(&path, &limit(1_999_999));
    for part in ["holds 2 MB", "the 1 MB allowed", "`cache_mb`", "--set data.cache_mb=2)"] {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
    assert_eq!(open(&path, &limit(2_000_000)).expect("fits").len(), 2);
    let cifar = tempdir().expect("folder");
    for number in 1..=5 {
        put(
            &cifar.path().join(format!("data_batch_{number}.bin")),
            &cifar_record(&[3; 1], [1, 2, 3]).repeat(300),
        );
    }
    // All five files together, not only the first that is too much.
    assert!(refusal(cifar.path(), &limit(1_000_000)).contains("data.cache_mb=5)"));
    if cfg!(feature = "builtin") {
        let data = DataSet::open(gan_data::DEFAULT, &Options { memory: 0, ..Options::default() });
        assert_eq!(data.expect("built in").len(), 10_000);
    }
}

#[test]
fn one_image_with_colour_among_many_without_is_enough() {
    let folder = tempdir().expect("folder");
    let grey = encode(&DynamicImage::ImageLuma8(solid(4, 4, [9; 3]).to_luma8()), ImageFormat::Png);
    // Noise, so that its file is longer than what is read of it at first.
    let mut state = 1u32;
    let noise = image::RgbImage::from_fn(400, 400, |_, _| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        image::Rgb([(state >> 8) as u8, (state >> 16) as u8, (state >> 24) as u8])
    });
    let noise = DynamicImage::ImageRgb8(noise);
    for format in [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP] {
        let colour = encode(&noise, format);
        assert!(colour.len() > 1 << 16, "{format:?}: {}", colour.len());
        let names: Vec<String> = (0..200).map(|number| format!("{number:03}.png")).collect();
        let files: Vec<(&str, &[u8])> = names
            .iter()
            .map(|name| (name.as_str(), if name == "001.png" { &colour[..] } else { &grey[..] }))
            .collect();
        let unpacked = folder.path().join("unpacked");
        files.iter().for_each(|(name, bytes)| put(&unpacked.join(name), bytes));
        let (stored, packed) = (folder.path().join("stored.zip"), folder.path().join("packed.zip"));
        zip(&stored, false, &files);
        zip(&packed, true, &files);
        for path in [&unpacked, &stored, &packed] {
            assert_eq!(open(path, &options(8)).expect("open").channels(), 3, "{format:?} {}", path.display());
            let given = Options { channels: Some(1), ..options(8) };
            assert_eq!(open(path, &given).expect("open").channels(), 1);
            assert!(refusal(path, &Options::default()).contains("several sizes"));
        }
    }
}

#[test]
fn samples_are_readable_images_spread_over_the_set() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 8, 8);
    // The first is broken in a way that only decoding shows; the next one takes its place.
    put(&folder.path().join("00000.png"), &truncated_png());
    let data = open(folder.path(), &options(8)).expect("open");
    let seeds = |count: usize| -> Vec<u8> {
        data.samples(count).expect("samples").iter().map(|image| image[2 * 64]).collect()
    };
    assert_eq!(seeds(2), [37, 4 * 37]);
    assert_eq!(seeds(100), [37, 2 * 37, 3 * 37, 4 * 37, 5 * 37, 6 * 37, (7 * 37 % 256) as u8]);
    assert_eq!(seeds(0), [0; 0]);
    let strict = open(folder.path(), &Options { strict: true, ..options(8) }).expect("open");
    assert!(sentence(strict.samples(2).expect_err("strict")).contains("00000.png"));
    (0..8).for_each(|number| put(&folder.path().join(format!("{number:05}.png")), &truncated_png()));
    let data = open(folder.path(), &options(8)).expect("headers are whole");
    assert!(sentence(data.samples(3).expect_err("none")).contains("no image that can be read"));
}
