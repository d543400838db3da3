//! `gan interpolate`: pictures on the way from one seed to the next.

use crate::failure::usage;
use crate::labels;
use crate::latents;
use crate::located::{self, Located};
use crate::machine::Machine;
use crate::pictures;
use crate::say::line;
use crate::styles;
use crate::weights::WeightChoice;
use anyhow::Result;
use clap::ValueEnum;
use gan_core::error::Error;
use gan_core::variant::{Attribute, Generate, GenerateOptions, Styled};
use gan_report::{Grid, Picture};
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// Between which seeds, in how many steps.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// A run's folder (its newest checkpoint is used) or a checkpoint's
    #[arg(value_name = "RUN|CHECKPOINT")]
    from_run: PathBuf,
    /// The seeds to pass through, in this order
    #[arg(long, value_delimiter = ',', value_name = "A,B,...", conflicts_with_all = ["from", "to"])]
    seeds: Vec<u64>,
    /// The first seed of two
    #[arg(long, requires = "to", value_name = "SEED")]
    from: Option<u64>,
    /// The last seed of two
    #[arg(long, requires = "from", value_name = "SEED")]
    to: Option<u64>,
    /// Of StyleGAN: a picture to pass through that `gan project` has found, by its w.safetensors; repeated, instead of seeds
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seeds", "from", "to", "class", "from_class", "attributes"])]
    w: Vec<PathBuf>,
    /// Pictures from one seed to the next, both included
    #[arg(long, default_value_t = 16, value_parser = clap::value_parser!(u32).range(2..=1000), value_name = "N")]
    steps: u32,
    /// Go on from the last seed to the first, so that the animation has no jump
    #[arg(long = "loop")]
    closed: bool,
    /// The animation's kind: gif opens everywhere, apng has true colours, mp4 needs ffmpeg
    #[arg(long, value_enum, default_value = "gif")]
    animation: Animation,
    /// Pictures per second of the animation
    #[arg(long, default_value_t = 12.0, value_name = "X")]
    fps: f64,
    /// The files' path without an ending; a folder gets both files with names of their own
    /// [default: `generated` in the run's folder]
    #[arg(long, value_name = "DIR|STEM")]
    out: Option<PathBuf>,
    /// Less variety, more typical pictures, the lower: latents times X, of BigGAN none beyond X, of StyleGAN psi
    #[arg(long, visible_alias = "psi", value_name = "X")]
    truncation: Option<f64>,
    /// The class of all pictures, by name or number, for GANs that know classes [default: the first]
    #[arg(long, value_name = "NAME|N")]
    class: Option<String>,
    /// The class to begin with; with one seed only the class changes
    #[arg(long, value_name = "NAME|N", requires = "to_class", conflicts_with = "class")]
    from_class: Option<String>,
    /// The class to end with
    #[arg(long, value_name = "NAME|N", requires = "from_class")]
    to_class: Option<String>,
    /// An attribute, for GANs that know some: the same in all pictures, or changing from A to B; can be repeated
    /// [default: the middle]
    #[arg(long = "attribute", value_name = "NAME=X|A..B")]
    attributes: Vec<String>,
    #[command(flatten)]
    weights: WeightChoice,
    #[command(flatten)]
    machine: Machine,
}

const EXAMPLES: &str = "\
Examples:
  gan interpolate runs/dcgan-fashion-mnist-32-001
  gan interpolate runs/mine --seeds 3,14,15 --steps 32 --loop
  gan interpolate runs/mine --w a/w.safetensors --w b/w.safetensors --loop
  gan interpolate runs/mine --from 1 --to 2 --animation apng --out morph
  gan interpolate runs/cgan-mine-001 --seeds 5 --from-class sandal --to-class \"ankle boot\"
  gan interpolate runs/cgan-mine-001 --seeds 5 --attribute tilt=-30..30";

/// An animation's file format.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Animation {
    /// 256 colours a picture, opens everywhere
    Gif,
    /// True colours, opens in browsers
    Apng,
    /// A video, by the program ffmpeg
    Mp4,
}

/// Pictures that are generated together.
const AT_A_TIME: i64 = 64;

