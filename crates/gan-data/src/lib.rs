//! Images from anywhere to batches.
//!
//! - [`DataSet`]: folders, zips, IDX and CIFAR files or a named set, opened as images of one shape
//! - [`Attributes`]: numbers that a CSV gives for every image, such as an angle or 0 and 1 for no and yes
//! - [`Batches`]: batches of bytes in an order that is a pure function of (seed, rank, draw), decoded ahead
//!   by threads; [`ImageSource`] (feature `torch`) hands them to the trainer as tensors
//! - [`Domains`], [`Pairs`]: two sets of images to be translated into each other, without and with pairs;
//!   [`DomainSource`] and [`PairSource`] (feature `torch`) hand them to the trainer
//! - [`PointSet`], [`Stacked`] (feature `torch`): data made on the fly whose modes are known
//! - [`task`] (feature `torch`): pairs to learn restoration from, made of plain images by spoiling them
//! - [`Originals`]: images each in its own size, for metrics
//! - [`inspect`], [`contact_sheet`]: what is in a data set, in numbers and in a picture
//! - [`list`], [`fetch`]: data sets that have names; [`are_aligned`], [`held_out_of`]: which of them belong together
//!
//! ```no_run,standalone_crate
//! use gan_data::{Batches, DataSet, Options, Sampling};
//! use std::sync::Arc;
//!
//! # #[cfg(feature = "builtin")]
//! # fn main() -> gan_data::Result<()> {
//! let data = DataSet::open("fashion-mnist-test", &Options { size: Some(32), ..Options::default() })?;
//! assert_eq!(data.describe(), "fashion-mnist-test: 10000 images, 32 x 32 x 1 (padded with black from 28 x 28), 10 classes");
//! let mut batches = Batches::new(Arc::new(data), Sampling::new(64, 7))?;
//! assert_eq!(batches.next()?.images.len(), 64 * 32 * 32);
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "builtin"))]
//! # fn main() {}
//! ```

mod attributes;
mod batches;
mod dataset;
mod decode;
mod domains;
mod error;
mod fetch;
mod fit;
mod font;
mod inspect;
mod layout;
mod loader;
mod matching;
mod named;
mod options;
mod order;
mod originals;
mod pairs;
mod pixels;
#[cfg(feature = "torch")]
mod points;
mod probe;
mod reader;
mod sheet;
#[cfg(feature = "torch")]
mod source;
mod splits;
#[cfg(feature = "torch")]
mod stacked;
mod target;
#[cfg(feature = "torch")]
pub mod task;
#[cfg(feature = "torch")]
mod two_sources;

pub use attributes::Attributes;
pub use batches::{Batch, Batches, Sampling};
pub use dataset::{Broken, DataSet};
pub use domains::Domains;
pub use error::{Error, Result};
pub use fetch::{Fetched, fetch};
pub use inspect::{Inspection, inspect};
pub use named::{DEFAULT, Named, Place, are_aligned, cache_folder, held_out_of, list, mobilenet_v2};
pub use options::{Fit, Options};
pub use order::{Order, Pick};
pub use originals::{Original, Originals};
pub use pairs::PairedSet;
#[cfg(feature = "torch")]
pub use points::{FIXED, PointSet, PointSource};
pub use sheet::{SheetOptions, contact_sheet};
#[cfg(feature = "torch")]
pub use source::ImageSource;
pub use splits::Pairs;
#[cfg(feature = "torch")]
pub use stacked::{Stacked, StackedSource};
#[cfg(feature = "torch")]
pub use task::{Task, TaskSource};
#[cfg(feature = "torch")]
pub use two_sources::{DomainSource, PairSource};
