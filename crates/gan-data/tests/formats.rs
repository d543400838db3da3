//! Everything that can be read, read.

mod common;

use common::{
    cifar_record, cmyk_jpeg, encode, gradient, gzip, idx, open, options, put, put_png, solid, turned, zip,
};
use gan_data::{DataSet, Fit, Options};
use image::{DynamicImage, ImageFormat};
use tempfile::tempdir;

#[test]
fn every_image_format_has_the_same_pixels() {
    let folder = tempdir().expect("folder");
    let image = gradient(20, 20, 3);
    let lossless = [
        ("a.png", ImageFormat::Png),
        ("b.bmp", ImageFormat::Bmp),
        ("c.tiff", ImageFormat::Tiff),
        ("d.ppm", ImageFormat::Pnm),
        ("e.webp", ImageFormat::WebP),
    ];
    for (name, format) in lossless {
        put(&folder.path().join(name), &encode(&image, format));
    }
    put(&folder.path().join("f.JPG"), &encode(&image, ImageFormat::Jpeg));
    put(&folder.path().join("g.gif"), &encode(&image, ImageFormat::Gif));
    // The content decides, not the name.
    put(&folder.path().join("h.jpg"), &encode(&image, ImageFormat::Png));
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!((data.len(), data.channels(), data.height()), (8, 3, 20));
    let planar: Vec<u8> = {
        let rgb = image.to_rgb8();
        (0..3).flat_map(|channel| rgb.pixels().map(move |pixel| pixel[channel]).collect::<Vec<_>>()).collect()
    };
    for index in [0, 1, 2, 3, 4, 7] {
        assert_eq!(data.load(index).expect("load"), planar, "image {index}");
    }
    for index in [5, 6] {
        let lossy = data.load(index).expect("load");
        let worst = lossy.iter().zip(&planar).map(|(left, right)| left.abs_diff(*right)).max();
        assert!(worst < Some(60), "image {index}: {worst:?}");
    }
}

#[test]
fn grey_alpha_palette_and_16_bit_become_what_is_asked_for() {
    let folder = tempdir().expect("folder");
    let image = solid(8, 8, [100, 150, 200]);
    let deep = DynamicImage::ImageRgb16(image.to_rgb16());
    let mut clear = image.to_rgba8();
    clear.put_pixel(0, 0, image::Rgba([1, 2, 3, 0]));
    put_png(&folder.path().join("a_grey.png"), &DynamicImage::ImageLuma8(image.to_luma8()));
    put_png(&folder.path().join("b_deep.png"), &deep);
    put(&folder.path().join("c_deep.tiff"), &encode(&deep, ImageFormat::Tiff));
    put_png(&folder.path().join("d_alpha.png"), &DynamicImage::ImageRgba8(clear));
    put_png(&folder.path().join("e_grey_alpha.png"), &DynamicImage::ImageLumaA8(image.to_luma_alpha8()));
    put_png(&folder.path().join("f_grey_deep.png"), &DynamicImage::ImageLuma16(image.to_luma16()));
    put(&folder.path().join("g_palette.png"), &palette_png());
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!(data.channels(), 3);
    let pixel = |data: &DataSet, index: usize, at: usize| -> Vec<u8> {
        data.load(index).expect("load").chunks(64).map(|plane| plane[at]).collect()
    };
    let grey = image.to_luma8().get_pixel(0, 0)[0];
    assert_eq!(pixel(&data, 0, 9), [grey; 3]);
    assert_eq!(pixel(&data, 1, 9), [100, 150, 200]);
    assert_eq!(pixel(&data, 2, 9), [100, 150, 200]);
    assert_eq!(pixel(&data, 3, 9), [100, 150, 200]);
    assert_eq!(pixel(&data, 3, 0), [255; 3], "alpha is laid over white");
    assert_eq!(pixel(&data, 4, 9), [grey; 3]);
    assert_eq!(pixel(&data, 5, 9), [grey; 3]);
    assert_eq!(pixel(&data, 6, 9), [10, 20, 30]);
    let data = open(folder.path(), &Options { channels: Some(4), ..Options::default() }).expect("open");
    assert_eq!(pixel(&data, 3, 0), [1, 2, 3, 0]);
    assert_eq!(pixel(&data, 1, 0), [100, 150, 200, 255]);
    let data = open(folder.path(), &Options { channels: Some(1), ..Options::default() }).expect("open");
    assert_eq!(pixel(&data, 1, 9), [141]); // ITU-R 601, as Pillow: 0.299 * 100 + 0.587 * 150 + 0.114 * 200
}

