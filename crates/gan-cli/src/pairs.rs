//! The data of a run that translates images: two domains, given pairs, or pairs made of plain images.

use crate::config::{DataConfig, RunConfig};
use crate::failure::usage;
use crate::pictures;
use anyhow::Result;
use gan_core::data::{PairBatch, Source};
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_core::tensor::grid::side_by_side;
use gan_core::variant::Panel;
use gan_data::{
    Broken, DataSet, DomainSource, Fit, ImageSource, Options, PairSource, PairedSet, Sampling, Task, TaskSource,
};
use gan_report::Picture;
use std::path::Path;
use std::sync::Arc;
use tch::{Device, Tensor, no_grad};

/// Pairs that are looked at: on the first sheet and in previews.
const SHOWN: usize = 8;
/// Images that are translated at a time.
const AT_A_TIME: i64 = 8;

/// What pairs are drawn from.
#[derive(Debug, Clone)]
pub enum Pairs {
    /// Images of two domains that do not belong together.
    Domains([Arc<DataSet>; 2]),
    /// Images that do.
    Given(Arc<PairedSet>),
    /// Images that are spoilt on the fly, to be restored.
    Made(Arc<DataSet>, Task),
}

/// A run's batches.
#[derive(Debug)]
pub enum DrawnPairs {
    /// Of two domains.
    Domains(Box<DomainSource>),
    /// Of given pairs.
    Given(Box<PairSource>),
    /// Of pairs that are made.
    Made(Box<TaskSource<ImageSource>>),
}
