//! A small classifier of images, trained here in about a minute: it names what a generator drew. A larger one describes
//! images by the mean of its last map.
//!
//! 3x3 convolutions with batch normalisation, poolings and one linear layer; Adam with a cosine rate, images moved by up to
//! two pixels. One image in six is never trained on and gives the accuracy that belongs beside every number made with
//! it.

use gan_core::clock::{Clock, Schedule};
use gan_core::comm::Solo;
use gan_core::device::{DevicePolicy, Precision};
use gan_core::error::{Error, Result};
use gan_core::nn::{BatchNorm2d, Conv2d, ConvOptions, Init, Mode, Parameters, Scope};
use gan_core::optim::AdamConfig;
use gan_core::player::Player;
use gan_core::random::{self, Streams};
use gan_core::recorder::Recorder;
use gan_core::step::StepCtx;
use gan_core::tensor::guard::{ANY, shape};
use gan_core::tensor::{file, range};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tch::{Kind, Reduction, Tensor, no_grad};

/// Images and their classes.
#[derive(Debug)]
pub struct Labelled {
    /// What it is called in reports.
    pub name: String,
    /// u8 `[N, C, H, W]`, H and W at least 8.
    pub images: Tensor,
    /// i64 `[N]`, each in 0..classes.
    pub labels: Tensor,
    /// How many classes there are.
    pub classes: i64,
}

/// How the classifier is trained. The defaults reach their end in about a minute on two cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recipe {
    /// Times that every image is shown.
    pub epochs: i64,
    /// Images shown in all instead, rounded down to whole steps; 0: so many epochs of whole steps.
    pub shown: i64,
    /// Images in a step.
    pub batch: i64,
    /// First weights, order and shifts are a function of it.
    pub seed: u64,
    /// Every so many images one is kept out of training and gives the accuracy; 0: none is.
    pub test_every: i64,
    /// What is trained.
    pub layout: Layout,
}

impl Default for Recipe {
    fn default() -> Self {
        Self { epochs: 12, shown: 0, batch: 100, seed: 1, test_every: 6, layout: Layout::NAMING }
    }
}

/// The layers of a classifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// Channels of each 3x3 convolution.
    channels: &'static [i64],
    /// The convolutions, counted from 0, after which the map is halved.
    halved: &'static [usize],
    /// Whether the linear layer sees the mean of the last map instead of all of it.
    averaged: bool,
}

impl Layout {
    /// Small: tells classes apart.
    pub const NAMING: Self = Self { channels: &[16, 32, 64], halved: &[0, 1], averaged: false };
    /// Larger, with 128 features that describe an image.
    pub const DESCRIBING: Self = Self { channels: &[32, 32, 64, 64, 128], halved: &[1, 3], averaged: true };
}

/// A trained classifier.
#[derive(Debug)]
pub struct Classifier {
    network: Network,
    policy: DevicePolicy,
    name: String,
    accuracy: f64,
    class_shares: Vec<f64>,
}

/// Raised when the network or its training changes, so that no old file is taken for a new one.
const VERSION: &str = "gan-metrics classifier 1";
const LARGEST_SHIFT: i64 = 2;
/// Images that are classified together.
const AT_A_TIME: i64 = 500;

impl Classifier {
    /// Trains, or reads what was trained on the same images with the same recipe before, if `cache` is a folder for such
    /// files. A file there that cannot be read is made anew.
    ///
    /// # Errors
    /// Images or labels of another shape or kind, too few of them; a cache that cannot be written; LibTorch's.
    pub fn trained(
        data: &Labelled,
        recipe: &Recipe,
        policy: &DevicePolicy,
        cache: Option<&Path>,
    ) -> Result<Self> {
        check(data, recipe)?;
        let policy = DevicePolicy { precision: Precision::F32, ..*policy };
        let mut weights = Parameters::new(&policy, random::key(recipe.seed, &[], "classifier"));
        let (_, channels, height, width) = data.images.size4()?;
        let network = Network::new(weights.root(), recipe.layout, data.classes, [channels, height, width])?;
        let name = data.name.clone();
        let mut classifier = Self { network, policy, name, accuracy: 0.0, class_shares: class_shares(data)? };
        let path = cache.map(|folder| Ok::<_, Error>(folder.join(file_name(data, recipe)?))).transpose()?;
        let kept = path.as_deref().and_then(|path| file::read(path).ok());
        if let Some(accuracy) = kept.and_then(|named| restore(&weights, named)) {
            classifier.accuracy = accuracy;
            return Ok(classifier);
        }
        // The store moves into the player that trains it; these are the same tensors.
        let mut named = weights.named();
        classifier.train(weights, data, recipe)?;
        if let Some(path) = path {
            named.push((ACCURACY.to_owned(), Tensor::from(classifier.accuracy)));
            write(&path, &file::encode(&named)?)?;
        }
        Ok(classifier)
    }