fn palette_png() -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 8, 8);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Two);
    encoder.set_palette(vec![0, 0, 0, 10, 20, 30]);
    let mut writer = encoder.write_header().expect("header");
    writer.write_image_data(&[0b0101_0101; 16]).expect("pixels");
    writer.finish().expect("png");
    bytes
}

#[test]
fn a_photo_is_turned_as_its_exif_data_asks() {
    let folder = tempdir().expect("folder");
    // Orientation 6: the camera was turned, rotate by 90 degrees clockwise. Bright left becomes bright top.
    let mut image = solid(32, 16, [0, 0, 0]).to_rgb8();
    image.enumerate_pixels_mut().filter(|(x, _, _)| *x < 16).for_each(|(_, _, pixel)| pixel.0 = [255; 3]);
    let jpeg = encode(&DynamicImage::ImageRgb8(image), ImageFormat::Jpeg);
    put(&folder.path().join("turned.jpg"), &turned(&jpeg));
    let data = open(folder.path(), &Options { fit: Fit::Stretch, ..options(16) }).expect("open");
    let image = data.load(0).expect("load");
    assert!(image[8] > 240 && image[15 * 16 + 8] < 15, "{} {}", image[8], image[15 * 16 + 8]);
}

#[test]
fn a_jpeg_in_cmyk_is_shown_in_its_colours() {
    let folder = tempdir().expect("folder");
    // Full cyan, half yellow, and a fifth of black over it.
    for (name, ink, rgb) in [
        ("a.jpg", [255, 0, 128, 0], [0, 255, 127]),
        ("b.jpg", [0, 0, 0, 51], [204, 204, 204]),
        ("c.jpg", [0, 255, 255, 0], [255, 0, 0]),
    ] {
        put(&folder.path().join(name), &cmyk_jpeg(24, 16, ink));
        let set = open(folder.path(), &Options::default()).expect("open");
        assert_eq!((set.width(), set.height(), set.channels()), (24, 16, 3), "{name}");
        let image = set.load(set.len() - 1).expect("load");
        let off = |plane: usize| {
            image[plane * 384..][..384].iter().map(|value| value.abs_diff(rgb[plane])).max().unwrap_or(255)
        };
        assert!((0..3).all(|plane| off(plane) <= 2), "{name}: {:?}", [0, 384, 768].map(|at| image[at]));
    }
}

#[test]
fn a_png_is_turned_too() {
    let folder = tempdir().expect("folder");
    let image = image::GrayImage::from_fn(12, 6, |x, _| image::Luma([if x < 6 { 255 } else { 0 }]));
    let mut info = png::Info::with_size(12, 6);
    info.color_type = png::ColorType::Grayscale;
    info.bit_depth = png::BitDepth::Eight;
    let exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    info.exif_metadata = Some(exif[..].into());
    let mut bytes = Vec::new();
    let mut writer = png::Encoder::with_info(&mut bytes, info).expect("info").write_header().expect("header");
    writer.write_image_data(image.as_raw()).expect("pixels");
    writer.finish().expect("png");
    put(&folder.path().join("turned.png"), &bytes);
    let data = open(folder.path(), &Options { fit: Fit::Pad, ..options(12) }).expect("open");
    assert!(data.describe().contains("from 6 x 12"), "{}", data.describe());
    // Bright left becomes bright top, in the middle six columns.
    let row = |bright: u8| [[0u8; 3], [bright; 3], [bright; 3], [0; 3]].concat();
    assert_eq!(data.load(0).expect("load"), [vec![row(255); 6], vec![row(0); 6]].concat().concat());
}

