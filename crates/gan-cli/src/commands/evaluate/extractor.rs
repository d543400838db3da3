//! Which network makes the features.

use crate::dataset;
use crate::failure::usage;
use crate::say::note;
use anyhow::Result;
use gan_core::device::DevicePolicy;
use gan_core::error::Error;
use gan_metrics::extract::{Clothes, Convention, Extract, Inception, Lpips, MobileNet, Scripted, Tap};
use std::path::{Path, PathBuf};
use tch::Kind;

/// The extractor's options.
#[derive(Debug, clap::Args)]
pub struct Choice {
    /// auto (Inception where its weights are there), inception, clothes (built in, for grey and small images), mobilenet (for
    /// natural images in colour; `gan data fetch mobilenet-v2` gets its weights), lpips (for feature-distance, with --vgg and
    /// --lpips), or a TorchScript file: given RGB of 0 to 255 [N, 3, H, W] it returns features [N, D]
    #[arg(long, default_value = "auto", value_name = "NAME|FILE.pt")]
    extractor: String,
    /// Inception's weights, of PyTorch or safetensors
    #[arg(long, value_name = "FILE")]
    inception: Option<PathBuf>,
    /// MobileNetV2's weights, torchvision's of PyTorch or safetensors [default: those that were fetched]
    #[arg(long, value_name = "FILE")]
    mobilenet: Option<PathBuf>,
    #[command(flatten)]
    lpips: LpipsFiles,
    /// Inception's features: 64, 192, 768 or 2048
    #[arg(long, default_value_t = 2048, value_name = "N")]
    features: i64,
    /// How images come to Inception
    #[arg(long, value_enum, default_value = "tensorflow")]
    convention: Word,
    /// What Inception computes in
    #[arg(long, value_enum, default_value = "f32")]
    precision: Precision,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Word {
    /// The original FID's, torch-fidelity's and StyleGAN's
    Tensorflow,
    /// pytorch-fid's
    PytorchFid,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Precision {
    /// Comparable with published scores
    F32,
    /// Faster, and a little off
    Bf16,
}

/// Where the weights of LPIPS lie.
#[derive(Debug, Clone, clap::Args)]
pub struct LpipsFiles {
    /// LPIPS: torchvision's VGG16 of ImageNet, vgg16-397923af.pth
    #[arg(long, value_name = "FILE")]
    vgg: Option<PathBuf>,
    /// LPIPS: the heads in the Python package `lpips`, weights/v0.1/vgg.pth
    #[arg(long, value_name = "FILE")]
    lpips: Option<PathBuf>,
}

impl LpipsFiles {
    /// Whether both were named.
    pub fn are_named(&self) -> bool {
        self.vgg.is_some() && self.lpips.is_some()
    }

    /// The extractor with its weights.
    ///
    /// # Errors
    /// No weights, or those of another network.
    pub fn open(&self, policy: &DevicePolicy) -> Result<Box<dyn Extract>> {
        let (Some(vgg), Some(heads)) = (&self.vgg, &self.lpips) else {
            return Err(usage(
                "--extractor lpips: needs two files: --vgg, torchvision's vgg16-397923af.pth, and --lpips, the Python package's weights/v0.1/vgg.pth",
            ));
        };
        Ok(Box::new(Lpips::open(vgg, heads, policy.device)?))
    }
}

/// The published weights, by the name that most programs save them under.
const FILE: &str = "pt_inception-2015-12-05-6726825d.pth";
/// Below the cache folder, where `gan data fetch mobilenet-v2` puts them.
const MOBILENET: &str = "mobilenet-v2/mobilenet_v2-b0353104.pth";
const WHERE: &str = "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights";

impl Choice {
    /// The extractor with its weights.
    ///
    /// # Errors
    /// No weights, or those of another network.
    pub fn open(&self, policy: &DevicePolicy) -> Result<Box<dyn Extract>> {
        let found = self.inception.clone().or_else(|| places().into_iter().find(|path| path.is_file()));
        match (self.extractor.as_str(), found) {
            ("auto" | "inception", Some(path)) => self.inception(&path, policy),
            ("inception", None) => {
                let place = places().first().map_or(FILE.to_owned(), |path| path.display().to_string());
                Err(usage(format!(
                    "--extractor inception: its weights are not here; download {WHERE}/{FILE} (91 MB) to {place}, or name a file with --inception"
                )))
            }
            ("auto", None) => {
                note(format_args!(
                    "note: the built-in extractor, which knows grey clothes of 32 x 32; for Inception's FID see `gan evaluate --help`, --inception"
                ));
                Ok(Box::new(Clothes::new(policy)?))
            }
            ("mobilenet", _) => self.mobilenet(policy),
            ("lpips", _) => self.lpips.open(policy),
            ("clothes", _) => Ok(Box::new(Clothes::new(policy)?)),
            (path, _) if Path::new(path).is_file() => {
                Ok(Box::new(Scripted::open(Path::new(path), policy.device)?))
            }
            (word, _) => Err(usage(format!(
                "--extractor {word}: there is no such file; expected auto, inception, clothes, mobilenet, lpips or a TorchScript file"
            ))),
        }
    }

    /// Whether the choice is left to the program.
    pub fn is_auto(&self) -> bool {
        self.extractor == "auto" && self.mobilenet.is_none() && self.inception.is_none()
    }

    /// `MobileNetV2`, whatever was chosen.
    ///
    /// # Errors
    /// No weights, or those of another network.
    pub fn mobilenet(&self, policy: &DevicePolicy) -> Result<Box<dyn Extract>> {
        mobilenet(self.mobilenet.as_deref(), policy)
    }

    fn inception(&self, path: &Path, policy: &DevicePolicy) -> Result<Box<dyn Extract>> {
        let Some((_, tap)) = Tap::ALL.into_iter().find(|(count, _)| *count == self.features) else {
            return Err(usage(format!("--features {}: expected 64, 192, 768 or 2048", self.features)));
        };
        if !path.is_file() {
            return Err(Error::file(path, std::io::ErrorKind::NotFound.into()).into());
        }
        let convention = match self.convention {
            Word::Tensorflow => Convention::TensorFlow,
            Word::PytorchFid => Convention::PytorchFid,
        };
        let kind = match self.precision {
            Precision::F32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
        };
        Ok(Box::new(Inception::open(path, tap, convention, policy.device, kind)?))
    }
}

/// `MobileNetV2` with a file's weights, or those that were fetched.
///
/// # Errors
/// No weights, or those of another network.
pub fn mobilenet(file: Option<&Path>, policy: &DevicePolicy) -> Result<Box<dyn Extract>> {
    let Some(path) = file.map(Path::to_owned).or_else(fetched_mobilenet) else {
        return Err(usage(
            "--extractor mobilenet: its weights are not here; run `gan data fetch mobilenet-v2`, or name a file with --mobilenet",
        ));
    };
    Ok(Box::new(MobileNet::open(&path, policy.device)?))
}

/// Whether `gan data fetch mobilenet-v2` was here.
pub fn has_mobilenet() -> bool {
    fetched_mobilenet().is_some()
}

fn fetched_mobilenet() -> Option<PathBuf> {
    dataset::cache_folder().map(|folder| folder.join(MOBILENET)).filter(|path| path.is_file())
}

/// Where Inception's weights are looked for.
fn places() -> Vec<PathBuf> {
    let folder = dataset::cache_folder().map(|folder| folder.join("inception"));
    folder.map_or_else(Vec::new, |folder| {
        [FILE, "inception.safetensors"].map(|name| folder.join(name)).to_vec()
    })
}