/// Generates and writes.
///
/// # Errors
/// A checkpoint or a place that cannot be used.
pub fn run(args: Args) -> Result<()> {
    let seeds = seeds(&args)?;
    latents::check_truncation(args.truncation)?;
    if !(args.fps.is_finite() && (0.01..=100.0).contains(&args.fps)) {
        return Err(usage(format!("--fps {}: expected a number from 0.01 to 100", args.fps)));
    }
    let located = Located::find(&args.from_run)?;
    let checkpoint = located.some_checkpoint()?;
    if located::config_of(&checkpoint)?.gan.size() == 1 {
        let run = args.from_run.display();
        return Err(usage(format!("{run}: it makes points, not pictures; see them with `gan sample {run}`")));
    }
    let policy = args.machine.policy()?;
    let generator = located::load_generator(&checkpoint, &policy, args.weights.chosen())?;
    let labels = Ends::of(generator.as_ref(), &args)?;
    let ends = latents::of_seeds(generator.as_ref(), &seeds)?;
    let options = GenerateOptions { truncation: args.truncation, ..GenerateOptions::default() };
    let mut rows: Vec<Vec<Picture>> = Vec::new();
    if let (Some(stops), Some(styled)) =
        (found(&args, generator.as_ref(), &options, policy.device)?, generator.styled())
    {
        for index in 0..stops.size()[0] - 1 {
            rows.push(along_styles(styled, &stops.f_narrow(0, index, 2)?, args.steps, &options)?);
        }
        return write(&args, &located, &seeds, &rows);
    }
    for index in 0..seeds.len() as i64 - 1 {
        let way_of_labels = labels.way(index, seeds.len() as i64 - 1, args.steps, args.closed)?;
        if let Some(styled) = generator.styled() {
            let z = ends.f_narrow(0, index, 2)?.f_to_device(policy.device)?;
            let at_ends = |way: &Tensor| -> Result<Tensor> {
                let last = Tensor::from_slice(&[0i64, i64::from(args.steps) - 1]);
                Ok(way.f_index_select(0, &last)?.f_to_device(policy.device)?)
            };
            let labels = way_of_labels.as_ref().map(at_ends).transpose()?;
            rows.push(along_styles(
                styled,
                &styled.styles(&z, labels.as_ref(), &options)?,
                args.steps,
                &options,
            )?);
            continue;
        }
        let way = latents::spherical(&ends.f_get(index)?, &ends.f_get(index + 1)?, args.steps as usize)?;
        let mut row = Vec::new();
        for first in (0..i64::from(args.steps)).step_by(AT_A_TIME as usize) {
            let count = AT_A_TIME.min(i64::from(args.steps) - first);
            let z = way.f_narrow(0, first, count)?.f_to_device(policy.device)?;
            let labels = match &way_of_labels {
                Some(way) => Some(way.f_narrow(0, first, count)?.f_to_device(policy.device)?),
                None => None,
            };
            row.extend(pictures::of_images(&generator.generate(&z, labels.as_ref(), &options)?)?);
        }
        rows.push(row);
    }

    write(&args, &located, &seeds, &rows)
}

/// The styles of files to pass through, `[N, layers, style]`, if there are some.
fn found(
    args: &Args,
    generator: &dyn Generate,
    options: &GenerateOptions,
    device: Device,
) -> Result<Option<Tensor>> {
    if args.w.is_empty() {
        return Ok(None);
    }
    let labels = labels::Choice::default().of(generator)?;
    let mut stops = args
        .w
        .iter()
        .map(|path| styles::of_file(path, generator, &labels, options, device))
        .collect::<Result<Vec<Tensor>>>()?;
    if args.closed {
        stops.push(stops[0].f_narrow(0, 0, 1)?);
    }
    let stops = Tensor::f_cat(&stops, 0)?;
    match stops.size()[0] {
        0 | 1 => Err(usage("--w: expected at least two, such as --w a/w.safetensors --w b/w.safetensors")),
        _ => Ok(Some(stops)),
    }
}

