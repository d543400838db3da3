//! What commands with styles have in common: a generator with styles, its layers, styles in files, and where a sheet goes.

use crate::failure::usage;
use crate::labels;
use crate::located::{self, Located};
use crate::machine::Machine;
use crate::pictures::{Format, save};
use crate::say::{line, note};
use crate::weights::WeightChoice;
use anyhow::Result;
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::tensor::file;
use gan_core::variant::{Generate, GenerateOptions, Styled};
use gan_report::Picture;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use tch::{Device, Kind, Tensor};

/// Which GAN, how it is asked, and where the sheet goes.
#[derive(Debug, clap::Args)]
pub struct StyleChoice {
    /// A run's folder (its newest checkpoint is used) or a checkpoint's
    #[arg(value_name = "RUN|CHECKPOINT")]
    from: PathBuf,
    /// The run as it was when its samples were best, instead of its newest checkpoint
    #[arg(long)]
    best: bool,
    /// How far styles are from the average one: psi, 1 for as in training
    #[arg(long, visible_alias = "psi", value_name = "X")]
    truncation: Option<f64>,
    #[command(flatten)]
    labels: labels::Choice,
    #[command(flatten)]
    weights: WeightChoice,
    /// The sheet's file [default: in `generated` in the run's folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    machine: Machine,
}

/// A loaded generator that has styles.
pub struct Chosen {
    generator: Box<dyn Generate>,
    labels: labels::Labels,
    policy: DevicePolicy,
    located: Located,
    out: Option<PathBuf>,
    /// Truncation and noise.
    pub options: GenerateOptions,
}

impl StyleChoice {
    /// Loads it.
    ///
    /// # Errors
    /// A checkpoint that cannot be used, or of a GAN without styles.
    pub fn load(self) -> Result<Chosen> {
        crate::latents::check_truncation(self.truncation)?;
        let located = Located::find(&self.from)?;
        let checkpoint = if self.best { located.best()? } else { located.some_checkpoint()? };
        let policy = self.machine.policy()?;
        let generator = located::load_generator(&checkpoint, &policy, self.weights.chosen())?;
        if generator.styled().is_none() {
            return Err(usage(format!(
                "{}: a {} has no styles; stylegan and stylegan1 have",
                self.from.display(),
                checkpoint.meta.variant
            )));
        }
        let labels = self.labels.of(generator.as_ref())?;
        let options = GenerateOptions { truncation: self.truncation, ..GenerateOptions::default() };
        Ok(Chosen { generator, labels, policy, located, out: self.out, options })
    }
}

impl Chosen {
    /// The GAN by its styles.
    ///
    /// # Errors
    /// None: it was loaded for them.
    pub fn styled(&self) -> Result<&dyn Styled> {
        self.generator.styled().ok_or_else(|| usage("it has no styles"))
    }

    /// Styles of seeds, `[N, layers, style]`.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn of_seeds(&self, seeds: &[u64]) -> Result<Tensor> {
        let z = crate::latents::of_seeds(self.generator.as_ref(), seeds)?.f_to_device(self.policy.device)?;
        let first = seeds.first().copied().unwrap_or(0);
        let labels = self.labels.tensor(self.generator.as_ref(), seeds, first, self.policy.device)?;
        Ok(self.styled()?.styles(&z, labels.as_ref(), &self.options)?)
    }

    /// Styles that `gan project` has written, `[N, layers, style]`.
    ///
    /// # Errors
    /// As [`of_file`].
    pub fn of_file(&self, path: &Path) -> Result<Tensor> {
        of_file(path, self.generator.as_ref(), &self.labels, &self.options, self.policy.device)
    }

    /// Pictures of styles.
    ///
    /// # Errors
    /// LibTorch's, such as no memory.
    pub fn pictures(&self, styles: &Tensor) -> Result<Vec<Picture>> {
        crate::pictures::of_images(&self.styled()?.of_styles(styles, &self.options)?)
    }

    /// Layers as they were asked for: all without a word.
    ///
    /// # Errors
    /// Layers that the GAN does not have.
    pub fn layers(&self, asked: Option<&str>, most: i64) -> Result<RangeInclusive<i64>> {
        let Some(text) = asked else { return Ok(0..=most) };
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        match (first.trim().parse::<i64>(), last.trim().parse::<i64>()) {
            (Ok(first), Ok(last)) if 0 <= first && first <= last && last <= most => Ok(first..=last),
            _ => Err(usage(format!(
                "--layers {text}: expected one of 0 to {most}, or a range of them such as 0-3"
            ))),
        }
    }

    /// Writes a sheet.
    ///
    /// # Errors
    /// A place that cannot be written.
    pub fn save(&self, sheet: &Picture, name: &str) -> Result<()> {
        let default = || self.located.run().unwrap_or(Path::new(".")).join("generated").join(name);
        let path = self.out.clone().unwrap_or_else(default);
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(|source| Error::file(folder, source))?;
        }
        let ending = path.extension().map(|text| text.to_string_lossy().into_owned()).unwrap_or_default();
        let format = <Format as clap::ValueEnum>::from_str(&ending, true).map_err(|_| {
            usage(format!("--out {}: expected a file that ends in .png, .jpg or .webp", path.display()))
        })?;
        save(sheet, &path, format)?;
        line(format_args!("wrote {}", path.display()));
        Ok(())
    }
}