    /// Reads what [`Classifier::trained`] has left in its cache: a file's bytes, and what it was trained on. Shares of
    /// classes are not in there.
    ///
    /// # Errors
    /// Bytes of something else.
    pub fn read(
        bytes: &[u8],
        name: &str,
        (layout, classes, size): (Layout, i64, [i64; 3]),
        policy: &DevicePolicy,
    ) -> Result<Self> {
        let policy = DevicePolicy { precision: Precision::F32, ..*policy };
        let mut weights = Parameters::new(&policy, 0);
        let network = Network::new(weights.root(), layout, classes, size)?;
        let accuracy = restore(&weights, file::decode(bytes, Path::new(name))?)
            .ok_or_else(|| Error::data(name, "holds the weights of another network"))?;
        Ok(Self { network, policy, name: name.to_owned(), accuracy, class_shares: Vec::new() })
    }

    /// The share of held-out images that it names rightly.
    pub fn accuracy(&self) -> f64 {
        self.accuracy
    }

    /// What it was trained on.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The share of each class among the images that it was given.
    pub fn class_shares(&self) -> &[f64] {
        &self.class_shares
    }

    /// The class of each image.
    ///
    /// # Shapes
    /// `images` u8 `[N, C, H, W]` as the training images; out i64 `[N]`
    ///
    /// # Errors
    /// Images of another shape or kind; LibTorch's.
    pub fn classify(&self, images: &Tensor) -> Result<Tensor> {
        Ok(self.describe(images)?.1.f_argmax(1, false)?)
    }

    /// What the last layer is given of each image, and what it makes of it.
    ///
    /// # Shapes
    /// `images` as in [`Classifier::classify`]; out `[N, features]` and logits `[N, classes]`, f32 where the images are
    ///
    /// # Errors
    /// Images of another shape or kind; LibTorch's.
    pub fn describe(&self, images: &Tensor) -> Result<(Tensor, Tensor)> {
        if images.kind() != Kind::Uint8 {
            return Err(Error::config("images", format!("must be of kind u8, not {:?}", images.kind())));
        }
        self.describe_signed(&range::to_signed(images)?)
    }

    /// [`Classifier::describe`] of images f32 in [-1, 1].
    pub(crate) fn describe_signed(&self, images: &Tensor) -> Result<(Tensor, Tensor)> {
        let [channels, height, width] = self.network.size;
        shape("images to classify", images, &[ANY, channels, height, width])?;
        no_grad(|| {
            let (mut features, mut logits) = (Vec::new(), Vec::new());
            for part in images.f_split(AT_A_TIME, 0)? {
                let part = part.f_to_device(self.policy.device)?;
                let described = self.network.features(&part, Mode::Eval)?;
                logits.push(self.network.classes(&described)?);
                features.push(described);
            }
            let joined = |parts: &[Tensor]| Tensor::f_cat(parts, 0)?.f_to_device(images.device());
            Ok((joined(&features)?, joined(&logits)?))
        })
    }

    /// What each convolution makes of images f32 in [-1, 1], before maps are halved; it can be derived by the images.
    pub(crate) fn depths(&self, images: &Tensor) -> Result<Vec<Tensor>> {
        let [channels, height, width] = self.network.size;
        shape("images to classify", images, &[ANY, channels, height, width])?;
        self.network.maps(&images.f_to_device(self.policy.device)?, Mode::Eval)
    }

