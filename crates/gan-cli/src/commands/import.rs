//! `gan import`: published weights as a run that `gan translate` or `gan sample` uses.

use crate::config::{DataConfig, DeviceConfig, RunConfig};
use crate::failure::usage;
use crate::model::Model;
use crate::say::{line, note, quoted};
use crate::variants::{VariantConfig, VariantName};
use anyhow::{Context, Result};
use gan_core::data::Synthetic;
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::tensor::file::{self, Named};
use gan_core::tensor::pth;
use gan_core::trainer::{RunDir, TrainConfig, Trainer};
use gan_core::translation::{GeneratorKind, GeneratorOptions};
use std::path::{Path, PathBuf};

/// Which weights.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Whose weights they are: biggan, cyclegan, pix2pix or stylegan2
    #[arg(value_parser = variant)]
    variant: VariantName,
    /// A generator's file (.pth, .bin or .safetensors) as the authors' repository saves it; of CycleGAN also both, G_A first; of
    /// BigGAN, as BigGAN-PyTorch or pytorch-pretrained-biggan saves it, also its discriminator's; of StyleGAN2
    /// stylegan2-ada-pytorch's .pkl, which holds all networks
    #[arg(required = true, num_args = 1..=2, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Of pytorch-pretrained-biggan's files: the truncation that one will sample with, for its statistics [default: 1]
    #[arg(long, value_name = "X")]
    truncation: Option<f64>,
    /// Of StyleGAN2: the images that `gan resume` will train it on, a folder, zip or named set
    #[arg(long, value_name = "DATA")]
    data: Option<String>,
    /// The run's folder [default: runs/VARIANT-FILE]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  gan import cyclegan latest_net_G_A.pth                      one direction: a2b
  gan import cyclegan latest_net_G_A.pth latest_net_G_B.pth   both
  gan import pix2pix latest_net_G.pth --out runs/facades
  gan translate runs/facades labels/ --out facades/
  gan import biggan G_ema.pth D.pth
  gan import biggan pytorch_model.bin --truncation 0.4
  gan sample runs/biggan-pytorch_model --class 207 --truncation 0.4
  gan import stylegan2 ffhq.pkl
  gan import stylegan2 ffhq.pkl --data portraits/ --out runs/portraits     and train on: gan resume runs/portraits

The network is read off the weights: nothing has to be said about it.";

fn variant(word: &str) -> Result<VariantName, String> {
    match word {
        "stylegan2" => Ok(VariantName::Stylegan),
        word => {
            VariantName::of(word).ok_or_else(|| "expected biggan, cyclegan, pix2pix or stylegan2".to_owned())
        }
    }
}

