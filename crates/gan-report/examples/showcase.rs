//! Draws a made-up run into a folder, to look at: `cargo run -p gan-report --example showcase -- FOLDER [REPORTS]`.

use std::fmt::Write as _;

use gan_report::{Grid, LogLine, Moments, Picture, RunReport, grid, save_apng, save_gif, strip};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: showcase FOLDER [REPORTS]")?;
    let reports: u64 = arguments.next().map_or(Ok(1000), |count| count.parse())?;

    let report = RunReport::open(&folder)?;
    report.text("config", "a made-up run, drawn to look at the drawing");
    let mut log = String::new();
    let mut random = Random(1);
    let mut values = |t: f64| {
        let discriminator = 0.5 + 0.8 * (-3.0 * t).exp() + 0.15 * random.normal();
        let generator = 2.5 - 1.5 * (-4.0 * t).exp() + 0.4 * random.normal();
        let balance = 0.5 + 0.1 * (12.0 * t).sin() + 0.02 * random.normal();
        [
            ("loss/discriminator", discriminator),
            ("loss/generator", generator),
            ("score/real", 0.7 - 0.2 * t + 0.05 * random.normal()),
            ("score/fake", 0.2 + 0.2 * t + 0.05 * random.normal()),
            ("gradient_norm/discriminator", (0.5 * random.normal()).exp()),
            ("gradient_norm/generator", 2.0 * (0.5 * random.normal()).exp()),
            ("balance/overpowered_discriminator", if t > 0.6 && t < 0.61 { f64::NAN } else { balance }),
            ("convergence/sliced_wasserstein", 0.05 + 0.4 * (-5.0 * t).exp() + 0.01 * random.normal()),
        ]
    };
    let mut last = None;
    for index in 1..=reports {
        let t = index as f64 / reports as f64;
        let values = values(t).map(|(name, mean)| (name.to_owned(), Moments { mean, std: 0.1, count: 50 }));
        let line = LogLine {
            step: index * 50,
            images: index * 3200,
            seconds: index as f64 * 8.5,
            images_per_second: 376.0 + 20.0 * (40.0 * t).sin(),
            values: values.into_iter().collect(),
        };
        writeln!(log, "{}", serde_json::to_string(&line)?)?;
        report.report(&line);
        last = Some(line);
    }
    std::fs::write(format!("{folder}/log.jsonl"), log)?;
    let images = last.map_or(0, |line| line.images);

    let tiles: Vec<Picture> = (0..32).map(|seed| blob(32, f64::from(seed) * 0.2)).collect();
    report.sample(
        images,
        "samples",
        grid(&tiles, &Grid { columns: 8, ..Grid::default() })?,
        "samples/latest.png",
    );
    let frames: Vec<Picture> =
        tiles.iter().map(|tile| strip(std::slice::from_ref(tile))).collect::<Result<_, _>>()?;
    save_gif(format!("{folder}/interpolation.gif"), &frames, 12.0)?;
    save_apng(format!("{folder}/interpolation.png"), &frames, 12.0)?;

    for warning in report.close() {
        eprintln!("warning: {warning}");
    }
    Ok(())
}

/// A soft spot of a colour, elsewhere for every phase.
fn blob(side: u32, phase: f64) -> Picture {
    let centre = (0.5 + 0.25 * phase.cos(), 0.5 + 0.25 * (1.7 * phase).sin());
    let mut picture = Picture::filled(side, side, [0; 3]);
    for (index, pixel) in picture.pixels.chunks_exact_mut(3).enumerate() {
        let x = (index as u32 % side) as f64 / f64::from(side) - centre.0;
        let y = (index as u32 / side) as f64 / f64::from(side) - centre.1;
        let light = (-14.0 * (x * x + y * y)).exp();
        for (channel, value) in pixel.iter_mut().enumerate() {
            let tint = 0.5 + 0.5 * (phase + 2.1 * channel as f64).cos();
            *value = (40.0 + 210.0 * light * tint) as u8;
        }
    }
    picture
}

/// A few lines of xorshift, so that the example needs no crate for its noise.
struct Random(u64);

impl Random {
    fn normal(&mut self) -> f64 {
        let mut sum = -6.0;
        for _ in 0..12 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            sum += (self.0 >> 11) as f64 / (1u64 << 53) as f64;
        }
        sum
    }
}
