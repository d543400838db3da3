//! `gan directions`: what changes most in pictures when styles move, without looking at a single one: SeFa (Shen and Zhou 2021,
//! "Closed-Form Factorization of Latent Semantics in GANs").

use crate::failure::usage;
use crate::pictures;
use crate::say::line;
use crate::styles::{self, StyleChoice};
use anyhow::Result;
use std::path::PathBuf;
use tch::{Kind, Tensor};

/// How many directions, of which pictures, how far.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    choice: StyleChoice,
    /// Directions, the strongest first: one a row
    #[arg(long, default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=64), value_name = "N")]
    count: u32,
    /// The picture that is moved; with several the sheets stand below each other
    #[arg(long, value_delimiter = ',', default_value = "1", value_name = "A,B-C,...")]
    seeds: Vec<String>,
    /// A picture that `gan project` has found, by its w.safetensors, instead of seeds
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    w: Option<PathBuf>,
    /// Layers that are moved, coarse ones first [default: all]
    #[arg(long, value_name = "A-B")]
    layers: Option<String>,
    /// How far to either side
    #[arg(long, default_value_t = 3.0, value_name = "X")]
    strength: f64,
    /// Pictures of a row, the middle one unmoved
    #[arg(long, default_value_t = 7, value_parser = clap::value_parser!(u32).range(2..=31), value_name = "N")]
    steps: u32,
}

const EXAMPLES: &str = "\
Examples:
  gan directions runs/stylegan-small-32-001
  gan directions runs/stylegan-small-32-001 --w runs/stylegan-small-32-001/projected/shoe/w.safetensors
  gan directions runs/stylegan-small-32-001 --layers 0-3 --count 4 --seeds 1,7 --strength 5";

/// Finds and writes.
///
/// # Errors
/// A GAN without styles; layers that it does not have; a place that cannot be written.
pub fn run(args: Args) -> Result<()> {
    let seeds = styles::seeds("--seeds", &args.seeds)?;
    if !(args.strength > 0.0 && args.strength <= 1000.0) {
        return Err(usage(format!("--strength {}: expected a number above 0, up to 1000", args.strength)));
    }
    let chosen = args.choice.load()?;
    let styled = chosen.styled()?;
    // The last layer is that to colours, which is told the style of the one before.
    let layers = chosen.layers(args.layers.as_deref(), styled.style_layers() - 2)?;
    let weights = styled.style_weights(layers.clone())?;
    // Eigenvectors of A^T A: directions in which factors of channels change most.
    let (squares, directions) = weights.f_transpose(0, 1)?.f_matmul(&weights)?.f_linalg_eigh("L")?;
    let (squares, directions) = (squares.f_flip([0i64])?, directions.f_transpose(0, 1)?.f_flip([0i64])?);
    let count = i64::from(args.count).min(directions.size()[0]);
    let moved = match &args.w {
        None => chosen.of_seeds(&seeds)?,
        Some(path) => chosen.of_file(path)?,
    };
    let mut sheet = Vec::new();
    for picture in 0..moved.size()[0] {
        let own = moved.f_narrow(0, picture, 1)?;
        for at in 0..count {
            let direction = directions.f_get(at)?.f_to_device(own.device())?.f_reshape([1, 1, -1])?;
            let mut row = Vec::new();
            for step in 0..args.steps {
                let by = args.strength * (2.0 * f64::from(step) / f64::from(args.steps - 1) - 1.0);
                let moved = own.f_add(&direction.f_mul_scalar(by)?)?;
                let (first, last) = (*layers.start(), *layers.end() + 1);
                let parts = [
                    own.f_narrow(1, 0, first)?,
                    moved.f_narrow(1, first, last - first)?,
                    own.f_narrow(1, last, own.size()[1] - last)?,
                ];
                row.push(Tensor::f_cat(&parts, 1)?);
            }
            sheet.extend(chosen.pictures(&Tensor::f_cat(&row, 0)?)?);
        }
    }
    let squares: Vec<f64> = Vec::try_from(squares.f_narrow(0, 0, count)?.f_to_kind(Kind::Double)?)?;
    let strongest: Vec<String> =
        squares.iter().map(|square| format!("{:.3}", square.max(0.0).sqrt())).collect();
    line(format_args!("singular values, a row each: {}", strongest.join(" ")));
    let sheet = pictures::sheet(&sheet, args.steps as usize)?;
    chosen.save(&sheet, &format!("directions-layers{}-{}.png", layers.start(), layers.end()))
}