/// Imports.
///
/// # Errors
/// Files that hold something else; a folder that is taken.
pub fn run(args: Args) -> Result<()> {
    if args.data.is_some() && args.variant != VariantName::Stylegan {
        return Err(usage("--data: is for stylegan2, whose files hold all that training goes on from"));
    }
    if args.variant == VariantName::Biggan {
        return biggan(args);
    }
    if args.truncation.is_some() {
        return Err(usage("--truncation: only published BigGANs have statistics for several"));
    }
    if args.variant == VariantName::Stylegan {
        return stylegan(args);
    }
    let mut generators = Vec::new();
    for path in &args.files {
        let (options, weights) = GeneratorOptions::of_published(read(path)?, path)?;
        if let Some(many) = [options.inputs, options.outputs].into_iter().find(|channels| *channels > 4) {
            let why = format!("is a network of {many} channels; pictures have 1 to 4");
            return Err(Error::data(path, why).into());
        }
        generators.push((options, weights));
    }
    let (gan, weights, size): (VariantConfig, Named, i64) = match (args.variant, generators.as_slice()) {
        (VariantName::Cyclegan, [(there, first), (back, second)]) => {
            if (back.inputs, back.outputs) != (there.outputs, there.inputs)
                || (back.kind, back.width, back.norm) != (there.kind, there.width, there.norm)
            {
                let [first, second] = [&args.files[0], &args.files[1]].map(|path| path.display().to_string());
                return Err(usage(format!("{second} is not the way back of {first}: their networks differ")));
            }
            let named = |prefix: &str, weights: &Named| -> Named {
                weights
                    .iter()
                    .map(|(name, tensor)| (format!("{prefix}.{name}"), tensor.shallow_clone()))
                    .collect()
            };
            let weights = [named("G_A", first), named("G_B", second)].into_iter().flatten().collect();
            let size = size_of(there.kind);
            let config = cyclegan::Config {
                size,
                channels_a: there.inputs,
                channels_b: there.outputs,
                generator: there.kind,
                generator_width: there.width,
                norm: there.norm,
                dropout: there.dropout,
                identity: if there.inputs == there.outputs { 0.5 } else { 0.0 },
                ..cyclegan::Config::default()
            };
            (VariantConfig::Cyclegan(config), weights, size)
        }
        // One generator is a model of one direction, whichever repository half it is from.
        (VariantName::Cyclegan | VariantName::Pix2pix, [(options, weights)]) => {
            let size = size_of(options.kind);
            let config = pix2pix::Config {
                size,
                channels_a: options.inputs,
                channels_b: options.outputs,
                generator: options.kind,
                generator_width: options.width,
                norm: options.norm,
                dropout: options.dropout,
                ..pix2pix::Config::default()
            };
            let weights =
                weights.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone())).collect();
            (VariantConfig::Pix2pix(config), weights, size)
        }
        (VariantName::Pix2pix, _) => return Err(usage("pix2pix has one generator; name one file")),
        (other, _) => {
            let why = format!(
                "{} has no published weights that this program reads; biggan, cyclegan, pix2pix and stylegan2 have",
                other.word()
            );
            return Err(usage(why));
        }
    };
    let out = args.out.unwrap_or_else(|| named_after(args.variant, &args.files[0]));
    write(gan, &[(weights, None)], DataConfig::default(), [&args.files[0], &out])?;
    line(format_args!(
        "imported into {}; it was made for images of about {size} pixels and takes any size\nuse it:  {} translate {} IMAGES",
        out.display(),
        crate::say::program(),
        quoted(&out)
    ));
    Ok(())
}

/// A generator and, if it was named, its discriminator.
fn biggan(args: Args) -> Result<()> {
    let first = &args.files[0];
    let truncation = args.truncation.unwrap_or(1.0);
    let (mut config, weights) = biggan::published::generator(read(first)?, first, truncation)?;
    let mut players = vec![(weights, None)];
    if args.truncation.is_some() && config.truncation != biggan::Truncation::Factor {
        return Err(usage(format!(
            "--truncation: {} has the same statistics for all; give it to `gan sample`",
            first.display()
        )));
    }
    if let Some(second) = args.files.get(1) {
        players.push((biggan::published::discriminator(&mut config, read(second)?, second)?, None));
    }
    let (size, classes) = (config.size, config.classes.len());
    let out = args.out.unwrap_or_else(|| named_after(VariantName::Biggan, first));
    write(VariantConfig::Biggan(config), &players, DataConfig::default(), [first, &out])?;
    line(format_args!(
        "imported into {}: images of {size} pixels of {classes} classes, named by their numbers\nuse it:  {} sample {} --class 0 --truncation 0.5",
        out.display(),
        crate::say::program(),
        quoted(&out)
    ));
    Ok(())
}

