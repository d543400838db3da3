//! What users get wrong, and the one sentence that each ends in.

mod common;

use common::{
    cifar_record, encode, gradient, gzip, idx, numbered_folder, open, options, put, put_png, refusal,
    sentence, solid, truncated_jpeg, truncated_png, zip,
};
use gan_data::{Batches, DataSet, Fit, Options, Sampling};
use image::ImageFormat;
use std::path::Path;
use std::sync::Arc;
use tempfile::tempdir;

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

#[test]
fn there_is_no_such_thing() {
    let text = refusal(Path::new("/no/such/folder"), &Options::default());
    says(&text, &["/no/such/folder", "no such file", "fashion-mnist"]);
}

#[test]
fn a_named_set_is_not_fetched_yet() {
    let cache = tempdir().expect("folder");
    let options = Options { cache: Some(cache.path().to_owned()), ..Options::default() };
    if Path::new("/usr/share/datasets/fashion-mnist").exists() {
        return; // Debian's package is installed: the set is there without fetching
    }
    says(&sentence(DataSet::open("fashion-mnist", &options).expect_err("absent")), &["fetch fashion-mnist"]);
}

#[test]
fn folders_without_images() {
    let folder = tempdir().expect("folder");
    says(&refusal(folder.path(), &Options::default()), &["empty folder"]);
    put(&folder.path().join("notes.txt"), b"hello");
    put(&folder.path().join("sub/more.csv"), b"1,2");
    says(&refusal(folder.path(), &Options::default()), &["2 files", "no images", "png"]);
    let fake = tempdir().expect("folder");
    (0..3).for_each(|number| put(&fake.path().join(format!("{number}.png")), b"not an image at all"));
    says(&refusal(fake.path(), &Options::default()), &["none of its 3 images can be read", "0.png"]);
}

#[test]
fn files_that_are_no_data_set() {
    let folder = tempdir().expect("folder");
    let file = |name: &str, bytes: &[u8]| {
        put(&folder.path().join(name), bytes);
        refusal(&folder.path().join(name), &Options::default())
    };
    says(&file("one.png", &encode(&gradient(4, 4, 0), ImageFormat::Png)), &["single image"]);
    says(&file("set.tar.gz", &gzip(b"tar")), &["unpack it"]);
    says(&file("nothing.zip", b""), &["is empty"]);
    says(&file("text.md", b"# hello"), &["none of what can be read"]);
    // Two zero bytes do not make an IDX file.
    says(&file("photo.heic", b"\0\0\0\x18ftypheic"), &["none of what can be read"]);
    says(&file("icon.ico", b"\0\0\x01\0\x01\0"), &["none of what can be read"]);
    says(&file("cut.zip", b"PK\x03\x04 and then nothing"), &["not a whole zip archive"]);
    says(&file("short.bin", &[0; 3072]), &["3072 bytes", "CIFAR"]);
    says(&file("labels.bin", &cifar_record(&[77], [1, 2, 3])), &["label 77"]);
}

#[test]
fn idx_files_that_are_damaged() {
    let folder = tempdir().expect("folder");
    let file = |bytes: &[u8]| {
        put(&folder.path().join("images-idx3-ubyte"), bytes);
        refusal(&folder.path().join("images-idx3-ubyte"), &Options::default())
    };
    let good = idx(&[2, 3, 3], &[7; 18]);
    says(&file(&good[..good.len() - 1]), &["ends after fewer bytes"]);
    says(&file(&[&good[..], b"x"].concat()), &["has more bytes"]);
    says(&file(&good[..6]), &["ends too early"]);
    let packed = gzip(&good);
    says(&file(&packed[..packed.len() - 9]), &["ends too early"]);
    says(&file(&idx(&[5], &[1; 5])), &["labels, not images"]);
    says(&file(&[0, 0, 13, 3, 0, 0]), &["number type 13"]);
    // 4 billion images of 4 billion pixels each must not be believed.
    says(&file(&idx(&[u32::MAX, u32::MAX, u32::MAX], &[])), &["more than the 2147 MB allowed"]);
    says(&file(&idx(&[1, 0, 5], &[])), &["without pixels"]);
    says(&file(&idx(&[0, 5, 5], &[])), &["no images"]);
    put(&folder.path().join("labels-idx1-ubyte"), &idx(&[3], &[0, 1, 2]));
    says(&file(&good), &["3 labels", "2 images"]);
}

#[test]
fn a_truncated_jpeg_is_skipped_counted_and_reported() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 5, 64);
    put(&folder.path().join("00002a.jpg"), &truncated_jpeg());
    let data = Arc::new(open(folder.path(), &options(16)).expect("open"));
    assert_eq!(data.len(), 6);
    let error = sentence(data.load(3).expect_err("truncated"));
    says(&error, &["00002a.jpg", "truncated JPEG"]);
    let mut batches = Batches::new(Arc::clone(&data), Sampling::new(6, 0)).expect("batches");
    let batch = batches.next().expect("batch").images.clone();
    // The next image takes its place, so one of the five is shown twice.
    let mut seeds: Vec<u8> = batch.chunks(3 * 256).map(|image| image[2 * 256]).collect();
    seeds.sort_unstable();
    assert_eq!(seeds, [0, 37, 74, 111, 111, 148]);
    let broken = data.broken();
    assert_eq!(broken.len(), 1);
    assert!(broken[0].path.ends_with("00002a.jpg") && broken[0].why.contains("truncated"));
}