    fn train(&mut self, weights: Parameters, data: &Labelled, recipe: &Recipe) -> Result<()> {
        let device = self.policy.device;
        let numbers = Tensor::f_arange(data.images.size()[0], (Kind::Int64, data.images.device()))?;
        let is_test = match recipe.test_every {
            0 => numbers.f_lt(0)?,
            every => numbers.f_remainder(every)?.f_eq(every - 1)?,
        };
        let part = |chosen: &Tensor| -> Result<(Tensor, Tensor)> {
            let chosen = chosen.f_nonzero()?.f_reshape([-1i64])?;
            Ok((data.images.f_index_select(0, &chosen)?, data.labels.f_index_select(0, &chosen)?))
        };
        let (images, labels) = part(&is_test.f_logical_not()?)?;
        let (images, labels) = (images.f_to_device(device)?, labels.f_to_device(device)?);
        let steps = images.size()[0] / recipe.batch;
        let total = if recipe.shown > 0 { recipe.shown / recipe.batch } else { recipe.epochs * steps };
        let rate = Schedule::Cosine { from: 2e-3, to: 1e-5, begin: 0, end: (total * recipe.batch) as u64 };

        let mut player = Player::new("classifier", weights, AdamConfig::new(2e-3, 0.9))?;
        let recorder = Recorder::default();
        let mut clock = Clock::default();
        let mut order = Tensor::new();
        for number in 0..total {
            let (epoch, step) = (number / steps, number % steps);
            if step == 0 {
                let streams = Streams::new(recipe.seed, 0, epoch as u64, device);
                order = streams.uniform("epoch order", &[images.size()[0]])?.f_argsort(0, false)?;
                // Nobody asks for what was recorded; it would only pile up.
                recorder.drain();
            }
            let ctx = StepCtx::new(clock, &self.policy, &Solo, &recorder, recipe.seed);
            let chosen = order.f_narrow(0, step * recipe.batch, recipe.batch)?;
            let shown = range::to_signed(&images.f_index_select(0, &chosen)?)?;
            let shown = shifted(&shown, random::key(recipe.seed, &[clock.step], "shift"))?;
            let logits = self.network.classes(&self.network.features(&shown, Mode::Train)?)?;
            let loss = logits.f_cross_entropy_loss(
                &labels.f_index_select(0, &chosen)?,
                None::<Tensor>,
                Reduction::Mean,
                -100,
                0.0,
            )?;
            player.adam_mut().config.lr = rate.at(clock.images);
            player.descend(&ctx, &loss)?;
            clock = Clock { step: clock.step + 1, images: clock.images + recipe.batch as u64 };
        }
        if recipe.test_every > 0 {
            let (images, labels) = part(&is_test)?;
            self.accuracy = self.accuracy_on(&images, &labels)?;
        }
        Ok(())
    }

    /// The share of images that it names rightly.
    ///
    /// # Shapes
    /// `images` as in [`Classifier::classify`], `labels` i64 `[N]`
    ///
    /// # Errors
    /// As [`Classifier::classify`].
    pub fn accuracy_on(&self, images: &Tensor, labels: &Tensor) -> Result<f64> {
        let right = self.classify(images)?.f_eq_tensor(&labels.f_to_device(images.device())?)?;
        Ok(right.f_to_kind(Kind::Double)?.f_mean(Kind::Double)?.f_double_value(&[])?)
    }
}

/// The layers with their weights.
#[derive(Debug)]
struct Network {
    layout: Layout,
    convolutions: Vec<(Conv2d, BatchNorm2d)>,
    weight: Tensor,
    bias: Tensor,
    /// Channels, height and width.
    size: [i64; 3],
}

impl Network {
    fn new(mut scope: Scope, layout: Layout, classes: i64, size: [i64; 3]) -> Result<Self> {
        let mut convolutions = Vec::new();
        let mut inputs = size[0];
        for (index, &outputs) in (1..).zip(layout.channels) {
            let options = ConvOptions { kernel: 3, stride: 1, padding: 1, bias: false };
            // He et al. 2015, equation 10.
            let init = Init::Normal { mean: 0.0, std: (2.0 / (9 * inputs) as f64).sqrt() };
            let convolution = Conv2d::new(scope.sub(format!("conv{index}")), inputs, outputs, options, init)?;
            let norm = BatchNorm2d::new(scope.sub(format!("norm{index}")), outputs, Init::Ones)?;
            convolutions.push((convolution, norm));
            inputs = outputs;
        }
        if !layout.averaged {
            inputs *= size[1..].iter().map(|size| size >> layout.halved.len()).product::<i64>();
        }
        let init = Init::Normal { mean: 0.0, std: (1.0 / inputs as f64).sqrt() };
        let mut linear = scope.sub("linear");
        let weight = linear.parameter("weight", &[classes, inputs], init)?;
        let bias = linear.parameter("bias", &[classes], Init::Zeros)?;
        Ok(Self { layout, convolutions, weight, bias, size })
    }

    /// # Shapes
    /// `x` `[N, C, H, W]` in [-1, 1]; out `[N, features]`
    fn features(&self, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let mut x = x.shallow_clone();
        for index in 0..self.convolutions.len() {
            x = self.halved(index, self.map(index, &x, mode)?)?;
        }
        match self.layout.averaged {
            true => Ok(x.f_mean_dim([2i64, 3].as_slice(), false, Kind::Float)?),
            false => Ok(x.f_flatten(1, -1)?),
        }
    }