fn write(args: &Args, located: &Located, seeds: &[u64], rows: &[Vec<Picture>]) -> Result<()> {
    let (strip, animation) = targets(args, located, seeds)?;
    gan_report::save_png(&strip, &pictures::sheet(&rows.concat(), args.steps as usize)?)?;
    line(format_args!("wrote {}", strip.display()));
    let frames = frames(rows, args.closed)?;
    match args.animation {
        Animation::Gif => gan_report::save_gif(&animation, &frames, args.fps)?,
        Animation::Apng => gan_report::save_apng(&animation, &frames, args.fps)?,
        Animation::Mp4 => gan_report::save_mp4(&animation, &frames, args.fps)?,
    }
    line(format_args!("wrote {} ({} pictures)", animation.display(), frames.len()));
    Ok(())
}

/// Pictures on the straight way between two styles, `[2, layers, style]`: styles are made for it (Karras et al. 2019, section 4).
fn along_styles(
    styled: &dyn Styled,
    ends: &Tensor,
    steps: u32,
    options: &GenerateOptions,
) -> Result<Vec<Picture>> {
    let (from, to) = (ends.f_get(0)?, ends.f_get(1)?);
    let at: Vec<f32> = (0..steps).map(|step| step as f32 / (steps - 1) as f32).collect();
    let mut row = Vec::new();
    for at in at.chunks(AT_A_TIME as usize) {
        let at = Tensor::from_slice(at).f_to_device(from.device())?.f_reshape([-1, 1, 1])?;
        let styles = from.f_add(&to.f_sub(&from)?.f_mul(&at)?)?;
        row.extend(pictures::of_images(&styled.of_styles(&styles, options)?)?);
    }
    Ok(row)
}

fn seeds(args: &Args) -> Result<Vec<u64>> {
    let mut seeds = match (args.from, args.to) {
        (Some(from), Some(to)) => vec![from, to],
        _ if args.seeds.is_empty() && args.from_class.is_some() => vec![1],
        _ if args.seeds.is_empty() => vec![1, 2, 3, 4],
        _ => args.seeds.clone(),
    };
    let labels_change = args.from_class.is_some() || args.attributes.iter().any(|text| text.contains(".."));
    match seeds.len() {
        0 => return Err(usage("--seeds: expected at least one")),
        // Only the labels change.
        1 if labels_change => seeds.push(seeds[0]),
        1 => return Err(usage("--seeds: expected at least two, such as --seeds 1,2")),
        _ => {}
    }
    if args.closed {
        seeds.push(seeds[0]);
    }
    Ok(seeds)
}

/// Labels at the beginning and at the end, f32 `[K]`: shares of classes or attributes; none where the GAN takes none.
struct Ends(Option<[Tensor; 2]>);

impl Ends {
    fn of(generator: &dyn Generate, args: &Args) -> Result<Self> {
        let known = generator.attributes();
        if let (Some(text), true) = (args.attributes.first(), known.is_empty()) {
            return Err(usage(format!("--attribute {text}: this GAN knows no attributes")));
        }
        let names = generator.class_names();
        let share = |option: &str, word: Option<&String>| -> Result<Tensor> {
            let class = word.map_or(Ok(0), |word| labels::class_number(option, word, names))?;
            let one = Tensor::f_zeros([names.len() as i64], (Kind::Float, Device::Cpu))?;
            let _ = one.f_get(class)?.f_fill_(1.0)?;
            Ok(one)
        };
        let (from, to, one) = (args.from_class.as_ref(), args.to_class.as_ref(), args.class.as_ref());
        if !names.is_empty() || from.or(one).is_some() {
            let ends = match (from, to) {
                (None, None) => [share("--class", one)?, share("--class", one)?],
                _ => [share("--from-class", from)?, share("--to-class", to)?],
            };
            return Ok(Self(Some(ends)));
        }
        if known.is_empty() {
            return Ok(Self(None));
        }
        let middle = |attribute: &Attribute| ((attribute.low + attribute.high) / 2.0) as f32;
        let mut ends = [0, 1].map(|_| known.iter().map(middle).collect::<Vec<f32>>());
        for text in &args.attributes {
            let (index, values) = labels::attribute(text, known)?;
            let (from, to) = values.split_once("..").unwrap_or((values, values));
            for (end, value) in ends.iter_mut().zip([from, to]) {
                end[index] = labels::number(text, value, &known[index])?;
            }
        }
        let [from, to] = ends;
        Ok(Self(Some([Tensor::f_from_slice(&from)?, Tensor::f_from_slice(&to)?])))
    }