/// All networks of a pickle.
fn stylegan(args: Args) -> Result<()> {
    let [path] = &args.files[..] else {
        return Err(usage("stylegan2: one file holds all networks; name one"));
    };
    let bytes = std::fs::read(path).map_err(|source| Error::file(path, source))?;
    let found = stylegan::published::networks(&bytes, path)?;
    if let Some(why) = &found.left_out {
        note(format_args!(
            "note: the discriminator is left out, and training would begin with a new one ({why})"
        ));
    }
    let config = found.config;
    let (size, classes) = (config.size, config.classes.len());
    for weights in [&found.generator, &found.average] {
        check_finite(weights, path)?;
    }
    let mut players = vec![(found.generator, Some(found.average))];
    players.extend(found.discriminator.map(|weights| (weights, None)));
    let mut data = DataConfig::default();
    data.source = args.data.unwrap_or(data.source);
    let out = args.out.unwrap_or_else(|| named_after(VariantName::Stylegan, path));
    write(VariantConfig::Stylegan(config), &players, data, [path, &out])?;
    let of_classes =
        if classes > 0 { format!(" of {classes} classes, named by their numbers") } else { String::new() };
    line(format_args!(
        "imported into {}: images of {size} pixels{of_classes}\nuse it:  {} sample {} --psi 0.7",
        out.display(),
        crate::say::program(),
        quoted(&out)
    ));
    Ok(())
}

fn named_after(variant: VariantName, file: &Path) -> PathBuf {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    Path::new("runs").join(format!("{}-{stem}", variant.word()))
}

/// The size that a network was published for.
fn size_of(kind: GeneratorKind) -> i64 {
    match kind {
        GeneratorKind::Resnet6 | GeneratorKind::Unet128 => 128,
        kind => kind.smallest().max(256),
    }
}

fn read(path: &Path) -> Result<Named> {
    let bytes = std::fs::read(path).map_err(|source| Error::file(path, source))?;
    let named = match pth::is_one(&bytes) {
        true => pth::decode(&bytes, path)?,
        false => file::decode(&bytes, path).map_err(|_| {
            Error::data(path, "is neither a file of PyTorch's nor of safetensors, or not whole")
        })?,
    };
    check_finite(&named, path)?;
    Ok(named)
}

/// Refuses weights that would make black pictures of everything.
fn check_finite(weights: &Named, path: &Path) -> Result<()> {
    for (name, tensor) in weights {
        if tensor.is_floating_point() && !bool::try_from(tensor.f_isfinite()?.f_all()?)? {
            let why = format!("{name} holds numbers that are not finite; download it again");
            return Err(Error::data(path, why).into());
        }
    }
    Ok(())
}

/// A run of no images with these weights in its only checkpoint: each player's own, and those of its average where they differ.
fn write(
    gan: VariantConfig,
    players: &[(Named, Option<Named>)],
    data: DataConfig,
    [from, out]: [&Path; 2],
) -> Result<()> {
    let policy = DevicePolicy::resolve("cpu", "f32", 0)?;
    let config = RunConfig {
        preset: gan.variant().default_preset().to_owned(),
        from: String::new(),
        gan,
        train: TrainConfig::default(),
        data,
        device: DeviceConfig::of(&policy),
    };
    let gan = config.gan.build(&policy, config.train.seed)?;
    for (player, (weights, averaged)) in gan.players().into_iter().zip(players) {
        player.parameters().load(weights).with_context(|| from.display().to_string())?;
        if let (Some(average), Some(weights)) = (player.average(), averaged) {
            average.parameters.load(weights)?;
        }
    }
    let run = RunDir::create(out, &config.to_toml()?)?;
    let identity = gan.identity(&config.to_value())?;
    let mut trainer = Trainer::new(config.train.clone(), policy, run, identity)?;
    // Nothing is drawn: a checkpoint wants to know where in its data a run stands.
    let shape = [1, 1, 4, 4];
    match gan {
        Model::Generator(mut gan) => {
            trainer.save_now(gan.as_mut(), &mut Synthetic::new(shape, 0, 1, policy.device))?
        }
        Model::Translator(mut gan) => {
            trainer.save_now(gan.as_mut(), &mut Synthetic::pairs([shape; 2], 1, policy.device))?
        }
    };
    Ok(trainer.finish()?)
}