#[test]
fn a_thumbnail_does_not_hide_a_truncation() {
    let folder = tempdir().expect("folder");
    let (whole, cut) = (encode(&gradient(32, 32, 1), ImageFormat::Jpeg), truncated_jpeg());
    // A whole JPEG inside an application segment, as cameras store previews.
    let length = (whole.len() as u16 + 2).to_be_bytes();
    put(&folder.path().join("a.jpg"), &[&cut[..2], &[0xff, 0xe7], &length, &whole, &cut[2..]].concat());
    put(&folder.path().join("b.jpg"), &whole);
    let data = open(folder.path(), &options(16)).expect("open");
    says(&sentence(data.load(0).expect_err("truncated")), &["truncated"]);
    assert!(data.load(1).is_ok());
}

#[test]
fn strict_stops_with_the_name() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 5, 64);
    put(&folder.path().join("00002a.png"), &truncated_png());
    let strict = Options { strict: true, ..options(16) };
    let data = Arc::new(open(folder.path(), &strict).expect("its header is whole"));
    let mut batches = Batches::new(data, Sampling::new(6, 0)).expect("batches");
    for _ in 0..2 {
        let error = sentence(batches.next().map(|_| ()).expect_err("strict"));
        says(&error, &["00002a.png", "cannot be decoded", "strict"]);
    }
    put(&folder.path().join("00000a.jpg"), &truncated_jpeg());
    says(&refusal(folder.path(), &strict), &["00000a.jpg", "truncated JPEG"]);
    let error = gan_data::inspect(folder.path().to_str().expect("utf-8"), &strict).expect_err("strict");
    says(&sentence(error), &["00000a.jpg", "truncated JPEG"]);
}

#[test]
fn a_set_whose_images_all_turn_out_broken_is_an_error() {
    let folder = tempdir().expect("folder");
    (0..4).for_each(|number| put(&folder.path().join(format!("{number}.png")), &truncated_png()));
    let data = Arc::new(open(folder.path(), &options(16)).expect("headers are whole"));
    let mut batches = Batches::new(Arc::clone(&data), Sampling::new(2, 0)).expect("batches");
    says(&sentence(batches.next().map(|_| ()).expect_err("nothing to show")), &["no image that can be read"]);
    assert_eq!(data.broken().len(), 4);
    let sheet =
        gan_data::contact_sheet(&data, &gan_data::SheetOptions::default(), &folder.path().join("sheet.png"));
    says(&sentence(sheet.expect_err("nothing to draw")), &["no image that can be read"]);
}

#[test]
fn mixed_sizes_and_channels_follow_the_policy() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("a.png"), &solid(40, 20, [10, 20, 30]));
    put_png(&folder.path().join("b.png"), &image::DynamicImage::ImageLuma8(solid(9, 30, [50; 3]).to_luma8()));
    says(&refusal(folder.path(), &Options::default()), &["size", "40 x 20 and 9 x 30"]);
    for fit in [Fit::Auto, Fit::Crop, Fit::Pad, Fit::PadEdge, Fit::Stretch] {
        let data = open(folder.path(), &Options { fit, ..options(16) }).expect("open");
        assert_eq!((data.channels(), data.len()), (3, 2));
        let [colour, grey] = [0, 1].map(|index| data.load(index).expect("load"));
        let centre = |image: &[u8]| [0, 1, 2].map(|plane| image[plane * 256 + 8 * 16 + 8]);
        assert_eq!((centre(&colour), centre(&grey)), ([10, 20, 30], [50; 3]), "{fit}");
        assert_eq!(colour[0], if fit == Fit::Pad { 0 } else { 10 }, "{fit}");
    }
}

#[test]
fn a_batch_larger_than_the_data_set() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 5, 4);
    let data = Arc::new(open(folder.path(), &Options::default()).expect("open"));
    let batches = |sampling| Batches::new(Arc::clone(&data), sampling).map(|_| ());
    says(&sentence(batches(Sampling::new(6, 0)).expect_err("6 of 5")), &["batch", "6", "5 images"]);
    says(&sentence(batches(Sampling::new(0, 0)).expect_err("0")), &["batch", "smaller"]);
    let ranks = Sampling { rank: 1, world: 3, ..Sampling::new(2, 0) };
    says(&sentence(batches(ranks).expect_err("6 of 5")), &["2 in each of 3 processes", "5 images"]);
    says(&sentence(batches(Sampling { rank: 3, ..ranks }).expect_err("rank")), &["rank", "3"]);
    assert!(batches(Sampling::new(5, 0)).is_ok());
}

