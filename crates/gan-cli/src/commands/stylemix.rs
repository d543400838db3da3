//! `gan stylemix`: coarse styles of some pictures with fine styles of others (Karras et al. 2019, figure 3).

use crate::pictures;
use crate::styles::{self, StyleChoice};
use anyhow::Result;
use gan_report::Picture;
use tch::{Kind, Tensor};

/// Which pictures, and in which layers.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(flatten)]
    choice: StyleChoice,
    /// Seeds of the pictures that keep their styles, one a row
    #[arg(long, value_delimiter = ',', default_value = "1-4", value_name = "A,B-C,...")]
    rows: Vec<String>,
    /// Seeds of the pictures that give theirs, one a column
    #[arg(long, value_delimiter = ',', default_value = "11-16", value_name = "A,B-C,...")]
    cols: Vec<String>,
    /// Layers that are told the columns' styles, coarse ones first [default: the first half]
    #[arg(long, value_name = "A-B")]
    layers: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  gan stylemix runs/stylegan-small-32-001
  gan stylemix runs/stylegan-small-32-001 --rows 85,100 --cols 55,821 --layers 0-3 --truncation 0.7
  gan stylemix runs/mine --layers 4-7 --out fine.png";

/// Mixes and writes.
///
/// # Errors
/// A GAN without styles; layers that it does not have; a place that cannot be written.
pub fn run(args: Args) -> Result<()> {
    let rows = styles::seeds("--rows", &args.rows)?;
    let cols = styles::seeds("--cols", &args.cols)?;
    let chosen = args.choice.load()?;
    let most = chosen.styled()?.style_layers() - 1;
    let layers = match &args.layers {
        None => 0..=most / 2,
        given => chosen.layers(given.as_deref(), most)?,
    };
    let (of_rows, of_cols) = (chosen.of_seeds(&rows)?, chosen.of_seeds(&cols)?);
    let given = chosen.pictures(&of_cols)?;
    let corner = given.first().map(blank);
    let mut sheet: Vec<Picture> = corner.into_iter().chain(given).collect();
    let taken = Tensor::f_arange(most + 1, (Kind::Int64, of_rows.device()))?;
    let taken =
        taken.f_ge(*layers.start())?.f_logical_and(&taken.f_le(*layers.end())?)?.f_reshape([1, -1, 1])?;
    for row in 0..rows.len() as i64 {
        let own = of_rows.f_narrow(0, row, 1)?;
        sheet.extend(chosen.pictures(&own)?);
        sheet.extend(chosen.pictures(&of_cols.f_where_self(&taken, &own)?)?);
    }
    let sheet = pictures::sheet(&sheet, cols.len() + 1)?;
    chosen.save(&sheet, &format!("stylemix-layers{}-{}.png", layers.start(), layers.end()))
}

/// A white picture of the same size.
fn blank(like: &Picture) -> Picture {
    Picture { pixels: vec![255; like.pixels.len()], ..like.clone() }
}
