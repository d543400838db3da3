//! What one looks at in a run folder, written off the training thread.
//!
//! - [`RunReport`]: a background thread that writes sample pictures, a TensorBoard event file and
//!   `curves.png`, and keeps every failure as a sentence instead of stopping the training.
//! - [`Picture`], [`grid`], [`strip`], [`save_png`], [`save_gif`], [`save_apng`], [`save_mp4`]: pictures and animations;
//!   [`scatter()`]: points in the plane.
//! - [`read_log`], [`draw_curves`]: a run's `log.jsonl` and what it looks like.
//!
//! The crate knows neither tensors nor networks: bytes come in, files go out.
//!
//! ```
//! use gan_report::{LogLine, Moments, Picture, RunReport};
//! # let folder = tempfile::tempdir()?;
//! # let run_folder = folder.path();
//! let report = RunReport::open(run_folder)?;
//! report.report(&LogLine {
//!     step: 10,
//!     images: 640,
//!     seconds: 4.0,
//!     images_per_second: 160.0,
//!     values: [("loss/generator".into(), Moments { mean: 0.7, std: 0.1, count: 10 })].into_iter().collect(),
//! });
//! report.sample(640, "samples", Picture::filled(64, 64, [128, 128, 128]), "samples/000000640.png");
//! let warnings = report.close();
//! assert!(warnings.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod atomic;
mod curves;
mod error;
mod events;
mod layout;
mod log;
mod picture;
mod protobuf;
mod report;
mod save;
mod scatter;

pub use atomic::write as write_file;
pub use curves::{draw_curves, save_curves};
pub use error::{Error, Result};
pub use events::EventFile;
pub use layout::{Grid, grid, strip, upscale_nearest};
pub use log::{LogLine, Moments, read_log};
pub use picture::Picture;
pub use report::RunReport;
pub use save::{encode_png, save_apng, save_gif, save_mp4, save_png};
pub use scatter::{Scatter, scatter};