#[test]
fn options_that_cannot_be() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 1, 4);
    says(&refusal(folder.path(), &options(0)), &["size", "0"]);
    says(&refusal(folder.path(), &options(100_000)), &["size", "100000"]);
    says(&refusal(folder.path(), &Options { channels: Some(5), ..options(4) }), &["channels", "5"]);
    says(&sentence("squash".parse::<Fit>().expect_err("no such fit")), &["fit", "squash", "pad-edge"]);
    assert_eq!("pad-edge".parse::<Fit>().expect("fit").to_string(), "pad-edge");
    let data = open(folder.path(), &options(4)).expect("open");
    says(&sentence(data.load(1).expect_err("there is one")), &["no image 1"]);
}

#[test]
fn few_bytes_that_declare_many_pixels_are_not_unfolded() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("good.png"), &solid(10, 10, [1; 3]));
    put(&folder.path().join("bomb.png"), &bomb(60_000, 60_000));
    put(&folder.path().join("wide.bmp"), &encode(&solid(300, 200, [1; 3]), ImageFormat::Bmp));
    let data = open(folder.path(), &Options { max_pixels: 50_000, ..options(8) }).expect("open");
    says(&sentence(data.load(0).expect_err("bomb")), &["bomb.png", "60000 x 60000", "max_pixels"]);
    says(&sentence(data.load(2).expect_err("too large")), &["wide.bmp", "300 x 200"]);
    assert!(data.load(1).is_ok());
    assert!(open(folder.path(), &options(8)).expect("open").load(2).is_ok());
}

/// A PNG that declares a size and has next to no data.
fn bomb(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::new(&mut bytes, width, height).write_header().expect("header");
    writer.write_chunk(png::chunk::IDAT, &[0x78, 0x9c, 0x03, 0x00]).expect("chunk");
    drop(writer);
    bytes
}

#[test]
fn zip_archives_that_are_damaged() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join("set.zip");
    let image = encode(&gradient(30, 30, 1), ImageFormat::Png);
    zip(&path, false, &[]);
    says(&refusal(&path, &Options::default()), &["empty archive"]);
    zip(&path, false, &[("readme.txt", b"x")]);
    says(&refusal(&path, &Options::default()), &["1 files", "no images"]);
    zip(&path, true, &[("a.png", &image), ("dataset.json", br#"{"labels": [["b.png", 1]]}"#)]);
    says(&refusal(&path, &Options::default()), &["dataset.json", "no label", "a.png"]);
    zip(&path, true, &[("a.png", &image), ("dataset.json", br#"{"labels": [["a.png", [0.5, 1]]]}"#)]);
    says(&refusal(&path, &Options::default()), &["a.png", "[0.5,1]", "not a class number"]);
    zip(&path, true, &[("a.png", &image), ("dataset.json", b"{labels")]);
    says(&refusal(&path, &Options::default()), &["dataset.json", "is not of the form"]);
    // A flipped bit within an image: its checksum notices, and the other image remains.
    zip(&path, false, &[("a.png", &image), ("b.png", &image)]);
    let mut bytes = std::fs::read(&path).expect("zip");
    bytes[30 + 5 + image.len() / 2] ^= 1;
    put(&path, &bytes);
    let data = open(&path, &Options::default()).expect("open");
    says(&sentence(data.load(0).expect_err("damaged")), &["a.png", "checksum"]);
    assert!(data.load(1).is_ok());
    // Cut anywhere, or with any byte changed, nothing panics.
    zip(&path, true, &[("a.png", &image), ("dataset.json", br#"{"labels": null}"#)]);
    let whole = std::fs::read(&path).expect("zip");
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 0xff;
        for bytes in [&whole[..at], &changed] {
            put(&path, bytes);
            if let Ok(data) = open(&path, &Options::default()) {
                let _ = data.load(0);
            }
        }
    }
}

#[test]
fn damaged_images_of_any_format_never_panic() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("good.png"), &solid(8, 8, [1; 3]));
    let formats = [
        ImageFormat::Png,
        ImageFormat::Jpeg,
        ImageFormat::WebP,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::Tiff,
    ];
    let mut refused = 0;
    for format in formats {
        let whole = encode(&gradient(12, 12, 5), format);
        for at in (0..whole.len()).step_by(5) {
            let mut changed = whole.clone();
            changed[at] ^= 0x55;
            for bytes in [&whole[..at], &changed] {
                put(&folder.path().join("bad.png"), bytes);
                let data = open(folder.path(), &options(8)).expect("the other image is good");
                refused += usize::from(data.load(0).map_err(sentence).is_err());
            }
        }
    }
    assert!(refused > 100, "{refused}");
}

#[cfg(unix)]
#[test]
fn a_link_that_goes_round_in_circles() {
    let folder = tempdir().expect("folder");
    numbered_folder(folder.path(), 1, 4);
    std::os::unix::fs::symlink(folder.path(), folder.path().join("again")).expect("link");
    says(&refusal(folder.path(), &Options::default()), &["again", "contains it"]);
}

#[test]
fn the_python_version_of_cifar() {
    let folder = tempdir().expect("folder");
    put(&folder.path().join("data_batch_1"), b"pickle");
    says(&refusal(folder.path(), &Options::default()), &["Python version", "binary version"]);
}
