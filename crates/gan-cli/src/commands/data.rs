//! `gan data`: which data sets there are, how to get them, what is in them.

use crate::class_folders::{self, ClassFolders};
use crate::config::amount;
use crate::failure::usage;
use crate::pictures;
use crate::progress;
use crate::say::{bytes, line, note, thousands};
use anyhow::Result;
use clap::Subcommand;
use gan_core::error::Error;
use gan_data::{DataSet, Fit, Options, SheetOptions};
use std::path::{Path, PathBuf};
use tch::{Kind, Tensor};

/// What to do with data sets.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    #[command(subcommand)]
    action: Action,
}

const EXAMPLES: &str = "\
Examples:
  gan data list
  gan data fetch fashion-mnist
  gan data inspect photos/ --sheet photos.png";

#[derive(Debug, Subcommand)]
enum Action {
    /// The data sets that have names, and where they are
    #[command(after_help = "Example:\n  gan data list")]
    List,
    /// Get a data set for all users of this account's cache
    #[command(after_help = FETCH_EXAMPLES)]
    Fetch {
        /// Its name
        name: String,
        /// Take it from this folder or file instead of the network
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Write a set as a folder of PNGs, with a folder for each class
    #[command(after_help = EXPORT_EXAMPLES)]
    Export {
        /// A data set's name, or a folder, zip, IDX or CIFAR file of images
        data: String,
        /// A new folder
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Only the first so many images of each class
        #[arg(long, value_parser = amount::positive, value_name = "N")]
        per_class: Option<u64>,
        /// Height and width in pixels [default: the data's size, or 64]
        #[arg(long, value_parser = amount::positive, value_name = "N")]
        size: Option<u64>,
    },
    /// Count images, sizes, channels, classes and broken files
    #[command(after_help = INSPECT_EXAMPLES)]
    Inspect {
        /// A data set's name, or a folder, zip, IDX or CIFAR file of images
        data: String,
        /// Draw a contact sheet
        #[arg(long, value_name = "FILE.png")]
        sheet: Option<PathBuf>,
        /// The sheet's images, in pixels [default: the data's size, or 64]
        #[arg(long, value_parser = amount::positive, value_name = "N")]
        size: Option<u64>,
        /// The sheet's images in a row
        #[arg(long, default_value_t = 16, value_name = "N")]
        columns: u32,
        /// The sheet's rows, at most
        #[arg(long, default_value_t = 10, value_name = "N")]
        rows: u32,
        /// Stop at the first broken image
        #[arg(long)]
        strict: bool,
    },
}

const FETCH_EXAMPLES: &str = "\
Examples:
  gan data fetch fashion-mnist
  gan data fetch fashion-mnist --from /media/usb/fashion-mnist/";

const EXPORT_EXAMPLES: &str = "\
Examples:
  gan data export fashion-mnist --out clothes/
  gan data export fashion-mnist --per-class 100 --out few/";

const INSPECT_EXAMPLES: &str = "\
Examples:
  gan data inspect photos/
  gan data inspect fashion-mnist-test --sheet sheet.png --columns 20";

/// Does it.
///
/// # Errors
/// A data set that is not there or cannot be read.
pub fn run(args: Args) -> Result<()> {
    match args.action {
        Action::List => {
            for set in gan_data::list(&Options::default()) {
                line(format_args!("{set}"));
            }
            line(format_args!("\nA folder, zip, IDX or CIFAR file of images can be named in their place."));
            Ok(())
        }
        Action::Fetch { name, from } => {
            crate::say::note(format_args!("fetching {name} ..."));
            let fetched = gan_data::fetch(&name, from.as_deref(), None).map_err(Error::from)?;
            match fetched.folder {
                None => line(format_args!("{name} is built in")),
                Some(folder) => {
                    let how = if fetched.was_there { "was there already" } else { "is ready" };
                    line(format_args!("{name} {how}: {} in {}", bytes(fetched.bytes), folder.display()));
                }
            }
            Ok(())
        }
        Action::Export { data, out, per_class, size } => export(&data, &out, per_class.unwrap_or(0), size),
        Action::Inspect { data, sheet, size, columns, rows, strict } => {
            let options = Options { strict, ..Options::default() };
            line(format_args!("{}", gan_data::inspect(&data, &options).map_err(Error::from)?));
            if let Some(path) = sheet {
                let set = open_in_one_size(&data, size, options)?;
                let layout = SheetOptions { columns, rows, ..SheetOptions::default() };
                gan_data::contact_sheet(&set, &layout, &path).map_err(Error::from)?;
                line(format_args!("wrote {}", path.display()));
            }
            Ok(())
        }
    }
}

fn export(data: &str, out: &Path, per_class: u64, size: Option<u64>) -> Result<()> {
    class_folders::check(out)?;
    let set = open_in_one_size(data, size, Options { per_class, ..Options::default() })?;
    let mut folders = ClassFolders::new(out, set.classes())?;
    let bar = progress::counted("writing", set.len() as u64);
    let shape = [1, set.channels().into(), set.height().into(), set.width().into()];
    let (mut written, mut broken) = (0u64, 0u64);
    for index in 0..set.len() {
        bar.inc(1);
        let Ok(pixels) = set.load(index) else {
            broken += 1;
            continue;
        };
        let image = Tensor::f_from_data_size(&pixels, &shape, Kind::Uint8)?;
        for picture in pictures::of_bytes(&image)? {
            folders.save("image", set.label(index).unwrap_or(0) as usize, &picture)?;
            written += 1;
        }
    }
    bar.finish_and_clear();
    if broken > 0 {
        note(format_args!("warning: {broken} images that cannot be read left out"));
    }
    line(format_args!("wrote {} images to {}", thousands(written), out.display()));
    Ok(())
}

/// All images in one size: the one asked for, the data's own, or 64 where they differ.
fn open_in_one_size(data: &str, size: Option<u64>, options: Options) -> Result<DataSet> {
    let size = size
        .map(|size| {
            u32::try_from(size)
                .map_err(|_| usage(format!("--size {size}: more pixels than a picture can have")))
        })
        .transpose()?;
    let options = Options { size, ..options };
    match DataSet::open(data, &options) {
        Err(gan_data::Error::Config { field, .. }) if size.is_none() && field == "size" => {
            let options = Options { size: Some(64), fit: Fit::Pad, ..options };
            Ok(DataSet::open(data, &options).map_err(Error::from)?)
        }
        opened => Ok(opened.map_err(Error::from)?),
    }
}