#[test]
fn subfolders_are_classes_and_order_is_by_path() {
    let folder = tempdir().expect("folder");
    for (name, color) in [("dog/1.png", 10), ("cat/2.png", 20), ("cat/deep/er/1.png", 30), ("bird/x.png", 40)]
    {
        put_png(&folder.path().join(name), &solid(4, 4, [color; 3]));
    }
    for hidden in [".thumbnails/t.png", "cat/._2.png", "__MACOSX/cat/2.png"] {
        put_png(&folder.path().join(hidden), &solid(4, 4, [99; 3]));
    }
    put(&folder.path().join("notes.txt"), b"not an image");
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!(data.classes(), ["bird", "cat", "dog"]);
    let found: Vec<(u8, u32)> = (0..data.len())
        .map(|index| (data.load(index).expect("load")[0], data.label(index).expect("label")))
        .collect();
    assert_eq!(found, [(40, 0), (20, 1), (30, 1), (10, 2)]);
}

#[test]
fn one_folder_of_images_has_no_classes() {
    let folder = tempdir().expect("folder");
    common::numbered_folder(&folder.path().join("img"), 3, 4);
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!((data.len(), data.classes().len(), data.label(0)), (3, 0, None));
}

#[test]
fn zips_are_read_stored_and_deflated_with_and_without_labels() {
    let folder = tempdir().expect("folder");
    let images: Vec<Vec<u8>> =
        (0..3).map(|number| encode(&gradient(6, 6, number), ImageFormat::Png)).collect();
    let json = br#"{"labels": [["00000/b.png", 4], ["00000/a.png", 0], ["00001/c.png", 2]]}"#;
    for (deflate, json, labels) in [
        (false, Some(&json[..]), [Some(0), Some(4), Some(2)]),
        (true, Some(&json[..]), [Some(0), Some(4), Some(2)]),
        (false, Some(&br#"{"labels": null}"#[..]), [None; 3]),
        (true, None, [Some(0), Some(0), Some(1)]),
    ] {
        let path = folder.path().join("set.zip");
        let mut files =
            vec![("00000/a.png", &images[0][..]), ("00000/b.png", &images[1]), ("00001/c.png", &images[2])];
        files.extend(json.map(|json| ("dataset.json", json)));
        zip(&path, deflate, &files);
        let data = open(&path, &Options::default()).expect("open");
        assert_eq!([0, 1, 2].map(|index| data.label(index)), labels);
        assert_eq!(
            data.classes().len(),
            labels.iter().flatten().max().map_or(0, |largest| *largest as usize + 1)
        );
        for index in 0..3 {
            let expected = gradient(6, 6, index).to_rgb8();
            assert_eq!(data.load(index as usize).expect("load")[2 * 36], expected.get_pixel(0, 0)[2]);
        }
    }
}

#[test]
fn a_folder_may_have_a_dataset_json_too() {
    let folder = tempdir().expect("folder");
    put_png(&folder.path().join("00000/a.png"), &solid(4, 4, [1; 3]));
    put_png(&folder.path().join("00001/b.png"), &solid(4, 4, [2; 3]));
    put(&folder.path().join("dataset.json"), br#"{"labels": [["00000/a.png", 1], ["00001/b.png", 0]]}"#);
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!([data.label(0), data.label(1)], [Some(1), Some(0)]);
}

#[test]
fn idx_is_read_packed_or_not_from_a_file_or_a_folder() {
    let pixels: Vec<u8> = (0..5 * 4 * 4).collect();
    let images = idx(&[5, 4, 4], &pixels);
    let labels = idx(&[5], &[3, 0, 1, 0, 2]);
    for packed in [false, true] {
        let folder = tempdir().expect("folder");
        let (images, labels, ending) =
            if packed { (gzip(&images), gzip(&labels), ".gz") } else { (images.clone(), labels.clone(), "") };
        let path = folder.path().join(format!("train-images-idx3-ubyte{ending}"));
        put(&path, &images);
        put(&folder.path().join(format!("train-labels-idx1-ubyte{ending}")), &labels);
        put(&folder.path().join("t10k-images-idx3-ubyte"), &idx(&[1, 4, 4], &[0; 16]));
        for spec in [folder.path(), &path] {
            let data = open(spec, &Options::default()).expect("open");
            assert_eq!((data.len(), data.channels(), data.classes().len()), (5, 1, 4));
            assert_eq!((data.load(2).expect("load"), data.label(2)), (pixels[32..48].to_vec(), Some(1)));
        }
    }
}

#[test]
fn cifar_binaries_are_read() {
    let folder = tempdir().expect("folder");
    let first = [cifar_record(&[3], [10, 20, 30]), cifar_record(&[9], [40, 50, 60])].concat();
    put(&folder.path().join("cifar-10-batches-bin/data_batch_1.bin"), &first);
    put(&folder.path().join("cifar-10-batches-bin/data_batch_2.bin"), &cifar_record(&[0], [70, 80, 90]));
    let data = open(folder.path(), &Options::default()).expect("open");
    assert_eq!((data.len(), data.channels(), data.height()), (3, 3, 32));
    let name = |index| data.classes()[data.label(index).expect("label") as usize].as_str();
    assert_eq!([0, 1, 2].map(name), ["cat", "truck", "airplane"]);
    assert_eq!(
        data.load(1).expect("load").chunks(1024).map(|plane| plane[7]).collect::<Vec<_>>(),
        [40, 50, 60]
    );

    let hundred = tempdir().expect("folder");
    put(&hundred.path().join("train.bin"), &cifar_record(&[1, 2], [5, 6, 7]));
    put(&hundred.path().join("fine_label_names.txt"), b"apple\naquarium_fish\nbaby\n");
    let data = open(hundred.path(), &options(16)).expect("open");
    assert_eq!((data.len(), data.label(0), data.classes().len()), (1, Some(2), 3));
    assert_eq!(data.load(0).expect("load"), [[5u8; 256], [6; 256], [7; 256]].concat());
}

#[test]
fn raw_sets_pad_a_little_and_resize_a_lot() {
    let folder = tempdir().expect("folder");
    let path = folder.path().join("images-idx3-ubyte");
    put(&path, &idx(&[2, 28, 28], &[200; 2 * 28 * 28]));
    let padded = open(&path, &options(32)).expect("open");
    assert_eq!(padded.fit(), Fit::Pad);
    let image = padded.load(1).expect("load");
    assert_eq!(
        [image[0], image[32 + 16], image[2 * 32 + 2], image[29 * 32 + 29], image[30 * 32 + 30]],
        [0, 0, 200, 200, 0]
    );
    let edge = open(&path, &Options { fit: Fit::PadEdge, ..options(32) }).expect("open");
    assert_eq!(edge.load(0).expect("load"), [200; 32 * 32]);
    let resized = open(&path, &options(64)).expect("open");
    assert_eq!((resized.fit(), resized.load(0).expect("load")), (Fit::Crop, vec![200; 64 * 64]));
}

#[cfg(feature = "builtin")]
#[test]
fn the_built_in_set_is_fashion_mnist() {
    let data = DataSet::open(gan_data::DEFAULT, &Options::default()).expect("open");
    assert_eq!((data.len(), data.channels(), data.height(), data.width()), (10_000, 1, 28, 28));
    let mut counts = [0; 10];
    (0..data.len()).for_each(|index| counts[data.label(index).expect("label") as usize] += 1);
    assert_eq!(counts, [1000; 10]);
    // The first image of the test split is an ankle boot.
    assert_eq!(data.classes()[data.label(0).expect("label") as usize], "Ankle boot");
    let mean = (0..data.len())
        .map(|index| data.load(index).expect("load").iter().map(|value| f64::from(*value)).sum::<f64>());
    let mean = mean.sum::<f64>() / (10_000.0 * 784.0);
    assert!((mean - 73.15).abs() < 0.01, "{mean}"); // 0.28685 of 255 by numpy over the same file
}

#[test]
fn a_set_that_does_not_fit_in_memory_has_the_same_images() {
    let folder = tempdir().expect("folder");
    common::numbered_folder(folder.path(), 6, 10);
    let images = |memory: u64| {
        let data = open(folder.path(), &Options { memory, ..options(8) }).expect("open");
        (0..2)
            .flat_map(|_| (0..6).map(|index| data.load(index).expect("load")).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    let all = images(1 << 20);
    assert_eq!(all, images(0));
    assert_eq!(all, images(3 * 8 * 8 * 2));
    let path = folder.path().join("images-idx3-ubyte");
    put(&path, &idx(&[4, 4, 4], &(0..64).collect::<Vec<u8>>()));
    let raw =
        |memory: u64| open(&path, &Options { memory, ..options(16) }).expect("open").load(3).expect("load");
    assert_eq!(raw(64), raw(1 << 20));
}
