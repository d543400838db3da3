//! Images and data sets made up for the tests.
#![allow(dead_code)] // each test binary uses some of it

use gan_data::{DataSet, Error, Options};
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use std::fs;
use std::io::Cursor;
use std::path::Path;

pub fn options(size: u32) -> Options {
    Options { size: Some(size), ..Options::default() }
}

pub fn open(path: &Path, options: &Options) -> Result<DataSet, Error> {
    DataSet::open(path.to_str().expect("utf-8 path"), options)
}

/// The one sentence that opening ends in.
pub fn refusal(path: &Path, options: &Options) -> String {
    sentence(open(path, options).expect_err("must be refused"))
}

/// A user's mistake: one line that is no debug output.
pub fn sentence(error: Error) -> String {
    let text = error.to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(!text.contains("Os {") && !text.contains("Error("), "{text}");
    text
}

pub fn solid(width: u32, height: u32, color: [u8; 3]) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_pixel(width, height, Rgb(color)))
}

/// Smooth, different for each seed, and not its own mirror image.
pub fn gradient(width: u32, height: u32, seed: u32) -> DynamicImage {
    DynamicImage::ImageRgb8(RgbImage::from_fn(width, height, |x, y| {
        Rgb([(x * 200 / width) as u8, (y * 200 / height) as u8, (seed * 37 % 256) as u8])
    }))
}

pub fn encode(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("encode");
    bytes.into_inner()
}

pub fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("parent")).expect("folder");
    fs::write(path, bytes).expect("write");
}

pub fn put_png(path: &Path, image: &DynamicImage) {
    put(path, &encode(image, ImageFormat::Png));
}

/// A JPEG that lost its second half.
pub fn truncated_jpeg() -> Vec<u8> {
    let bytes = encode(&gradient(64, 64, 1), ImageFormat::Jpeg);
    bytes[..bytes.len() / 2].to_vec()
}

/// A PNG whose header is whole and whose pixels are not: only decoding shows that it is broken.
pub fn truncated_png() -> Vec<u8> {
    let bytes = encode(&gradient(64, 64, 1), ImageFormat::Png);
    bytes[..bytes.len() / 2].to_vec()
}

/// `count` images named so that their sorted order is their number.
pub fn numbered_folder(folder: &Path, count: u32, side: u32) {
    for number in 0..count {
        put_png(&folder.join(format!("{number:05}.png")), &gradient(side, side, number));
    }
}

pub fn idx(sizes: &[u32], values: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0, 0, 8, sizes.len() as u8];
    sizes.iter().for_each(|size| bytes.extend(size.to_be_bytes()));
    bytes.extend(values);
    bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("gzip");
    encoder.finish().expect("gzip")
}

pub fn zip(path: &Path, deflate: bool, files: &[(&str, &[u8])]) {
    use std::io::Write;
    let method = if deflate { zip::CompressionMethod::Deflated } else { zip::CompressionMethod::Stored };
    let settings = zip::write::SimpleFileOptions::default().compression_method(method);
    let mut writer = zip::ZipWriter::new(fs::File::create(path).expect("zip"));
    for (name, bytes) in files {
        writer.start_file(*name, settings).expect("entry");
        writer.write_all(bytes).expect("entry");
    }
    writer.finish().expect("zip");
}

pub fn cifar_record(labels: &[u8], color: [u8; 3]) -> Vec<u8> {
    let planes = color.iter().flat_map(|value| [*value; 32 * 32]);
    labels.iter().copied().chain(planes).collect()
}

/// A JPEG turned by 90 degrees clockwise when it is shown, as its EXIF data asks.
pub fn turned(jpeg: &[u8]) -> Vec<u8> {
    let exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let length = (exif.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat()
}

/// A JPEG in CMYK as Adobe writes it, of one colour: the inks are stored inverted, so that 255 is none. Sides are
/// multiples of 8. Each component's first block has its level, and every later block the same.
pub fn cmyk_jpeg(width: u16, height: u16, ink: [u8; 4]) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let put = |bits: &mut Vec<bool>, value: u32, count: u32| {
        bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    };
    for block in 0..u32::from(width / 8) * u32::from(height / 8) {
        for ink in ink {
            // All steps of the quantisation are 8, so that the level is the difference to 128.
            let level = if block == 0 { 127 - i32::from(ink) } else { 0 };
            let size = 32 - level.unsigned_abs().leading_zeros();
            put(&mut bits, size, 4);
            put(&mut bits, if level < 0 { level + (1 << size) - 1 } else { level } as u32, size);
            put(&mut bits, 0, 1); // nothing more in this block
        }
    }
    bits.resize(bits.len().next_multiple_of(8), true);
    let bytes = bits.chunks(8).map(|byte| byte.iter().fold(0u8, |byte, bit| byte << 1 | u8::from(*bit)));
    let data: Vec<u8> =
        bytes.flat_map(|byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] }).collect();
    let ([h1, h0], [w1, w0]) = (height.to_be_bytes(), width.to_be_bytes());
    let mut lengths = [0u8; 16];
    lengths[3] = 9;
    let mut short = [0u8; 16];
    short[0] = 1;
    let segment = |marker: u8, body: &[u8]| {
        [&[0xff, marker][..], &(body.len() as u16 + 2).to_be_bytes(), body].concat()
    };
    let components: Vec<u8> = (1..=4).flat_map(|number| [number, 0x11, 0]).collect();
    let scanned: Vec<u8> = (1..=4).flat_map(|number| [number, 0]).collect();
    [
        vec![0xff, 0xd8],
        segment(0xee, b"Adobe\0\x64\0\0\0\0\0"),
        segment(0xdb, &[&[0][..], &[8; 64]].concat()),
        segment(0xc0, &[&[8, h1, h0, w1, w0, 4][..], &components].concat()),
        segment(0xc4, &[&[0][..], &lengths, &[0, 1, 2, 3, 4, 5, 6, 7, 8]].concat()),
        segment(0xc4, &[&[0x10][..], &short, &[0]].concat()),
        segment(0xda, &[&[4][..], &scanned, &[0, 63, 0]].concat()),
        data,
        vec![0xff, 0xd9],
    ]
    .concat()
}