    /// The `index`-th of `parts` parts of the way, both its ends included, f32 `[steps, K]`; of a closed way there and back.
    fn way(&self, index: i64, parts: i64, steps: u32, closed: bool) -> Result<Option<Tensor>> {
        let Some([from, to]) = &self.0 else { return Ok(None) };
        let at = |step: u32| {
            let at = (index as f32 + step as f32 / (steps - 1) as f32) / parts as f32;
            if closed { 1.0 - (2.0 * at - 1.0).abs() } else { at }
        };
        let at: Vec<f32> = (0..steps).map(at).collect();
        let at = Tensor::f_from_slice(&at)?.f_unsqueeze(1)?;
        Ok(Some(from.f_add(&to.f_sub(from)?.f_mul(&at)?)?))
    }
}

/// Every picture once and large enough to be seen; a way that is not closed is gone back, so that
/// nothing jumps.
fn frames(rows: &[Vec<Picture>], closed: bool) -> Result<Vec<Picture>> {
    let large = |picture: &Picture| -> Result<Picture> {
        let layout = Grid { padding: 0, smallest_side: 128, ..Grid::default() };
        Ok(gan_report::grid(std::slice::from_ref(picture), &layout)?)
    };
    // The end of a row is the beginning of the next.
    let mut frames: Vec<Picture> =
        rows.iter().flat_map(|row| &row[..row.len() - 1]).map(large).collect::<Result<_>>()?;
    if !closed && let Some(last) = rows.last().and_then(|row| row.last()) {
        let back: Vec<Picture> = frames.iter().skip(1).rev().cloned().collect();
        frames.push(large(last)?);
        frames.extend(back);
    }
    Ok(frames)
}

fn targets(args: &Args, located: &Located, seeds: &[u64]) -> Result<(PathBuf, PathBuf)> {
    let words: Vec<String> = match args.w.is_empty() {
        true => seeds.iter().take(8).map(u64::to_string).collect(),
        false => vec!["w".to_owned()],
    };
    let labels =
        [&args.class, &args.from_class, &args.to_class].into_iter().flatten().chain(&args.attributes);
    let labels: String = labels.map(|word| format!("-{}", labels::plain(word).replace(' ', "-"))).collect();
    let name = format!("interpolation-{}{}", words.join("-"), labels.to_lowercase());
    let stem = match &args.out {
        Some(out) if out.is_dir() || out.as_os_str().to_string_lossy().ends_with('/') => out.join(name),
        Some(out) => out.clone(),
        None => located.run().unwrap_or(Path::new(".")).join("generated").join(name),
    };
    if let Some(folder) = stem.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))?;
    }
    // Not `with_extension`: it would cut a name such as `v1.5` short.
    let with = |ending: &str| {
        let known = [".png", ".gif", ".apng", ".mp4"];
        let text = stem.to_string_lossy().into_owned();
        let bare = known.iter().find_map(|ending| text.strip_suffix(ending)).unwrap_or(&text);
        PathBuf::from(format!("{bare}{ending}"))
    };
    // An animated PNG called .png would overwrite the strip.
    let animation = match args.animation {
        Animation::Gif => with(".gif"),
        Animation::Apng => with(".apng"),
        Animation::Mp4 => with(".mp4"),
    };
    Ok((with(".png"), animation))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_jumps_and_nothing_is_shown_twice() {
        let picture = |value: u8| Picture { width: 1, height: 1, channels: 1, pixels: vec![value] };
        let rows = vec![vec![picture(1), picture(2), picture(3)], vec![picture(3), picture(4), picture(5)]];
        let values = |closed| -> Vec<u8> {
            frames(&rows, closed).expect("frames").iter().map(|picture| picture.pixels[0]).collect()
        };
        assert_eq!(values(false), [1, 2, 3, 4, 5, 4, 3, 2]);
        assert_eq!(values(true), [1, 2, 3, 4]);
        assert_eq!(frames(&rows, true).expect("frames")[0].width, 128);
    }
}
