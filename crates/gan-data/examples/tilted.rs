//! Writes a set with attributes to learn from: trousers and sneakers, turned and darkened at random, 32 x 32, and beside them an
//! `attributes.csv` that says how. `cargo run --release -p gan-data --example tilted -- FOLDER`

use gan_core::random::split_mix;
use gan_data::{DataSet, Options};
use image::{GrayImage, Luma};
use std::fmt::Write;
use std::path::Path;

const SIZE: u32 = 32;
/// Turned and darkened versions of each image.
const VERSIONS: u64 = 4;
/// Largest turn either way, in degrees.
const MOST: f64 = 45.0;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder to write to")?;
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder)?;
    let set = DataSet::open(gan_data::DEFAULT, &Options::default())?;
    let mut table = "file,tilt,bright,sneaker\n".to_owned();
    let mut count = 0;
    for index in 0..set.len() {
        let class = set.label(index).map_or("", |label| &set.classes()[label as usize]);
        if !["Trouser", "Sneaker"].contains(&class) {
            continue;
        }
        let pixels = set.load(index)?;
        for version in 0..VERSIONS {
            let draw =
                |n: u64| split_mix(split_mix(index as u64 * VERSIONS + version) + n) as f64 / u64::MAX as f64;
            let (tilt, bright) = (MOST * (2.0 * draw(1) - 1.0), 0.3 + 0.7 * draw(2));
            let name = format!("{count:05}.png");
            turned(&pixels, set.width(), tilt.to_radians(), bright).save(folder.join(&name))?;
            writeln!(table, "{name},{tilt:.2},{bright:.3},{}", u8::from(class == "Sneaker"))?;
            count += 1;
        }
    }
    std::fs::write(folder.join("attributes.csv"), table)?;
    println!("wrote {count} images and attributes.csv to {}", folder.display());
    Ok(())
}

/// Turned to the left about its middle, on a larger black ground.
fn turned(pixels: &[u8], side: u32, angle: f64, bright: f64) -> GrayImage {
    let at = |x: i64, y: i64| -> f64 {
        let inside = (0..i64::from(side)).contains(&x) && (0..i64::from(side)).contains(&y);
        if inside { f64::from(pixels[(y * i64::from(side) + x) as usize]) } else { 0.0 }
    };
    let (middle, source) = (f64::from(SIZE - 1) / 2.0, f64::from(side - 1) / 2.0);
    GrayImage::from_fn(SIZE, SIZE, |x, y| {
        let (right, down) = (f64::from(x) - middle, f64::from(y) - middle);
        let u = right * angle.cos() - down * angle.sin() + source;
        let v = right * angle.sin() + down * angle.cos() + source;
        let (left, top) = (u.floor(), v.floor());
        let (a, b, x, y) = (u - left, v - top, left as i64, top as i64);
        let upper = at(x, y) * (1.0 - a) + at(x + 1, y) * a;
        let lower = at(x, y + 1) * (1.0 - a) + at(x + 1, y + 1) * a;
        Luma([(bright * (upper * (1.0 - b) + lower * b)).round() as u8])
    })
}