    /// # Shapes
    /// `x` `[N, C, H, W]` in [-1, 1]; out `[N, channels[index], ...]` of each convolution
    fn maps(&self, x: &Tensor, mode: Mode) -> Result<Vec<Tensor>> {
        let mut x = x.shallow_clone();
        let mut maps = Vec::new();
        for index in 0..self.convolutions.len() {
            let map = self.map(index, &x, mode)?;
            x = self.halved(index, map.shallow_clone())?;
            maps.push(map);
        }
        Ok(maps)
    }

    fn map(&self, index: usize, x: &Tensor, mode: Mode) -> Result<Tensor> {
        let (convolution, norm) = &self.convolutions[index];
        Ok(norm.forward(&convolution.forward(x)?, mode)?.f_relu()?)
    }

    fn halved(&self, index: usize, map: Tensor) -> Result<Tensor> {
        match self.layout.halved.contains(&index) {
            true => Ok(map.f_max_pool2d([2; 2], [2; 2], [0; 2], [1; 2], false)?),
            false => Ok(map),
        }
    }

    /// # Shapes
    /// `features` `[N, features]`; out `[N, classes]`
    fn classes(&self, features: &Tensor) -> Result<Tensor> {
        Ok(features.f_linear(&self.weight, Some(&self.bias))?)
    }
}

/// A batch moved by up to two pixels each way, the border repeated.
fn shifted(images: &Tensor, key: u64) -> Result<Tensor> {
    let (_, _, height, width) = images.size4()?;
    let choices = (2 * LARGEST_SHIFT + 1) as u64;
    let (down, right) = ((key % choices) as i64, (key / choices % choices) as i64);
    let padded = images.f_replication_pad2d([LARGEST_SHIFT; 4])?;
    Ok(padded.f_narrow(2, down, height)?.f_narrow(3, right, width)?)
}

fn check(data: &Labelled, recipe: &Recipe) -> Result<()> {
    shape("images to learn", &data.images, &[ANY; 4])?;
    let (count, _, height, width) = data.images.size4()?;
    shape("labels", &data.labels, &[count])?;
    if data.images.kind() != Kind::Uint8 || data.labels.kind() != Kind::Int64 {
        return Err(Error::config("classifier", "learns u8 images with i64 labels"));
    }
    if height.min(width) < 8
        || recipe.batch < 2
        || recipe.epochs < 1
        || recipe.test_every < 0
        || count < 2 * recipe.batch
    {
        let why = format!("cannot learn {count} images of {height} x {width} in batches of {}", recipe.batch);
        return Err(Error::config("classifier", why));
    }
    let (low, high) = (data.labels.f_min()?.f_int64_value(&[])?, data.labels.f_max()?.f_int64_value(&[])?);
    if low < 0 || high >= data.classes {
        let why = format!("labels go from {low} to {high}, where there are {} classes", data.classes);
        return Err(Error::config("classifier", why));
    }
    Ok(())
}

fn class_shares(data: &Labelled) -> Result<Vec<f64>> {
    let counts = data.labels.f_bincount(None::<Tensor>, data.classes)?.f_to_kind(Kind::Double)?;
    Ok(Vec::try_from(&counts.f_div_scalar(data.labels.size()[0] as f64)?)?)
}

const ACCURACY: &str = "accuracy";

/// A name that differs wherever the result would.
fn file_name(data: &Labelled, recipe: &Recipe) -> Result<String> {
    let mut hash = Sha256::new();
    hash.update(format!("{VERSION} {recipe:?} {:?} {}", data.images.size(), data.classes));
    hash.update(Vec::<u8>::try_from(&data.images.f_contiguous()?.f_flatten(0, -1)?)?);
    for label in Vec::<i64>::try_from(&data.labels)? {
        hash.update(label.to_le_bytes());
    }
    let digits: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("classifier-{digits}.safetensors"))
}

/// Weights from an earlier training into the network; their accuracy.
fn restore(weights: &Parameters, mut named: file::Named) -> Option<f64> {
    let at = named.iter().position(|(name, _)| name == ACCURACY)?;
    let accuracy = named.swap_remove(at).1.f_double_value(&[]).ok()?;
    weights.load(&named).ok()?;
    Some(accuracy)
}

/// The file appears whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_owned);
    let aside = folder.join(format!(".classifier-{}", std::process::id()));
    let written = std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::write(&aside, bytes))
        .and_then(|()| std::fs::rename(&aside, path));
    written.map_err(|source| Error::file(path, source))
}