/// A file of styles' tensors: the styles, and the average style of the network that they were found in.
const NAMES: [&str; 2] = ["w", "average"];

/// How far the average style may have moved, as a part of its length, before styles are said to be of another network. A run
/// that goes on for a while moves it less; another run has another one altogether.
const MOVED: f64 = 0.1;

/// A network's average style, `[1, layers, style]`.
fn average(
    generator: &dyn Generate,
    styled: &dyn Styled,
    labels: &labels::Labels,
    options: &GenerateOptions,
    device: Device,
) -> Result<Tensor> {
    // A style that is drawn to the average all the way is the average.
    let z = crate::latents::of_seeds(generator, &[0])?.f_to_device(device)?;
    let labels = labels.tensor(generator, &[0], 0, device)?;
    let wholly = GenerateOptions { truncation: Some(0.0), ..*options };
    Ok(styled.styles(&z, labels.as_ref(), &wholly)?)
}

/// Writes styles `[N, layers, style]` of a GAN, for [`of_file`].
///
/// # Errors
/// A place that cannot be written.
pub fn to_file(
    path: &Path,
    styles: Tensor,
    (generator, labels, options, device): (&dyn Generate, &labels::Labels, &GenerateOptions, Device),
) -> Result<()> {
    let styled = generator.styled().ok_or_else(|| usage("it has no styles"))?;
    let average = average(generator, styled, labels, options, device)?;
    let tensors = NAMES.map(str::to_owned).into_iter().zip([styles, average]).collect::<Vec<_>>();
    Ok(gan_report::write_file(path, &file::encode(&tensors)?)?)
}

/// Styles that `gan project` has written, truncated as the options say, `[N, layers, style]` on the device; those that were
/// found in another network are taken with a word.
///
/// # Errors
/// A GAN without styles, a file of something else, styles of another network.
pub fn of_file(
    path: &Path,
    generator: &dyn Generate,
    labels: &labels::Labels,
    options: &GenerateOptions,
    device: Device,
) -> Result<Tensor> {
    let Some(styled) = generator.styled() else {
        return Err(usage(format!(
            "--w {}: this GAN has no styles; stylegan and stylegan1 have",
            path.display()
        )));
    };
    let average = average(generator, styled, labels, options, device)?;
    let mut tensors = file::read(path)?;
    let mut take = |name: &str| {
        let at = tensors.iter().position(|(found, _)| found == name)?;
        Some(tensors.swap_remove(at).1)
    };
    let [styles, theirs] = NAMES.map(&mut take);
    let Some(styles) = styles else {
        let why =
            format!("holds no styles: there is no tensor `{}` in it, such as `gan project` writes", NAMES[0]);
        return Err(Error::data(path, why).into());
    };
    let [_, layers, length] = average.size()[..] else { return Err(usage("styles have no layers")) };
    let size = styles.size();
    if size.len() != 3 || size[1..] != [layers, length] {
        let why = format!(
            "holds styles of shape {size:?}, and this network takes [N, {layers}, {length}]: they are another's"
        );
        return Err(Error::data(path, why).into());
    }
    if let Some(theirs) = theirs.filter(|theirs| theirs.size() == average.size()) {
        let moved = theirs.f_to_device(device)?.f_sub(&average)?.f_norm()?.f_double_value(&[])?;
        if moved > MOVED * average.f_norm()?.f_double_value(&[])? {
            note(format_args!(
                "--w {}: these styles were found in another network, or in this one at another time: the average style was another, so expect other pictures",
                path.display()
            ));
        }
    }
    let styles = styles.f_to_device(device)?.f_to_kind(Kind::Float)?;
    Ok(match options.truncation {
        None => styles,
        Some(psi) => average.f_add(&styles.f_sub(&average)?.f_mul_scalar(psi)?)?,
    })
}

/// The seeds of a list such as `85,100-103`.
///
/// # Errors
/// Something else.
pub fn seeds(option: &str, words: &[String]) -> Result<Vec<u64>> {
    const MOST: usize = 64;
    let mut seeds = Vec::new();
    for word in words {
        let (first, last) = word.split_once('-').unwrap_or((word, word));
        match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => {
                // As many as are counted: more would only be refused.
                seeds.extend((first..=last).take(MOST + 1));
            }
            _ => return Err(usage(format!("{option} {word}: expected seeds, such as 3,14 or 0-7"))),
        }
    }
    match seeds.len() {
        1..=MOST => Ok(seeds),
        0 => Err(usage(format!("{option}: names no seeds"))),
        _ => Err(usage(format!("{option}: names more seeds than the {MOST} that go on a sheet"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_seeds_are_read() {
        let of = |text: &str| seeds("--rows", &text.split(',').map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(of("85,100-102").expect("seeds"), [85, 100, 101, 102]);
        for wrong in ["", "a", "5-3", "0-100", "-1"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
