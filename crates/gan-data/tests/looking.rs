//! What `inspect`, `contact_sheet`, `list` and `fetch` say and leave behind.

mod common;

use common::{
    encode, gradient, idx, numbered_folder, open, options, put, put_png, sentence, solid, truncated_jpeg,
};
use gan_data::{DataSet, Options, Place, SheetOptions, contact_sheet, fetch, inspect, list};
use image::ImageFormat;
use std::path::Path;
use tempfile::tempdir;

#[test]
fn an_inspection_counts_everything() {
    let folder = tempdir().expect("folder");
    numbered_folder(&folder.path().join("many"), 4, 16);
    put(&folder.path().join("few/a.jpg"), &encode(&gradient(20, 10, 0), ImageFormat::Jpeg));
    put_png(
        &folder.path().join("few/b.png"),
        &image::DynamicImage::ImageLuma8(solid(16, 16, [3; 3]).to_luma8()),
    );
    put(&folder.path().join("few/c.jpg"), &truncated_jpeg());
    let found = inspect(folder.path().to_str().expect("utf-8"), &Options::default()).expect("inspect");
    assert_eq!(found.images, 6);
    assert_eq!(found.sizes, [([16, 16], 5), ([20, 10], 1)]);
    assert_eq!(found.channels, [("RGB", 5), ("grey", 1)]);
    assert_eq!(found.formats, [("png".to_owned(), 5), ("jpg".to_owned(), 1)]);
    assert_eq!(found.classes, [("few".to_owned(), 2), ("many".to_owned(), 4)]);
    assert_eq!(found.broken.len(), 1);
    let text = found.to_string();
    for part in
        ["images    6", "16 x 16: 5", "RGB: 5, grey: 1", "few: 2", "broken    1", "c.jpg is a truncated JPEG"]
    {
        assert!(text.contains(part), "`{part}` is missing in\n{text}");
    }
}

#[test]
fn a_contact_sheet_shows_a_class_a_row() {
    let folder = tempdir().expect("folder");
    for number in 0..6u8 {
        put_png(&folder.path().join(format!("red/{number}.png")), &solid(8, 8, [200, 0, 0]));
        put_png(&folder.path().join(format!("blue/{number}.png")), &solid(8, 8, [0, 0, 200]));
    }
    let data = open(folder.path(), &options(8)).expect("open");
    let path = folder.path().join("sheet.png");
    contact_sheet(&data, &SheetOptions { columns: 3, rows: 10, labels: true }, &path).expect("sheet");
    let sheet = image::open(&path).expect("png").to_rgb8();
    // Enlarged 7 times to 56; two rows, three columns, a margin for four letters.
    assert_eq!(sheet.dimensions(), (4 * 6 + 2 + 2 + 3 * 58, 2 + 2 * 58));
    assert_eq!((sheet.get_pixel(60, 30).0, sheet.get_pixel(60, 90).0), ([0, 0, 200], [200, 0, 0]));
    assert!((0..26).any(|x| (0..58).any(|y| sheet.get_pixel(x, y).0 == [224; 3])), "the class is named");
    contact_sheet(&data, &SheetOptions { columns: 5, rows: 1, labels: false }, &path).expect("sheet");
    assert_eq!(image::open(&path).expect("png").to_rgb8().dimensions(), (2 + 5 * 58, 60));
    let nowhere = contact_sheet(&data, &SheetOptions::default(), &folder.path().join("no/such/sheet.png"));
    assert!(sentence(nowhere.expect_err("no folder")).contains("no such file or folder"));
    let none = contact_sheet(&data, &SheetOptions { columns: 0, ..SheetOptions::default() }, &path);
    assert!(sentence(none.expect_err("no columns")).contains("columns"));
}

#[test]
fn fetching_from_a_folder_is_whole_or_not_at_all() {
    let folder = tempdir().expect("folder");
    let (files, cache) = (folder.path().join("files"), folder.path().join("cache"));
    let options = Options { cache: Some(cache.clone()), ..Options::default() };
    let fetch_from = |from: &Path| fetch("fashion-mnist", Some(from), Some(&cache));
    assert!(sentence(fetch_from(&files).expect_err("no folder")).contains("no such file"));
    put(&files.join("train-images-idx3-ubyte.gz"), b"");
    assert!(sentence(fetch_from(&files).expect_err("one file")).contains("train-labels"));
    assert!(
        sentence(fetch_from(&files.join("train-images-idx3-ubyte.gz")).expect_err("no package"))
            .contains("Debian package")
    );
    // The right counts and shapes, which is what is checked; the pixels are made up.
    write_split(&files, "train", 60_000);
    write_split(&files, "t10k", 9_999);
    assert!(sentence(fetch_from(&files).expect_err("too few")).contains("9999 images"));
    assert!(!cache.join("fashion-mnist").exists(), "nothing half done is left");
    write_split(&files, "t10k", 10_000);
    let fetched = fetch_from(&files).expect("fetch");
    assert_eq!((fetched.folder, fetched.was_there), (Some(cache.join("fashion-mnist")), false));
    assert!(fetch("fashion-mnist", None, Some(&cache)).expect("again").was_there);
    let nowhere =
        fetch_from(&folder.path().join("nowhere")).expect_err("no folder, whatever is there already");
    assert!(sentence(nowhere).contains("no such file"));
    assert!(!fetch_from(&files).expect("anew").was_there, "what is named is taken");
    let left: Vec<_> =
        std::fs::read_dir(&cache).expect("cache").map(|entry| entry.expect("entry").file_name()).collect();
    assert_eq!(left, ["fashion-mnist"]);
    for (name, images) in [("fashion-mnist", 60_000), ("fashion-mnist-all", 70_000)] {
        let data = DataSet::open(name, &options).expect("open");
        assert_eq!((data.len(), data.classes()[9].as_str()), (images, "Ankle boot"));
        assert_eq!(data.label(images - 1), Some(((images - 1) % 10_000 % 10) as u32));
    }
    let places: Vec<Place> = list(&options).into_iter().map(|named| named.place).collect();
    assert_eq!(places[1], Place::Folder(cache.join("fashion-mnist")));
    assert_eq!(places[0] == Place::BuiltIn, cfg!(feature = "builtin"));
}

fn write_split(folder: &Path, split: &str, images: u32) {
    let gzip = |bytes: Vec<u8>| common::gzip(&bytes);
    let labels: Vec<u8> = (0..images).map(|image| (image % 10) as u8).collect();
    let pixels = vec![7; images as usize * 784];
    put(&folder.join(format!("{split}-images-idx3-ubyte.gz")), &gzip(idx(&[images, 28, 28], &pixels)));
    put(&folder.join(format!("{split}-labels-idx1-ubyte.gz")), &gzip(idx(&[images], &labels)));
}

#[test]
fn names_that_cannot_be_fetched() {
    let text = sentence(fetch("mnist", None, None).expect_err("unknown"));
    assert!(text.contains("mnist") && text.contains("fashion-mnist-all"), "{text}");
    #[cfg(feature = "builtin")]
    assert!(fetch("fashion-mnist-test", None, None).expect("built in").was_there);
}
